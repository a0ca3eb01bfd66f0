// The common behaviors on a real vLLM, with a model of random weights: what it says has no meaning, its form has.
import { onTestFinished, test } from "vitest";
import { connect } from "../../../src/index.js";
import type { Subject } from "../../engines/subject.js";
import { engineSuite } from "../../engines/suite.js";
import type { RunningServer } from "../llama_server.js";
import { expectLimitedThoughts } from "./thought_limits.js";
import { vllmServer } from "./vllm_server.js";

test("a thought has no more tokens than it may, and the constrained answer follows", async () => {
  const server = await vllmServer("--dtype", "float32");
  onTestFinished(() => server.close());
  await expectLimitedThoughts(server.url);
});

engineSuite("vllm", async (): Promise<Subject> => {
  const servers: RunningServer[] = [];
  const start = async (...flags: string[]) => {
    const server = await vllmServer(...flags);
    servers.push(server);
    return server.url;
  };
  // Not every virtual machine lets a process use AMX, which bfloat16 is computed with.
  const url = await start("--enable-prompt-tokens-details", "--dtype", "float32");
  const another = () => connect(url, { format: "hermes" });
  const model = await another();
  const metric = async (...names: string[]) => {
    const lines = (await (await fetch(`${url}/metrics`)).text()).split("\n");
    const found = lines.filter((line) => names.some((name) => line.startsWith(`vllm:${name}{`)));
    return found.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  };
  return {
    model,
    another,
    embedder: async () => connect(await start("--runner", "pooling", "--convert", "embed", "--dtype", "float32")),
    callToken: (await model.tokenize([{ control: "<tool_call>" }])).at(-1)!,
    running: () => metric("num_requests_running", "num_requests_waiting"),
    generated: () => metric("generation_tokens_total"),
    close: async () => {
      await model.close();
      for (const server of servers) await server.close();
    },
  };
});
