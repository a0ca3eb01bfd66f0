// llama.cpp's own programs, built from the pinned tree with our flags.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import path from "node:path";
import { treeFolder, installedOptions } from "../scripts/build.mjs";

const run = promisify(execFile);

/** @param {string} name such as llama-bench */
export async function llamaTool(name) {
  const tree = await treeFolder({ ...(await installedOptions()) });
  return path.join(tree, "bin", name);
}

/**
 * One measurement of llama-bench in tokens a second, its own warm-up before it.
 * @param {{ model: string, promptTokens?: number, generatedTokens?: number, threads: number, kvType: string }} options
 */
export async function llamaBench({ model, promptTokens = 0, generatedTokens = 0, threads, kvType }) {
  const { stdout } = await run(await llamaTool("llama-bench"), [
    "-m", model, "-p", String(promptTokens), "-n", String(generatedTokens), "-t", String(threads),
    "-fa", "1", "-ctk", kvType, "-ctv", kvType, "-r", "1", "-o", "json",
  ], { maxBuffer: 1 << 24 });
  const [result] = JSON.parse(stdout);
  return /** @type {number} */ (result.avg_ts);
}
