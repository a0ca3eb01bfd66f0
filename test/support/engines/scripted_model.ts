// A model over the scripted engine, for tests of replies and chats that need none of a real model's words.
import { Model } from "../../../src/chat/model.js";
import { LoadedModel } from "../../../src/model/loading/loaded_model.js";
import { ScriptedEngine, type Script } from "./scripted_engine.js";

export async function scriptedModel(script?: Script): Promise<{ model: Model; engine: ScriptedEngine }> {
  const engine = new ScriptedEngine(script);
  return { model: new Model(await LoadedModel.of(engine)), engine };
}
