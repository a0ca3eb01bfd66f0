// `load`: from a name to a model.
import type { LoadOptions } from "../model/loading/load_options.js";
import { openModel } from "../model/loading/open_model.js";
import { modelLoaded } from "./diagnostics.js";
import { Model } from "./model.js";

/**
 * Loads a model by name (`"smollm2"`, `"hermes-2-pro"`, `"hermes-2-pro:Q5_K_M"`, `"hf:owner/repository:Q4_K_M"`) or by
 * the path of a GGUF file (for a split model, of any part). A model that is neither in Caduceus' folder nor in the
 * Hugging Face cache is downloaded and verified first. Does not block the event loop.
 *
 * @example
 * ```ts
 * import { load } from "caduceus";
 *
 * const model = await load("smollm2");
 * const { text } = await model.reply("Why is the sky blue?");
 * await model.close();
 * ```
 *
 * @throws CaduceusError `INVALID_ARGUMENT`, `MODEL_NOT_FOUND`, `MODEL_INVALID`, `ACCESS_DENIED`, `DOWNLOAD_FAILED`,
 * `DISK_FULL`, `OUT_OF_MEMORY`, `ADDON_NOT_FOUND`, `SYSTEM_ERROR`
 */
export async function load(model: string, options?: LoadOptions): Promise<Model> {
  const begun = performance.now();
  const loaded = await openModel(model, options);
  modelLoaded({ path: loaded.engine.info.path, durationMs: performance.now() - begun });
  return new Model(loaded);
}
