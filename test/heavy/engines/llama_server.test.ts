// The common behaviors on llama-server of the pinned tree.
import { connect } from "../../../src/index.js";
import { callingModel, callToken, type Subject } from "../../engines/subject.js";
import { engineSuite } from "../../engines/suite.js";
import { llamaServer, type RunningServer } from "../llama_server.js";

engineSuite("llama-server", async (): Promise<Subject> => {
  const path = await callingModel();
  const servers: RunningServer[] = [];
  const start = async (...flags: string[]) => {
    const server = await llamaServer(path, ...flags);
    servers.push(server);
    return server.url;
  };
  const url = await start("-c", "16384", "-np", "16", "--metrics");
  const another = () => connect(url, { format: "hermes" });
  const model = await another();
  return {
    model,
    another,
    embedder: async () => connect(await start("-c", "1024", "-np", "1", "--embeddings", "--pooling", "mean")),
    callToken,
    running: async () => {
      const slots = (await (await fetch(`${url}/slots`)).json()) as { is_processing: boolean }[];
      return slots.filter(({ is_processing }) => is_processing).length;
    },
    generated: async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return Number(/^llamacpp:tokens_predicted_total (\S+)$/m.exec(text)![1]);
    },
    close: async () => {
      await model.close();
      for (const server of servers) await server.close();
    },
  };
});
