// llama.cpp's own programs, built from the pinned tree with our flags.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import path from "node:path";
import { installedOptions } from "../scripts/build/build_options.mjs";
import { treeFolder } from "../scripts/build/build_tree.mjs";

const run = promisify(execFile);

/** `CADUCEUS_LLAMA_TOOLS` names the folder of others. @param {string} name such as llama-bench */
export async function llamaTool(name) {
  if (process.env.CADUCEUS_LLAMA_TOOLS) return path.join(process.env.CADUCEUS_LLAMA_TOOLS, name);
  const tree = await treeFolder({ ...(await installedOptions()) });
  return path.join(tree, "bin", name);
}

/**
 * One measurement of llama-bench in tokens a second, its own warm-up before it.
 * @param {{ model: string, promptTokens?: number, generatedTokens?: number, threads: number }} options
 */
export async function llamaBench({ model, promptTokens = 0, generatedTokens = 0, threads }) {
  const { stdout } = await run(
    await llamaTool("llama-bench"),
    [
      "-m",
      model,
      "-p",
      String(promptTokens),
      "-n",
      String(generatedTokens),
      "-t",
      String(threads),
      "-fa",
      "1",
      "-r",
      "1",
      "-o",
      "json",
    ],
    { maxBuffer: 1 << 24 },
  );
  const [result] = JSON.parse(stdout);
  return /** @type {number} */ (result.avg_ts);
}

/**
 * One measurement of llama-batched-bench: generated tokens a second over all the time, reading the prompts included.
 * @param {{ model: string, promptTokens: number, generatedTokens: number, streams: number, threads: number }} options
 */
export async function llamaBatchedBench({ model, promptTokens, generatedTokens, streams, threads }) {
  const { stdout } = await run(
    await llamaTool("llama-batched-bench"),
    [
      "-m",
      model,
      "-c",
      String(streams * (promptTokens + generatedTokens)),
      "-npp",
      String(promptTokens),
      "-ntg",
      String(generatedTokens),
      "-npl",
      String(streams),
      "-t",
      String(threads),
      "-tb",
      String(threads),
      "-fa",
      "on",
      "--kv-unified",
      "--output-format",
      "jsonl",
    ],
    { maxBuffer: 1 << 24 },
  );
  const line = stdout.split("\n").find((text) => text.startsWith("{"));
  const { t_pp, t_tg } = JSON.parse(/** @type {string} */ (line));
  return (streams * generatedTokens) / (t_pp + t_tg);
}
