// SmolLM2 with a template that opens a thought in each turn.
import { Model } from "../../src/chat/model.js";
import { createAddonEngine } from "../../src/engine/addon/addon_engine.js";
import { LoadedModel } from "../../src/model/loading/loaded_model.js";
import { smollm2Model } from "./models.js";

const chatTemplate =
  "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n<think>\n";

export async function thinkingModel(): Promise<Model> {
  const engine = await createAddonEngine({
    path: await smollm2Model(),
    contextSize: 2048,
    kvType: "f16",
    gpuLayers: 0,
    prefixFolderBytes: 0,
  });
  const { info } = engine;
  // The model's own file has another template.
  Object.defineProperty(engine, "info", { value: { ...info, chatTemplate } });
  return new Model(await LoadedModel.of(engine));
}
