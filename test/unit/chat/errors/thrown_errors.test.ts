// Fear: a raw TypeError out of the public API. Whatever stands in the place of an argument, what is thrown is a
// CaduceusError.
import { describe, expect, test } from "vitest";
import * as library from "../../../../src/index.js";
import * as hermes from "../../../../src/format/hermes/index.js";
import * as server from "../../../../src/server/index.js";
import { scriptedModel } from "../../../support/engines/scripted_model.js";

const { CaduceusError } = library;

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const junk: readonly (readonly [name: string, make: () => unknown])[] = [
  ["undefined", () => undefined],
  ["null", () => null],
  ["5", () => 5],
  ["an empty string", () => ""],
  ["[]", () => []],
  ["{}", () => ({})],
  ["a symbol", () => Symbol("junk")],
  ["a revoked proxy", revoked],
  [
    "an object whose members throw",
    () =>
      new Proxy(
        {},
        {
          get: () => {
            throw new TypeError("no");
          },
          ownKeys: () => {
            throw new TypeError("no");
          },
        },
      ),
  ],
];

type Call = (...values: never[]) => unknown;
/** Arguments that are right, so that each can be wrong alone. */
const rightArguments: Readonly<Record<string, readonly unknown[]>> = {
  load: ["/no/such/model.gguf", {}],
  connect: ["http://127.0.0.1:1", { retries: 0 }],
  pullModel: ["/no/such/model.gguf", {}],
  quantizeModel: ["/no/such/model.gguf", "/tmp/new.gguf", { type: "Q4_0" }],
  removeModel: ["hf:nobody/nothing", {}],
  listModels: [{}],
  inspectModel: ["/no/such/model.gguf", {}],
  doctor: ["/no/such/model.gguf", {}],
  ModelPool: [{ models: { a: "/no/such/model.gguf" } }],
  tool: [{ name: "f" }],
  setLog: [undefined, "warn"],
  statusOf: [new library.CaduceusError("QUEUE_FULL", "Full.")],
  createHandler: [{ models: {} }],
  listen: [{ fetch: () => new Response(), close: async () => {} }, { port: 0 }],
  parseReply: ["Hello", {}],
  ReplyParser: [{}],
  createCallCheck: [[{ name: "f" }]],
};

/** Exported classes whose making is the library's own business. */
const internal = new Set(["CaduceusError", "AnswerError"]);
const exported = [...Object.entries(library), ...Object.entries(server), ...Object.entries(hermes)].filter(
  ([name, value]) => typeof value === "function" && !internal.has(name),
) as [string, Call][];

async function check(call: () => unknown): Promise<void> {
  try {
    const result = await call();
    if (typeof result === "object" && result !== null && "port" in result && "close" in result)
      await (result as server.Listening).close();
  } catch (error) {
    if (!(error instanceof CaduceusError))
      throw new Error(`${String(error)} was thrown, which is no CaduceusError`, { cause: error });
  }
}

const isClass = (value: Call) => /^class\b/.test(Function.prototype.toString.call(value));

test("every exported function is in the table", () => {
  expect(exported.map(([name]) => name).sort()).toEqual(Object.keys(rightArguments).sort());
});

describe.each(exported)("%s", (name, call) => {
  const right = rightArguments[name] ?? [];
  for (const [index] of right.entries()) {
    test.each(junk)(`argument ${index + 1} is %s`, async (_, make) => {
      const values = right.map((value, at) => (at === index ? make() : value)) as never[];
      await check(() =>
        isClass(call) ? new (call as unknown as new (...values: never[]) => unknown)(...values) : call(...values),
      );
    });
  }
  test("without arguments", () => check(() => (isClass(call) ? new (call as unknown as new () => unknown)() : call())));
});

describe("the methods of a model", () => {
  const calls: readonly (readonly [string, (model: library.Model, value: never) => unknown])[] = [
    ["reply", (model, value) => model.reply(value)],
    ["reply's options", (model, value) => model.reply("Hi", value)],
    ["complete", (model, value) => model.complete(value)],
    ["complete's options", (model, value) => model.complete("Hi", value)],
    ["chat", async (model, value) => model.chat(value).send("Hi")],
    ["send", (model, value) => model.chat().send(value)],
    ["explain", (model, value) => model.explain(value)],
    ["tokenize", (model, value) => model.tokenize(value)],
    ["detokenize", (model, value) => model.detokenize(value)],
    ["detokenize's options", (model, value) => model.detokenize([1], value)],
    ["tokenBytes", (model, value) => model.tokenBytes(value)],
    ["a tool", (model, value) => model.reply("Hi", { tools: [value] })],
    ["a schema", (model, value) => model.reply("Hi", { schema: value })],
    [
      "a tool's parameters",
      (model, value) =>
        model.reply("Hi", { tools: [{ type: "function", function: { name: "f", parameters: value } }] }),
    ],
    ["a message", (model, value) => model.reply([value])],
    ["toolChoice", (model, value) => model.reply("Hi", { tools: [library.tool({ name: "f" })], toolChoice: value })],
    ["a pair of logitBias", (model, value) => model.reply("Hi", { logitBias: [value] })],
    ["logitBias", (model, value) => model.reply("Hi", { logitBias: value })],
    ["stop", (model, value) => model.reply("Hi", { stop: value })],
    ["a part of a prompt", (model, value) => model.complete([value])],
    [
      "a call of a message",
      (model, value) =>
        model.reply([
          { role: "assistant", content: "", tool_calls: [value] },
          { role: "user", content: "Hi" },
        ]),
    ],
    ["a content", (model, value) => model.reply([{ role: "user", content: value }])],
    ["a part of a content", (model, value) => model.reply([{ role: "user", content: [value] }])],
    ["signal", (model, value) => model.reply("Hi", { signal: value })],
    ["stopTokens", (model, value) => model.reply("Hi", { stopTokens: value })],
  ];
  describe.each(calls)("%s", (_, call) => {
    test.each(junk)("%s", async (__, make) => {
      const { model } = await scriptedModel({ answer: () => "Hello.", constrained: true });
      await check(() => call(model, make() as never));
      await model.close();
    });
  });
});

test("calls that once threw a raw TypeError throw a CaduceusError", async () => {
  const code = "INVALID_ARGUMENT";
  for (const value of [undefined, 5] as never[]) {
    await expect(library.pullModel(value)).rejects.toMatchObject({ code, param: "model" });
    await expect(library.quantizeModel(value, value, value)).rejects.toMatchObject({ code, param: "model" });
    await expect(library.removeModel(value)).rejects.toMatchObject({ code, param: "model" });
  }
  await expect(server.listen(undefined as never)).rejects.toMatchObject({ code, param: "handler" });
  expect(() => server.createHandler({ models: { a: "smollm2" } as never })).toThrow(
    expect.objectContaining({ code, param: "models.a" }) as Error,
  );
});
