// `caduceus mcp` as a host meets it: a process, spoken to by the SDK's own client over its pipes.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cli, run } from "../../process/run_program.js";
import { bertModel } from "../../support/gguf/bert_model.mjs";

async function host(args: readonly string[]): Promise<Client> {
  const client = new Client({ name: "host", version: "1.0.0" });
  const env = { ...process.env } as Record<string, string>;
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: [cli, "mcp", ...args], env, stderr: "ignore" }),
  );
  return client;
}

const textOf = (result: unknown) => ((result as CallToolResult).content[0] as { text: string }).text;

describe("a model for text", () => {
  let client: Client;
  beforeAll(async () => {
    client = await host(["-c", "2048"]);
  });
  afterAll(() => client.close());
  const ask = (name: string, args: object, options?: object) =>
    client.callTool({ name, arguments: args as Record<string, unknown> }, undefined, options);

  test("is told at once who serves, and lists its tools once the model is loaded", async () => {
    expect(client.getServerVersion()).toMatchObject({ name: "caduceus" });
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(["generate", "extract", "embed"]);
  });

  test("generate answers, and tells of its progress", async () => {
    const told: number[] = [];
    const onprogress = ({ progress }: { progress: number }) => void told.push(progress);
    const args = { prompt: "Write a long story about the sea.", system: "Be verbose.", maxTokens: 150 };
    const result = await ask("generate", args, { onprogress });
    expect(textOf(result).length).toBeGreaterThan(50);
    expect(told).toEqual([...told].sort((a, b) => a - b));
  });

  test("extract gives JSON by a schema", async () => {
    const schema = {
      type: "object",
      properties: { name: { type: "string", maxLength: 12 }, age: { type: "integer", minimum: 0, maximum: 120 } },
      required: ["name", "age"],
      additionalProperties: false,
    };
    const result = (await ask("extract", { text: "Anna is 31.", schema })) as CallToolResult;
    expect(result.structuredContent).toEqual(JSON.parse(textOf(result)));
    expect(result.structuredContent).toEqual({ name: expect.any(String), age: expect.any(Number) });
  });

  test("embed gives a vector for each text", async () => {
    const result = (await ask("embed", { texts: ["a cat", "a dog"] })) as CallToolResult;
    const { embeddings } = result.structuredContent as { embeddings: number[][] };
    expect(embeddings.map(({ length }) => length)).toEqual([576, 576]);
    expect(JSON.parse(textOf(result))).toEqual({ embeddings });
  });

  test("wrong arguments are errors that the host's model can read", async () => {
    const wrong = [
      ["generate", {}, /INVALID_MESSAGES/],
      ["generate", { prompt: "Hi", maxTokens: -5 }, /maxTokens.*INVALID_ARGUMENT/],
      ["extract", { text: "Hi", schema: { type: "nothing" } }, /INVALID_SCHEMA/],
      [
        "extract",
        { text: "Hi", schema: { type: "object", properties: { a: { type: "string" } } }, maxTokens: 1 },
        /INCOMPLETE/,
      ],
      ["embed", { texts: [5] }, /INVALID_ARGUMENT/],
    ] as const;
    for (const [name, args, expected] of wrong) {
      const result = await ask(name, args);
      expect(result.isError, name).toBe(true);
      expect(textOf(result)).toMatch(expected);
    }
    await expect(ask("toString", {})).rejects.toThrow(/toString/);
  });

  test("a call that is cancelled frees the model for the next one", async () => {
    const cancelling = new AbortController();
    const calls = Array.from({ length: 4 }, () =>
      ask("generate", { prompt: "Write a very long story." }, { signal: cancelling.signal }),
    );
    setTimeout(() => cancelling.abort(), 500);
    for (const call of calls) await expect(call).rejects.toThrow();
    const result = await ask("generate", { prompt: "Hi", maxTokens: 3 });
    expect(result.isError).toBeUndefined();
  });
});

test.each([
  ["embedding", bertModel("mean"), "embed", { texts: ["a"] }],
  ["reranking", bertModel("reranker"), "rerank", { query: "a", documents: ["b", "a"] }],
])("a model for %s has the one tool for it", async (_, model, name, args) => {
  const client = await host(["-m", model]);
  try {
    expect((await client.listTools()).tools.map((tool) => tool.name)).toEqual([name]);
    expect(await client.callTool({ name, arguments: args })).toMatchObject({ structuredContent: expect.any(Object) });
  } finally {
    await client.close();
  }
});

test("it ends well when its host closes the pipe, also while it loads, and writes nothing but messages", async () => {
  const { code, stdout } = await run(process.execPath, [cli, "mcp", "-c", "512"]);
  expect([code, stdout]).toEqual([0, ""]);
});

test("a model that does not load is its failure", async () => {
  const { code, stdout, stderr } = await run(process.execPath, [cli, "mcp", "-m", "./missing.gguf"], {
    keepsInputOpen: true,
  });
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain("MODEL_NOT_FOUND");
});
