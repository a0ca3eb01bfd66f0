// Folders as users have them, with the packed package installed. They lie outside the repository: inside it, a package
// that our own list of dependencies forgot would be found further up.
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { run, type Outcome, type RunOptions } from "../process/run_program.js";

/** What scripts/test_package.mjs hands over. */
function given(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run these tests with \`npm run test:package\`.`);
  return value;
}

export const tarball = given("CADUCEUS_TARBALL");
/** Of the default model; given by its path, so that nothing is looked for or downloaded. */
export const model = given("CADUCEUS_MODEL");
const registry = given("CADUCEUS_REGISTRY");
const world = given("CADUCEUS_WORLD");

/** A program that is installed for these tests alone. */
export function tool(...parts: string[]): string {
  const file = fileURLToPath(new URL(path.posix.join("tools/node_modules", ...parts), import.meta.url));
  if (!existsSync(file)) throw new Error(`There is no ${file}: this system's part of ${parts[0]} was not installed.`);
  return file;
}

/** An empty folder of an ES module project. */
export async function emptyProject(files: Readonly<Record<string, string>> = {}): Promise<string> {
  const folder = await mkdtemp(path.join(world, "project-"));
  const all = {
    "package.json": '{ "name": "project", "version": "1.0.0", "private": true, "type": "module" }\n',
    ...files,
  };
  for (const [name, text] of Object.entries(all)) await writeFile(path.join(folder, name), text);
  return folder;
}

export type Manager = "npm" | "pnpm" | "yarn classic" | "yarn berry" | "bun";

export const isMusl =
  process.platform === "linux" &&
  (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header.glibcVersionRuntime === undefined;
const machine = { x64: "x64", arm64: "aarch64" }[process.arch as "x64" | "arm64"];
export const bun = () => tool(`@oven/bun-${process.platform}-${machine}${isMusl ? "-musl" : ""}`, "bin", "bun");
export const deno = () => tool(`@deno/${process.platform}-${process.arch}-glibc`, "deno");
export const node = (major: number) => tool(`node-${major}-${process.arch}`, "bin", "node");

/** Its own store: one that is shared would hand out an older tarball of the same version. */
const managers: Readonly<
  Record<Manager, (folder: string) => readonly [string, readonly string[], Record<string, string>?]>
> = {
  npm: () => ["npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", tarball]],
  pnpm: () => [
    tool(`@pnpm/exe.${process.platform}-${process.arch}${isMusl ? "-musl" : ""}`, "pnpm"),
    ["add", "--ignore-scripts", "--store-dir", path.join(world, "pnpm"), tarball],
  ],
  "yarn classic": () => [
    process.execPath,
    [
      tool("yarn/bin/yarn.js"),
      "add",
      "--ignore-scripts",
      "--cache-folder",
      path.join(world, "yarn"),
      `file:${tarball}`,
    ],
  ],
  "yarn berry": () => [
    process.execPath,
    [tool("@yarnpkg/cli-dist/bin/yarn.js"), "add", `caduceus@file:${tarball}`],
    {
      YARN_NODE_LINKER: "node-modules",
      YARN_ENABLE_SCRIPTS: "false",
      YARN_ENABLE_TELEMETRY: "false",
      YARN_ENABLE_GLOBAL_CACHE: "false",
      YARN_NPM_REGISTRY_SERVER: registry,
      // Made for teams of their own; here a test of a release of the same day is what is wanted.
      YARN_NPM_MINIMAL_AGE_GATE: "0",
    },
  ],
  bun: () => [bun(), ["add", "--ignore-scripts", tarball], { BUN_INSTALL_CACHE_DIR: path.join(world, "bun") }],
};
export const managerNames = Object.keys(managers) as Manager[];

/** Installs without any install script, as more and more people do. */
export async function installWith(manager: Manager, folder: string): Promise<Outcome> {
  const [command, args, env = {}] = managers[manager](folder);
  if (manager === "yarn berry") await writeFile(path.join(folder, "yarn.lock"), "");
  return runIn(folder, command, args, {
    env: { npm_config_registry: registry, YARN_REGISTRY: registry, CI: "1", ...env },
    timeoutMs: 280_000,
  });
}

/** A project with the package installed by npm, the same for all that do not change it. */
export async function installed(): Promise<string> {
  const folder = path.join(world, "installed");
  if (existsSync(folder)) return folder;
  const made = await emptyProject();
  const { code, stderr } = await installWith("npm", made);
  if (code !== 0) throw new Error(stderr);
  for (const name of await readdir(new URL("programs", import.meta.url)))
    await cp(new URL(`programs/${name}`, import.meta.url), path.join(made, name));
  await cp(made, folder, { recursive: true, verbatimSymlinks: true });
  return folder;
}

/** One of its own, to be damaged; what caduceus depends on is shared. */
export async function installedCopy(): Promise<string> {
  const shared = await installed();
  const folder = await mkdtemp(path.join(world, "copy-"));
  await mkdir(path.join(folder, "node_modules"));
  for (const entry of await readdir(shared, { withFileTypes: true })) {
    if (entry.isFile()) await cp(path.join(shared, entry.name), path.join(folder, entry.name));
  }
  for (const name of await readdir(path.join(shared, "node_modules"))) {
    const [from, to] = [path.join(shared, "node_modules", name), path.join(folder, "node_modules", name)];
    await (name === "caduceus" ? cp(from, to, { recursive: true }) : symlink(from, to));
  }
  return folder;
}

/** The compiled addon that a project would load. */
export function addonOf(folder: string, name = "caduceus"): string {
  const require = createRequire(path.join(folder, "package.json"));
  return (require("node-gyp-build") as { resolve(folder: string): string }).resolve(
    path.join(folder, "node_modules", name),
  );
}

/**
 * In the folder, without anything of this machine that a user would not have: no addon and no models from elsewhere.
 */
export async function runIn(
  folder: string,
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  await mkdir(path.join(world, "cache"), { recursive: true });
  const env = {
    CADUCEUS_CACHE: path.join(world, "cache"),
    CADUCEUS_PREBUILD: undefined,
    NODE_OPTIONS: undefined,
    NODE_PATH: undefined,
    VITEST: undefined,
    NODE_ENV: undefined,
    ...options.env,
  };
  return run(command, args, { timeoutMs: 240_000, ...options, env, cwd: folder });
}

/** In a mount namespace of its own, where `commands` were run first. */
export function runUnshared(
  folder: string,
  commands: string,
  command: string,
  args: readonly string[],
): Promise<Outcome> {
  return runIn(folder, "unshare", [
    "--map-root-user",
    "--mount",
    "sh",
    "-c",
    `set -e; ${commands}; exec "$@"`,
    "sh",
    command,
    ...args,
  ]);
}

export async function remove(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
