// Fear: an engine behaves otherwise than the others. This process, a child process.
import { load } from "../../src/index.js";
import { callingModel, callToken, ofStats, options, type Subject } from "./subject.js";
import { engineSuite } from "./suite.js";

async function loaded(isolate: boolean): Promise<Subject> {
  const another = async () => load(await callingModel(), { ...options, isolate });
  const model = await another();
  return {
    model,
    another,
    embedder: async () => model,
    callToken,
    ...ofStats(model),
    close: () => model.close(),
  };
}

engineSuite("addon", () => loaded(false));
engineSuite("isolated", () => loaded(true));
