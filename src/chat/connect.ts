// `connect`: from the address of a server to a model.
import type { ConnectOptions } from "../model/loading/connect_options.js";
import { openRemote } from "../model/loading/open_remote.js";
import { modelLoaded } from "./diagnostics.js";
import { Model } from "./model.js";

/**
 * Gives the model of a server: another Caduceus, llama-server, vLLM, or any other with OpenAI's API. Prompts are made
 * and calls are read here, as with `load`; the server only continues them. Closing the model ends its replies and
 * connections, not the server.
 *
 * @example
 * ```ts
 * import { connect } from "caduceus";
 *
 * const model = await connect("http://127.0.0.1:8000");
 * const { text } = await model.reply("Why is the sky blue?");
 * await model.close();
 * ```
 *
 * @throws CaduceusError `INVALID_ARGUMENT`, `MODEL_NOT_FOUND`, `ACCESS_DENIED`, `UNSUPPORTED`, `UPSTREAM_UNREACHABLE`,
 * `UPSTREAM_FAILED`, `UPSTREAM_TIMEOUT`, `UPSTREAM_INVALID`, `ADDON_NOT_FOUND`
 */
export async function connect(url: string | URL, options?: ConnectOptions): Promise<Model> {
  const begun = performance.now();
  const loaded = await openRemote(url, options);
  modelLoaded({ path: loaded.engine.info.path, durationMs: performance.now() - begun });
  return new Model(loaded);
}
