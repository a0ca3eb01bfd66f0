// Runs a program without a shell, so that no word of it means more than it says.
import { spawn } from "node:child_process";

const longestOutput = 8_000;

/**
 * The end of what it wrote, and how it ended. The signal ends it, with all that it has started.
 * @param {readonly string[]} command @param {string} cwd @param {AbortSignal} signal @returns {Promise<string>}
 */
export function runCommand([program = "", ...args], cwd, signal) {
  return new Promise((resolve, reject) => {
    // A process group of its own, which Ctrl-C at the terminal does not reach and the signal ends as a whole.
    const isWindows = process.platform === "win32";
    const child = spawn(program, args, { cwd, stdio: ["ignore", "pipe", "pipe"], detached: !isWindows });
    const end = () => {
      if (child.pid === undefined) return;
      if (isWindows) child.kill();
      else process.kill(-child.pid, "SIGKILL");
    };
    signal.addEventListener("abort", end, { once: true });
    let output = "";
    const collect = (/** @type {Buffer} */ piece) => (output = (output + piece).slice(-longestOutput));
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.on("error", reject);
    child.on("close", (code, killed) => {
      signal.removeEventListener("abort", end);
      resolve(`${output}\nIt ended with ${killed ?? `exit code ${code}`}.`);
    });
  });
}
