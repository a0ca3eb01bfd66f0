// What the commands write: answers on standard output, everything else on standard error.
import { once } from "node:events";
import { load, type LoadOptions, type Model } from "../../index.js";
import type { ModelFlags } from "../flags/model_flags.js";
import { readLoadOptions } from "../flags/read_load_options.js";
import { connectUpstream } from "../flags/connect_upstream.js";
import { ProgressBar } from "./progress_bar.js";
import { ProgressLine } from "./progress_line.js";

/** Runs work with the model of the flags, which is closed afterwards however that ends. */
export async function withModel<T>(
  flags: ModelFlags,
  ending: AbortSignal,
  work: (model: Model) => Promise<T>,
  more: LoadOptions = {},
): Promise<T> {
  const model = (await connectUpstream(flags, ending)) ?? (await loadModel(flags, ending, more));
  try {
    return await work(model);
  } finally {
    await model.close();
  }
}

async function loadModel(flags: ModelFlags, ending: AbortSignal, more: LoadOptions): Promise<Model> {
  const bar = new ProgressBar(`Fetching ${flags.model}`);
  const progress = new ProgressLine();
  try {
    return await load(flags.model, {
      ...(await readLoadOptions(flags, ending)),
      ...more,
      signal: ending,
      onProgress: ({ stage, ...fetched }) => {
        if (stage === "fetch") return bar.show(fetched);
        bar.clear();
        progress.show(`Loading ${flags.model} ${Math.floor(fetched.fraction * 100)} %`);
      },
    });
  } finally {
    bar.clear();
    progress.clear();
  }
}

/** Waits for slow readers. */
export async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, "drain");
}

/** A model may write escape sequences, which are not its business on a terminal. */
export function withoutControls(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");
}

/** Writes a line to standard error, dimmed on a terminal. */
export function note(text: string): void {
  process.stderr.write(`${dim(text)}\n`);
}

/** Fainter, where the stream shows colors; it does not when NO_COLOR is set. */
export function dim(text: string, stream: NodeJS.WriteStream = process.stderr): string {
  const hasColors = stream.isTTY && stream.hasColors();
  return hasColors ? `\u001b[2m${text}\u001b[22m` : text;
}
