// The tests of the kernels for ARM on a machine that has no ARM processor: cross-compiled, and run in QEMU.
import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import path from "node:path";
import { nativeTrees, root } from "../setup/paths.mjs";
import { showProgress } from "../setup/progress.mjs";
import { runLogged, SetupError } from "../setup/run_logged.mjs";

const compilers = { C: "aarch64-linux-gnu-gcc", CXX: "aarch64-linux-gnu-g++" };

/** What of it is missing here, as a sentence with its remedy. @returns {string | undefined} */
export function missingForNeon() {
  if (process.platform !== "linux") return "The tests for ARM are cross-compiled on Linux only.";
  const missing = [...Object.values(compilers), emulator() ?? "qemu-aarch64"].filter((program) => !isThere(program));
  if (missing.length === 0) return undefined;
  return `The tests for ARM need ${missing.join(", ")}: install them with \`sudo apt-get install -y g++-aarch64-linux-gnu qemu-user-static\`.`;
}

/** @returns {Promise<number>} exit code of ctest */
export async function runNeonTests() {
  const qemu = emulator();
  if (qemu === undefined) throw new SetupError(missingForNeon() ?? "");
  const tree = path.join(nativeTrees, "neon");
  const log = "neon";
  await showProgress("tests for ARM", async () => {
    const compiler = Object.entries(compilers).map(([language, name]) => `-DCMAKE_${language}_COMPILER=${name}`);
    const system = ["-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64"];
    // Static programs find nothing that QEMU would have to be told of.
    const linking = ["-DCMAKE_EXE_LINKER_FLAGS=-static", `-DCMAKE_CROSSCOMPILING_EMULATOR=${qemu}`];
    const where = ["-S", root, "-B", tree, "-DCMAKE_BUILD_TYPE=Release"];
    await runLogged(log, "cmake", [...where, ...system, ...compiler, ...linking], { what: "CMake" });
    const jobs = String(availableParallelism());
    const target = ["--build", tree, "--target", "caduceus_kernel_tests", "--parallel", jobs];
    await runLogged(log, "cmake", target, { append: true, what: "The build for ARM" });
  });
  // All others need llama.cpp as well, which is not built.
  const names = "^(kernels|attention)_.+_test$";
  const args = ["--test-dir", tree, "--verbose", "--no-tests=error", "-C", "Release", "-R", names];
  return spawnSync("ctest", args, { stdio: "inherit" }).status ?? 1;
}

const emulator = () => ["qemu-aarch64-static", "qemu-aarch64"].find(isThere);

/** @param {string} program */
function isThere(program) {
  return spawnSync(program, ["--version"]).status === 0;
}
