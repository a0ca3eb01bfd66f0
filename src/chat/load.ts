// The way to a model.
import type { LoadOptions } from "../model/load_options.js";
import { openModel } from "../model/open_model.js";
import { modelLoaded } from "./diagnostics.js";
import { Model } from "./model.js";

/**
 * Loads a model: an alias such as `"smollm2"`, or a path to a GGUF file. The event loop stays free meanwhile.
 *
 * @example
 *     const model = await load("smollm2");
 *     const { text } = await model.reply("Why is the sky blue?");
 *     await model.close();
 *
 * @throws CaduceusError `INVALID_ARGUMENT`, `MODEL_NOT_FOUND`, `MODEL_INVALID`, `DOWNLOAD_FAILED`, `OUT_OF_MEMORY`, `ADDON_NOT_FOUND`
 */
export async function load(model: string, options?: LoadOptions): Promise<Model> {
  const begun = performance.now();
  const loaded = await openModel(model, options);
  modelLoaded({ path: loaded.engine.info.path, milliseconds: performance.now() - begun });
  return new Model(loaded);
}
