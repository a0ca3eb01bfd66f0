// From a name and options to a model in memory: check, find the file, load it, learn its vocabulary.
import { createAddonEngine } from "../../engine/addon/addon_engine.js";
import { listGpus } from "../../engine/addon/gpus.js";
import type { IsolatedPlace } from "../../engine/isolated/isolated_engine.js";
import type { Engine } from "../../engine/engine.js";
import { resolveModel } from "../../files/local/resolve_model.js";
import type { FetchProgress } from "../../files/hub/download_events.js";
import { systemError } from "../../errors.js";
import { followSignal } from "../../follow_signal.js";
import { checkModelName } from "../../options/option_checks.js";
import { checkLoadOptions, type LoadProgress } from "./load_options.js";
import { fitMemory } from "../inspection/memory_fit.js";
import { LoadedModel } from "./loaded_model.js";

/** Everything wrong with the options is refused before the file is looked for. */
export async function openModel(model: unknown, options: unknown): Promise<LoadedModel> {
  const name = checkModelName(model);
  const {
    engine: engineOptions,
    draftModel,
    adapters,
    format,
    isolate,
    onProgress,
    signal,
  } = checkLoadOptions(options);
  signal?.throwIfAborted();

  // One signal for both ways of ending: the caller's own, and a progress function that throws.
  const ending = new AbortController();
  const unfollow = followSignal(signal, (reason) => ending.abort(reason));
  const report =
    onProgress &&
    ((progress: LoadProgress) => {
      if (ending.signal.aborted) return;
      try {
        onProgress(progress);
      } catch (error) {
        ending.abort(error);
      }
    });

  let engine: Engine | undefined;
  let place: IsolatedPlace | undefined;
  try {
    if (isolate !== false) {
      const isolated = await import("../../engine/isolated/isolated_engine.js");
      place = new isolated.IsolatedPlace(isolate === true ? undefined : isolate);
    }
    const fetching = {
      signal: ending.signal,
      onProgress: report && ((progress: FetchProgress) => report({ stage: "fetch", ...progress })),
    };
    const { path } = await resolveModel(name, fetching);
    ending.signal.throwIfAborted();
    const draftFile = draftModel === undefined ? undefined : (await resolveModel(draftModel, fetching)).path;
    ending.signal.throwIfAborted();
    const fitted = await fitMemory(path, engineOptions, {
      draftFile,
      listGpus: () => place?.listGpus() ?? listGpus(),
      signal: ending.signal,
    });
    ending.signal.throwIfAborted();
    const options = {
      ...fitted,
      path,
      onProgress: report && ((fraction: number) => report({ stage: "load", fraction })),
      signal: ending.signal,
    };
    engine = await (place === undefined ? createAddonEngine(options) : place.createEngine(options));
    ending.signal.throwIfAborted();
    const loaded = await LoadedModel.of(engine, format);
    ending.signal.throwIfAborted();
    for (const adapter of adapters) {
      await loaded.adapters.add(adapter);
      ending.signal.throwIfAborted();
    }
    return loaded;
  } catch (error) {
    await (engine === undefined ? place?.leave() : engine.close());
    if (ending.signal.aborted) throw ending.signal.reason;
    throw systemError(place?.loadFailure(error) ?? error, "The model cannot be loaded");
  } finally {
    unfollow();
  }
}
