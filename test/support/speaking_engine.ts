// A real engine whose model says given lines: each is read as the end of the prompt, by weights that then end the turn. So
// tokens, cache and counts are the real ones, and only the choice of words is not.
import type { Engine, Run, RunDelta, RunEnd, RunRequest } from "../../src/engine/engine.js";
import { createAddonEngine } from "../../src/engine/addon/addon_engine.js";
import { Model } from "../../src/chat/model.js";
import { LoadedModel } from "../../src/model/loaded_model.js";
import { hermesModel, type AddedTokens } from "./models.js";

const imEnd = 32000;

/** A model with Hermes' vocabulary that says one line after the other, one for each run. */
export async function speakingModel(added: AddedTokens, lines: readonly string[]): Promise<{ model: Model; engine: Engine }> {
  const path = await hermesModel(added, { tokenBias: { [imEnd]: 60 } });
  const engine = await createAddonEngine({ kvType: "f16", gpuLayers: 0, contextSize: 4096, prefixFolderBytes: 0, path });
  const queue = [...lines];
  const submit = engine.submit.bind(engine);
  engine.submit = (request) => speak(engine, submit, request, queue.shift() ?? "");
  return { model: new Model(await LoadedModel.of(engine, { format: "hermes", variant: "card" })), engine };
}

function speak(engine: Engine, submit: Engine["submit"], request: RunRequest, line: string): Run {
  const run = submit({ ...request, prompt: [...request.prompt, { text: line }], sampling: { ...request.sampling, temperature: 0 } });
  // Without BOS, the marker, and the space and the newline that begin the text.
  const length = engine.tokenize([{ control: "<|im_start|>" }, { text: `\n${line}` }]).then((tokens) => tokens.length - 4);
  const output: (RunDelta | RunEnd)[] = [{ type: "delta", text: line, tokens: new Int32Array() }];
  return {
    id: run.id,
    async next(): Promise<RunDelta | RunEnd | undefined> {
      const said = output.shift();
      if (said !== undefined) return said;
      const next = await run.next();
      if (next?.type !== "end") return next;
      const { promptTokens, cachedTokens, generatedTokens } = next.usage;
      const spoken = await length;
      return { ...next, usage: { promptTokens: promptTokens - spoken, cachedTokens, generatedTokens: generatedTokens + spoken } };
    },
    cancel: () => run.cancel(),
    release: () => run.release(),
  };
}
