// Every public function that takes options refuses names that it does not know, and says which was meant.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  CaduceusError,
  doctor,
  connect,
  inspectModel,
  listModels,
  load,
  ModelPool,
  pullModel,
  quantizeModel,
  removeModel,
  tool,
} from "../../../../src/index.js";
import { createHandler, listen } from "../../../../src/server/index.js";
import { createCallCheck, parseReply, ReplyParser } from "../../../../src/format/hermes/index.js";
import { scriptedModel } from "../../../support/engines/scripted_model.js";
import { hermesMarkers } from "../../../support/engines/scripted_engine.js";

type Opened = Awaited<ReturnType<typeof scriptedModel>>;
type Options = Readonly<Record<string, unknown>>;
/** What takes options, a misspelt name and the one that was meant. */
type Case = readonly [use: (options: any, opened: Opened) => unknown, written: string, meant: string | undefined];

const call = '<tool_call>\n{"name": "act", "arguments": {}}\n</tool_call>';
const acting = (options: Options, { model }: Opened) =>
  model.reply("?", { tools: [tool({ name: "act", execute: () => 1 })], ...options });

const functions: Readonly<Record<string, Case>> = {
  load: [(options) => load("smollm2", options), "contextsize", "contextSize"],
  connect: [(options) => connect("http://127.0.0.1:1", options), "api_key", "apiKey"],
  inspectModel: [(options) => inspectModel("smollm2", options), "context_size", "contextSize"],
  doctor: [(options) => doctor(undefined, options), "kv_type", "kvType"],
  pullModel: [(options) => pullModel("smollm2", options), "onprogress", "onProgress"],
  quantizeModel: [
    (options) => quantizeModel("smollm2", "/tmp/new.gguf", options),
    "allow-requantize",
    "allowRequantize",
  ],
  removeModel: [(options) => removeModel("hf:owner/none", options), "signl", "signal"],
  listModels: [(options) => listModels(options), "signal", undefined],
  tool: [(options) => tool({ name: "a", ...options }), "paramters", "parameters"],
  "model.reply": [(options, { model }) => model.reply("Hi", options), "max_tokens", "maxTokens"],
  "model.explain": [(options, { model }) => model.explain("Hi", options), "temprature", "temperature"],
  "model.complete": [(options, { model }) => model.complete("Hi", options), "max_tokens", "maxTokens"],
  "model.chat": [(options, { model }) => model.chat(options), "systm", "system"],
  "model.detokenize": [(options, { model }) => model.detokenize([1], options), "specials", "special"],
  "chat.send": [(options, { model }) => model.chat().send("Hi", options), "toolchoice", "toolChoice"],
  ModelPool: [(options) => new ModelPool({ models: { a: "smollm2" }, ...options }), "keepaliveMs", "keepAliveMs"],
  "pool.acquire": [
    (options) => new ModelPool({ models: { a: "smollm2" } }).acquire("a", options),
    "keep_alive_ms",
    "keepAliveMs",
  ],
  createHandler: [(options, { model }) => createHandler({ models: { a: model }, ...options }), "apiKey", "apiKeys"],
  "handler.close": [(options, { model }) => createHandler({ models: { a: model } }).close(options), "grace", "graceMs"],
  listen: [
    (options, { model }) => listen(createHandler({ models: { a: model } }), { port: 0, ...options }),
    "hostname",
    "host",
  ],
  "listening.close": [
    async (options, { model }) => {
      const server = await listen(createHandler({ models: { a: model } }), { port: 0 });
      await server.close(options).finally(() => server.close());
    },
    "grace_ms",
    "graceMs",
  ],
  parseReply: [(options) => parseReply("", options), "untaggedcalls", "untaggedCalls"],
  ReplyParser: [(options) => new ReplyParser(options), "event", "events"],
  "ReplyParser.end": [(options) => new ReplyParser().end(options), "finished", "finish"],
};

const nested: Readonly<Record<string, Case>> = {
  "an entry of tools": [
    (options, { model }) => model.reply("Hi", { tools: [{ name: "a", ...options }] as never }),
    "inputSchema",
    "parameters",
  ],
  "a definition in OpenAI's form": [
    (options, { model }) => model.reply("Hi", { tools: [{ type: "function", function: { name: "a", ...options } }] }),
    "paramters",
    "parameters",
  ],
  toolChoice: [(options, opened) => acting({ toolChoice: { name: "act", ...options } }, opened), "names", "name"],
  "the answer of approve": [
    (options, opened) => acting({ approve: () => ({ allow: false, ...options }) }, opened),
    "resaon",
    "reason",
  ],
  "a tool of the parser": [
    (options) => parseReply("", { tools: [{ name: "a", ...options }] }),
    "paramaters",
    "parameters",
  ],
  "a tool of the parser in OpenAI's form": [
    (options) => createCallCheck([{ type: "function", function: { name: "a", ...options } }]),
    "paramaters",
    "parameters",
  ],
};

async function refusal(use: Case[0], options: Options): Promise<CaduceusError> {
  const opened = await scriptedModel({
    constrained: true,
    markers: hermesMarkers,
    answer: () => call,
  });
  const error = await (async () => use(options, opened))().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CaduceusError);
  return error as CaduceusError;
}

describe.each(Object.entries({ ...functions, ...nested }))("%s", (_, [use, written, meant]) => {
  test("refuses a misspelt name and says which was meant", async () => {
    const { code, message } = await refusal(use, { [written]: undefined });
    expect(code).toBe("INVALID_ARGUMENT");
    expect(message).toMatch(/^Unknown option of /);
    expect(message).toContain(
      `: ${JSON.stringify(written)}. ${meant === undefined ? "It takes none." : `Did you mean ${meant}?`}`,
    );
  });

  test("refuses a name that nothing is like, and says what there is", async () => {
    expect((await refusal(use, { zzz: 1 })).message).toMatch(
      meant === undefined ? /It takes none\.$/ : /"zzz"\. Known are .+\.$/,
    );
  });
});

test("nothing that takes options is left out of this test", () => {
  const names = [...["index.ts", "server/index.ts", "format/hermes/index.ts"]].flatMap((file) => {
    const text = readFileSync(new URL(`../../../../src/${file}`, import.meta.url), "utf8");
    return [...text.matchAll(/^export \{([^}]*)\}/gm)].flatMap(([, list]) =>
      list!
        .split(",")
        .map((name) => name.trim())
        .filter((name) => name !== "" && !name.startsWith("type ")),
    );
  });
  // An error takes none from callers, a log's sink and level are no options, and tools are tested above.
  const without = ["CaduceusError", "AnswerError", "setLog", "statusOf", "createCallCheck"];
  expect(names.filter((name) => !without.includes(name)).sort()).toEqual(
    Object.keys(functions)
      .filter((name) => !/[a-z]\.[a-z]/.test(name))
      .sort(),
  );
});

describe("names from before 1.0", () => {
  test.each<[keyof typeof functions, string, string]>([
    ["load", "branchMemoryBytes", "hostCacheBytes"],
    ["load", "drafts", "promptLookup"],
    ["tool", "run", "execute"],
    ["model.reply", "maxResultLength", "maxResultChars"],
  ])("%s: %s is now %s", async (name, written, meant) => {
    expect((await refusal(functions[name]![0], { [written]: undefined })).message).toContain(`Did you mean ${meant}?`);
  });
});

test("an empty list of keys is refused, and a port keeps its form", async () => {
  const { model } = await scriptedModel();
  expect(() => createHandler({ models: { a: model }, apiKeys: [] })).toThrow(
    "Invalid value for apiKeys: an empty array. Expected at least one key. Leave it out to serve everybody without a key.",
  );
  const port = (value: unknown) => listen(createHandler({ models: { a: model } }), { port: value as number });
  await expect(port("8080")).rejects.toThrow(
    'Invalid value for port: "8080". Expected a whole number from 0 to 65535.',
  );
  await expect(port(65_536)).rejects.toThrow("Invalid value for port: 65536. Expected a whole number from 0 to 65535.");
});
