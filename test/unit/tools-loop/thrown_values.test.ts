// Anything can be thrown. What a handler, an approval or a schema's own check throws is that call's failure and nothing
// more.
import { expect, test } from "vitest";
import { describe as describeValue, describeThrown } from "../../../src/errors.js";
import { tool, type ToolOptions } from "../../../src/index.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";

class Named extends Error {
  override get message(): string {
    throw new RangeError("from the message");
  }
}

const revoked = Proxy.revocable({}, {});
revoked.revoke();
const revokedError = Proxy.revocable(new Error("x"), {});
revokedError.revoke();

const thrown: Record<string, unknown> = {
  undefined: undefined,
  null: null,
  "a number": 5,
  "a bigint": 10n,
  "a symbol": Symbol("s"),
  text: "plain",
  "empty text": "",
  "a lone surrogate": "\ud800",
  "a function": () => 1,
  "an empty object": {},
  "no prototype": Object.create(null),
  "an error": new Error("plain"),
  "no message": new Error(),
  "a message that is no text": Object.assign(new Error(), { message: { nested: true } }),
  "a message that is a symbol": Object.assign(new Error(), { message: Symbol("m") }),
  "a message that is undefined": Object.assign(new Error(), { message: undefined }),
  "name and message that are no text": Object.assign(new Error(), { message: 1n, name: Symbol("n") }),
  "a message that throws": new Named(),
  "getters that throw": {
    get message() {
      throw new Error("a");
    },
    get name() {
      throw new Error("b");
    },
    get stack() {
      throw new Error("c");
    },
  },
  "a toString that throws": {
    toString() {
      throw new Error("a");
    },
    [Symbol.toPrimitive]() {
      throw new Error("b");
    },
    toJSON() {
      throw new Error("c");
    },
  },
  "a proxy that throws": new Proxy(
    {},
    {
      get() {
        throw new Error("a");
      },
      getPrototypeOf() {
        throw new Error("b");
      },
      ownKeys() {
        throw new Error("c");
      },
    },
  ),
  "a proxy of an error": new Proxy(new Error("plain"), {}),
  "a revoked proxy": revoked.proxy,
  "a revoked proxy of an error": revokedError.proxy,
  "a cycle": (() => {
    const value: Record<string, unknown> = {};
    value["self"] = value;
    return value;
  })(),
  "a long message": new Error("x".repeat(1e6)),
  "a thenable": {
    then(resolve: (value: number) => void) {
      resolve(1);
    },
  },
};
const call = '<tool_call>\n{"name": "act", "arguments": {"a": 1}}\n</tool_call>';

test.each(Object.keys(thrown))("%s can be described", (name) => {
  expect(typeof describeThrown(thrown[name])).toBe("string");
  expect(typeof describeValue(thrown[name])).toBe("string");
});

const fail = (value: unknown) => {
  throw value;
};
const ways: Record<
  string,
  (value: unknown) => { execute: ToolOptions["execute"]; approve?: () => never; parameters?: Record<string, unknown> }
> = {
  "a handler that throws": (value) => ({ execute: () => fail(value) }),
  "a handler that rejects": (value) => ({ execute: () => Promise.reject(value) }),
  "an approval that throws": (value) => ({ execute: () => 1, approve: () => fail(value) as never }),
  "an approval that rejects": (value) => ({ execute: () => 1, approve: (() => Promise.reject(value)) as never }),
  "an approval whose answer throws": (value) => ({
    execute: () => 1,
    approve: (() => ({
      get allow() {
        return fail(value);
      },
    })) as never,
  }),
  "a schema's check that throws": (value) => ({
    execute: () => 1,
    parameters: {
      "~standard": {
        version: 1,
        vendor: "mine",
        validate: () => fail(value),
        jsonSchema: { input: () => ({ type: "object" }) },
      },
    },
  }),
};

test.each(Object.keys(ways).flatMap((way) => Object.keys(thrown).map((name) => [way, name] as const)))(
  "%s: %s",
  async (way, name) => {
    const { approve, ...rest } = ways[way]!(thrown[name]);
    const { model } = await scriptedModel({ answer: (prompt) => (prompt.includes("<tool_response>") ? "Done" : call) });
    const act = tool({ name: "act", ...rest });
    const failures: unknown[] = [];
    let last = "";
    for await (const event of model.reply("Hi", { tools: [act], ...(approve === undefined ? {} : { approve }) })) {
      if (event.type === "tool-result")
        failures.push([event.failure, typeof event.content, event.content.length < 5_000]);
      if (event.type === "finish") last = event.text;
    }
    const kind = way.includes("approval") ? "refused" : way.includes("schema") ? "invalid-arguments" : "threw";
    expect(failures).toEqual([[kind, "string", true]]);
    expect(last).toBe("Done");
  },
);

test("a refusal whose reason is no text is a refusal", async () => {
  for (const reason of Object.values(thrown)) {
    const { model } = await scriptedModel({ answer: (prompt) => (prompt.includes("<tool_response>") ? "Done" : call) });
    const result = await model.reply("Hi", {
      tools: [tool({ name: "act", execute: () => 1 })],
      approve: () => ({ allow: false, reason: reason as never }),
    });
    expect(result.text).toBe("Done");
  }
});
