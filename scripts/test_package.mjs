// `npm run test:package [-- --tarball FILE] [FILTER …]`: the packed package as its users meet it, in folders of their
// own: package managers, runtimes, bundlers, compilers, and what can be wrong with a machine. Without a tarball it
// packs one.
import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { findTarball } from "./package/tarball.mjs";
import { command } from "./setup/command.mjs";
import { setUp } from "./setup.mjs";
import { root } from "./setup/paths.mjs";
import { npmCommand, SetupError } from "./setup/run_logged.mjs";

await command(async () => {
  const { values, positionals } = parseArgs({ options: { tarball: { type: "string" } }, allowPositionals: true });
  await setUp("consumers");
  const tarball = await findTarball(values.tarball);
  const { fetchDefaultModel } = await import("../dist/files/index.js");
  const world = await mkdtemp(path.join(tmpdir(), "caduceus-package-"));
  const env = {
    CADUCEUS_TARBALL: tarball,
    CADUCEUS_MODEL: await fetchDefaultModel(),
    CADUCEUS_REGISTRY: registry(),
    CADUCEUS_WORLD: world,
  };
  try {
    const code = await vitest(positionals, { ...withoutNpm(process.env), ...env });
    if (code !== 0) throw new SetupError("Failed: the packed package.");
  } finally {
    await rm(world, { recursive: true, force: true });
  }
});

/** The user's own, which not every package manager asks npm's settings for. */
function registry() {
  const [program, args] = npmCommand(["config", "get", "registry"]);
  return execFileSync(program, args, { encoding: "utf8", shell: program.endsWith(".cmd") }).trim();
}

/**
 * What npm tells its scripts would be taken for the user's settings by the package managers under test.
 * @param {NodeJS.ProcessEnv} env
 */
function withoutNpm(env) {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^npm_(?!config_cafile)/.test(name)));
}

/** @param {string[]} filters @param {NodeJS.ProcessEnv} env @returns {Promise<number>} */
function vitest(filters, env) {
  return new Promise((resolve, reject) => {
    const args = [
      path.join(root, "node_modules/vitest/vitest.mjs"),
      "run",
      "--config",
      "test/package/vitest.config.ts",
      ...filters,
    ];
    const child = spawn(process.execPath, args, { cwd: root, stdio: "inherit", env });
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}
