// Fear: an engine behaves otherwise than the others. This process, a child process, and a server with our engine.
import { connect, load } from "../../src/index.js";
import { serving } from "../server/serving.js";
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
engineSuite("caduceus", async () => {
  const local = await load(await callingModel(), options);
  const server = await serving({ served: local });
  const another = () => connect(server.url, { format: "hermes" });
  const model = await another();
  return {
    model,
    another,
    embedder: async () => model,
    callToken,
    ...ofStats(local),
    close: async () => {
      await model.close();
      await server.close({ graceMs: 0 });
      await local.close();
    },
  };
});
