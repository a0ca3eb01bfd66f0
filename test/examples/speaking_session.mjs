// A session of examples/coding-agent over a real engine that says given lines, one for each turn of the model:
// `node speaking_session.mjs FOLDER LINES.json TEST …`
import { readFile, realpath } from "node:fs/promises";
import { Model } from "../../dist/chat/model.js";
import { createAddonEngine } from "../../dist/engine/addon/addon_engine.js";
import { LoadedModel } from "../../dist/model/loading/loaded_model.js";
import { runSession } from "../../examples/coding-agent/session.mjs";
import { Workspace } from "../../examples/coding-agent/workspace.mjs";
import { speak } from "../support/engines/speak.mjs";
import { cachedModel } from "../support/gguf/make_model.mjs";

const imEnd = 32000;
const [folder, linesFile, ...testCommand] = process.argv.slice(2);
const lines = JSON.parse(await readFile(linesFile, "utf8"));
const engine = await createAddonEngine({
  kvType: "f16",
  gpuLayers: 0,
  contextSize: 4096,
  prefixFolderBytes: 0,
  path: cachedModel({ shape: "tiny", added: "control", tokenBias: { [imEnd]: 60 } }),
});
const submit = engine.submit.bind(engine);
engine.submit = (request) => {
  const line = lines.shift();
  // Past its lines it says what comes to its mind, for long.
  if (line !== undefined) return speak(engine, submit, request, line);
  const logitBias = [[imEnd, -Infinity]];
  return submit({ ...request, sampling: { ...request.sampling, logitBias } });
};
const model = new Model(await LoadedModel.of(engine, { format: "hermes", variant: "card" }));
await runSession(model, new Workspace(await realpath(folder)), testCommand);
await model.close();
