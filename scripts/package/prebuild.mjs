// Builds the portable addon and puts it where node-gyp-build finds it: prebuilds/<platform>-<arch>/caduceus.<libc>.node
// with its libraries beside it, named as prebuildify names them. (Prebuildify itself runs node-gyp for the machine it
// is on, where zig builds for another one.)
//
//   node scripts/package/prebuild.mjs [--target=TARGET] [--jobs=N]
//   TARGET: linux-x64-glibc, linux-x64-musl, linux-arm64-glibc, linux-arm64-musl, win32-x64 or win32-arm64
//
// The target defaults to this machine's own system: on Linux by zig, elsewhere by the system's compiler. Zig builds for
// Linux and Windows on any Linux.
import { mkdir, readdir, rm } from "node:fs/promises";
import { parseArgs } from "node:util";
import path from "node:path";
import { build, isForMusl, isShipped, placeFile } from "../build.mjs";
import { ownTarget, targets } from "../build/build_options.mjs";
import { treeAddon } from "../build/build_tree.mjs";
import { command } from "../setup/command.mjs";
import { setUp } from "../setup.mjs";
import { root } from "../setup/paths.mjs";
import { showProgress } from "../setup/progress.mjs";
import { SetupError } from "../setup/run_logged.mjs";
import { checkBinaries } from "./check_binaries.mjs";

await command(async () => {
  const { values } = parseArgs({ options: { target: { type: "string" }, jobs: { type: "string" } } });
  const target = /** @type {keyof typeof targets | undefined} */ (values.target) ?? ownTarget();
  const shipped = Object.keys(targets).filter((name) => !name.startsWith("darwin-"));
  if (target !== undefined && !shipped.includes(target))
    throw new SetupError(`Invalid value for --target: ${target}. Expected one of ${shipped.join(", ")}.`);
  await setUp("prebuild");
  const options = {
    portable: true,
    ...(target === undefined ? {} : { target }),
    ...(values.jobs === undefined ? {} : { jobs: Number(values.jobs) }),
  };
  const title = target ?? `${process.platform}-${process.arch}`;
  const tree = await showProgress(`prebuilt addon for ${title}`, (report) => build(options, report));
  const [platform, arch, libc] = target?.split("-") ?? [process.platform, process.arch];
  const folder = path.join(root, "prebuilds", `${platform}-${arch}`);
  const files = await place(path.dirname(treeAddon(tree)), folder, libc);
  await checkBinaries(files);
  process.stdout.write(`${files.map((file) => path.relative(root, file)).join("\n")}\n`);
});

/**
 * @param {string} from
 * @param {string} folder
 * @param {string | undefined} libc
 * @returns {Promise<string[]>} full paths
 */
async function place(from, folder, libc) {
  await mkdir(folder, { recursive: true });
  // Those of an earlier build, but not the other libc's.
  for (const name of await readdir(folder))
    if (isForMusl(name) === (libc === "musl")) await rm(path.join(folder, name));
  const placed = [];
  for (const name of (await readdir(from)).filter(isShipped)) {
    const file = path.join(folder, name === "caduceus.node" && libc !== undefined ? `caduceus.${libc}.node` : name);
    await placeFile(path.join(from, name), file);
    placed.push(file);
  }
  return placed.sort();
}
