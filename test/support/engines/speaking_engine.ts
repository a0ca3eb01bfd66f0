// A model over the real engine that says given lines, one for each turn.
import type { Engine } from "../../../src/engine/engine.js";
import { createAddonEngine } from "../../../src/engine/addon/addon_engine.js";
import { Model } from "../../../src/chat/model.js";
import { LoadedModel } from "../../../src/model/loading/loaded_model.js";
import { hermesModel, type AddedTokens } from "../models.js";
import { speak } from "./speak.mjs";

const imEnd = 32000;

/** A model with Hermes' vocabulary that says one line after the other, one for each run. */
export async function speakingModel(
  added: AddedTokens,
  lines: readonly string[],
): Promise<{ model: Model; engine: Engine }> {
  const path = await hermesModel(added, { tokenBias: { [imEnd]: 60 } });
  const engine = await createAddonEngine({
    kvType: "f16",
    gpuLayers: 0,
    contextSize: 4096,
    prefixFolderBytes: 0,
    path,
  });
  const queue = [...lines];
  const submit = engine.submit.bind(engine);
  engine.submit = (request) => speak(engine, submit, request, queue.shift() ?? "");
  return { model: new Model(await LoadedModel.of(engine, { format: "hermes", variant: "card" })), engine };
}
