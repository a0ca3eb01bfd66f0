// A process that quantizes a model, because nothing but its end can stop llama.cpp on the way, and a damaged file may
// end it. It gets a job as its one message, answers with messages, and ends with its parent.
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { CaduceusError } from "../../../errors.js";
import type { Addon } from "../native.js";
import type { QuantizeAnswer, QuantizeJob } from "./quantize_messages.js";

let unfinished: string | undefined;

// Ctrl-C in a terminal reaches both processes: the parent says what happens then.
process.on("SIGINT", () => {});
process.on("disconnect", () => {
  if (unfinished !== undefined) rmSync(unfinished, { force: true });
  process.kill(process.pid, "SIGKILL");
});
process.once("message", (job: QuantizeJob) => void work(job));

async function work({ addon: file, options }: QuantizeJob): Promise<void> {
  let answer: QuantizeAnswer;
  try {
    const addon = createRequire(import.meta.url)(file) as Addon;
    addon.initialize({ CaduceusError });
    const plan = await addon.planQuantization(options);
    process.send?.({ kind: "plan", plan } satisfies QuantizeAnswer);
    await new Promise((resolve) => process.once("message", resolve));
    unfinished = options.to;
    await addon.quantize(options);
    unfinished = undefined;
    answer = { kind: "done" };
  } catch (error) {
    const { code, message } = error as CaduceusError;
    answer = { kind: "failure", code: error instanceof CaduceusError ? code : "ENGINE_FAILED", message };
  }
  process.send?.(answer, () => process.exit());
}
