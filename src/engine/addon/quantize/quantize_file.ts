// Quantizes a file in a process of its own.
import { fork } from "node:child_process";
import path from "node:path";
import { CaduceusError } from "../../../errors.js";
import { followSignal } from "../../../follow_signal.js";
import { packageFolder } from "../../../package_folder.js";
import { nativePath } from "../../../system/native_path.js";
import { noWindow } from "../../../system/no_window.js";
import { describeAddon } from "../load_addon.js";
import type { NativeQuantizationPlan, NativeQuantizeOptions } from "../native.js";
import type { QuantizeAnswer, QuantizeJob } from "./quantize_messages.js";

/**
 * Writes `options.to`. `onPlan` may refuse, by throwing, what would be written. When the signal aborts, the process is
 * killed and its reason thrown. Whatever fails, the caller removes the file.
 * @throws CaduceusError ADDON_NOT_FOUND, MODEL_NOT_FOUND, MODEL_INVALID, ENGINE_FAILED
 */
export async function quantizeFile(
  options: NativeQuantizeOptions,
  onPlan: (plan: NativeQuantizationPlan) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const addon = describeAddon().file;
  const program = path.join(packageFolder, "dist/engine/addon/quantize/quantize_process.js");
  const child = fork(program, { silent: true, execArgv: [], ...noWindow });
  child.stdout?.resume();
  child.stderr?.resume();
  const kill = () => void child.kill("SIGKILL");
  const unfollow = followSignal(signal, kill);
  let failure: unknown;
  let isDone = false;
  child.on("message", async (answer: QuantizeAnswer) => {
    if (answer.kind === "done") isDone = true;
    if (answer.kind === "failure") failure = new CaduceusError(answer.code, answer.message);
    if (answer.kind !== "plan") return;
    try {
      await onPlan(answer.plan);
      child.send("start");
    } catch (error) {
      failure = error;
      kill();
    }
  });
  const ended = new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, name) => resolve(name ?? `exit code ${code}`));
  });
  child.send(
    {
      addon,
      options: { ...options, from: nativePath(options.from), to: nativePath(options.to) },
    } satisfies QuantizeJob,
    () => {},
  );
  const how = await ended.finally(unfollow);
  signal?.throwIfAborted();
  if (failure !== undefined) throw failure;
  if (!isDone)
    throw new CaduceusError(
      "ENGINE_FAILED",
      `The process that quantized ${options.from} ended before its end (${how}).`,
      {
        remedy: "Its memory may not have sufficed, or the file is damaged.",
      },
    );
}
