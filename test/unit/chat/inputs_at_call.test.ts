// Everything is read at the call, each value once: what is changed afterwards changes nothing, and what cannot be read
// is an error.
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { CaduceusError, inspectModel, load, tool } from "../../../src/index.js";
import { createHandler, listen } from "../../../src/server/index.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { expectNoUnhandledRejections } from "../../support/unhandled_rejections.js";

expectNoUnhandledRejections();

const promptOf = (engine: { requests: readonly { prompt: readonly object[] }[] }, index = -1) =>
  engine.requests
    .at(index)!
    .prompt.map((part) => ("text" in part ? part.text : "control" in part ? part.control : ""))
    .join("");

type Opened = Awaited<ReturnType<typeof scriptedModel>>;
type Use = (opened: Opened, input: any, options: any) => PromiseLike<unknown>;

/** Everything that takes a conversation. */
const conversations: Record<string, Use> = {
  "model.reply": ({ model }, input, options) => model.reply(input, options),
  "model.explain": ({ model }, input, options) => model.explain(input, options),
  "chat.send": ({ model }, input, options) => model.chat().send(input, options),
  "chat.send behind another turn": ({ model }, input, options) => {
    const chat = model.chat();
    const before = chat.send("First");
    const reply = chat.send(input, options);
    return Promise.all([before, reply]);
  },
  "model.chat": ({ model }, input, options) => {
    const chat = model.chat({ messages: input, ...options });
    return (async () => {
      await sleep(0);
      return chat.send("Last");
    })();
  },
};

/** Everything that takes options. */
const entryPoints: Record<string, Use> = {
  ...conversations,
  "model.complete": ({ model }, _, options) => model.complete("Hi", options),
  "model.detokenize": ({ model }, _, options) => model.detokenize([20], options),
  load: (_, __, options) => load("/no/such/model.gguf", options),
  inspectModel: (_, __, options) => inspectModel("/no/such/model.gguf", options),
  tool: async (_, __, options) => tool(options),
  createHandler: async ({ model }, _, options) =>
    createHandler(Object.defineProperties(options, Object.getOwnPropertyDescriptors({ models: { a: model } }))),
};

const user = (content: unknown) => ({ role: "user", content });
const fails = (promise: () => PromiseLike<unknown>) =>
  (async () => promise())().then(
    () => "nothing",
    (error: unknown) => error,
  );

describe.each(Object.entries(conversations))("%s", (name, use) => {
  test("changes to the conversation after the call change nothing", async () => {
    const opened = await scriptedModel({ answer: () => "ok" });
    const part = { type: "text", text: "same" };
    const message = user([part]);
    const messages = [message];
    const promise = use(opened, messages, undefined);
    const { prompts } = (await (async () => {
      messages.push(user("pushed"));
      part.text = "changed";
      message.content = "changed as well" as never;
      message.role = "system";
      return name === "model.explain"
        ? await promise
        : (await promise, { prompts: [{ text: promptOf(opened.engine) }] });
    })()) as { prompts: { text: string }[] };
    expect(prompts[0]!.text).toContain("same");
    expect(prompts[0]!.text).not.toMatch(/pushed|changed/);
  });

  test("changes to tools, schema, stop strings and biases after the call change nothing", async () => {
    const opened = await scriptedModel({ answer: () => '{"a": 1}', constrained: true });
    const parameters = { type: "object", properties: { city: { type: "string" } } };
    const tools = [{ type: "function", function: { name: "get_weather", parameters } }];
    const schema = { type: "object", properties: { a: { type: "number" } } };
    const options = {
      tools,
      schema,
      stop: ["one"],
      logitBias: [[20, 1]],
      maxTokens: 100,
      toolChoice: { name: "get_weather" },
      maxRounds: 1,
    };
    const promise = use(opened, [user("Hi")], options);
    const change = () => {
      tools.push({ type: "function", function: { name: "pushed", parameters: {} as never } });
      tools[0]!.function.name = "changed";
      Object.assign(parameters.properties, { changed: { type: "string" } });
      Object.assign(schema.properties, { changed: { type: "string" } });
      options.stop.push("changed");
      options.logitBias.push([21, 1]);
      options.maxTokens = 1;
      options.toolChoice.name = "changed";
    };
    change();
    const given = await Promise.resolve(promise).then(
      (result) => result,
      (error: unknown) => error,
    );
    expect(given).not.toBeInstanceOf(Error);
    const seen =
      name === "model.explain"
        ? JSON.stringify(given)
        : JSON.stringify([opened.engine.requests.at(-1), promptOf(opened.engine)]);
    expect(seen).toContain("get_weather");
    expect(seen).not.toMatch(/pushed|changed/);
    if (name !== "model.explain")
      expect(opened.engine.requests.at(-1)).toMatchObject({
        maxTokens: 100,
        sampling: { logitBias: expect.not.arrayContaining([[21, 1]]) },
      });
  });

  test("a conversation that cannot be read rejects", async () => {
    const opened = await scriptedModel();
    const revoked = Proxy.revocable([], {});
    revoked.revoke();
    const throwing = {
      get role() {
        throw new RangeError("mine");
      },
    };
    for (const input of [
      revoked.proxy,
      [revoked.proxy],
      [throwing],
      [user([throwing])],
      [
        Object.defineProperty({}, "role", {
          get() {
            throw undefined;
          },
        }),
      ],
      new Array(3),
      [, user("Hi")],
      Symbol("a"),
      null,
      1n,
    ]) {
      expect(await fails(() => use(opened, input, undefined))).not.toBe("nothing");
    }
  });
});

describe.each(Object.entries(entryPoints))("%s", (name, use) => {
  test("each option is read once, through a proxy too", async () => {
    const opened = await scriptedModel({ answer: () => "ok" });
    for (const wrap of [(options: object) => options, (options: object) => new Proxy(options, {})]) {
      const reads = new Map<string, number>();
      const options = {};
      for (const key of name === "tool"
        ? ["name", "parameters", "execute"]
        : name === "model.detokenize"
          ? ["special"]
          : ["createHandler"].includes(name)
            ? ["maxQueue", "apiKeys"]
            : ["load", "inspectModel"].includes(name)
              ? ["contextSize", "kvType"]
              : ["temperature", "maxTokens", "stop"]) {
        Object.defineProperty(options, key, {
          enumerable: true,
          configurable: true,
          get: () => {
            reads.set(key, (reads.get(key) ?? 0) + 1);
            return (
              { name: "a", kvType: "f16", contextSize: 1024, maxQueue: 5, temperature: 0, maxTokens: 5 } as Record<
                string,
                unknown
              >
            )[key];
          },
        });
      }
      await fails(() => use(opened, [user("Hi")], wrap(options)));
      expect([...reads.values()]).toEqual([...reads.values()].map(() => 1));
      expect(reads.size).toBeGreaterThan(0);
    }
  });

  test("options that cannot be read are an error of the call, never a crash", async () => {
    const opened = await scriptedModel();
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const throwing = (value: unknown, ...names: string[]) =>
      Object.defineProperties(
        {},
        Object.fromEntries(
          names.map((name) => [
            name,
            {
              enumerable: true,
              configurable: true,
              get() {
                throw value;
              },
            },
          ]),
        ),
      );
    const unreadable = [
      throwing(
        new RangeError("mine"),
        "temperature",
        "maxTokens",
        "signal",
        "requestId",
        "contextSize",
        "special",
        "name",
        "maxQueue",
      ),
      throwing(undefined, "signal"),
      throwing(Symbol("a"), "requestId"),
      throwing(Object.create(null), "tools"),
      new Proxy(
        {},
        {
          ownKeys() {
            throw new RangeError("mine");
          },
        },
      ),
      new Proxy(
        {},
        {
          get() {
            throw new RangeError("mine");
          },
        },
      ),
    ];
    for (const options of name === "model.chat" || name === "createHandler"
      ? unreadable
      : [...unreadable, revoked.proxy]) {
      const error = await fails(() => use(opened, [user("Hi")], options));
      if (error !== "nothing" && name !== "tool" && name !== "model.chat") expect(error).toBeInstanceOf(Error);
      if (options === unreadable[0])
        expect(error).toBeInstanceOf(
          name === "tool" || name === "createHandler" || name === "model.chat" ? Error : CaduceusError,
        );
    }
  });
});

test("a chat whose turn could not be read goes on", async () => {
  const { model } = await scriptedModel({ answer: () => "ok" });
  const chat = model.chat();
  const wrong = chat.send(
    "Hi",
    Object.defineProperty({}, "signal", {
      enumerable: true,
      get() {
        throw new RangeError("mine");
      },
    }),
  );
  await expect(Promise.resolve(wrong)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  expect((await chat.send("Hi")).text).toBe("ok");
});

test("a signal that cannot be followed ends the reply, where that is read", async () => {
  const { model } = await scriptedModel();
  const signals = [
    {
      aborted: false,
      addEventListener() {
        throw new RangeError("mine");
      },
      removeEventListener() {},
    },
    {
      get aborted() {
        throw new RangeError("mine");
      },
      addEventListener() {},
      removeEventListener() {},
    },
  ];
  for (const signal of signals) {
    const reply = model.reply("Hi", { signal: signal as never });
    await expect(Promise.resolve(reply)).rejects.toBeInstanceOf(Error);
  }
});

test("the texts of prompts, tokens and names of models are read at the call", async () => {
  const { model, engine } = await scriptedModel({ answer: () => "ok" });
  const parts = [{ text: "same" }, { tokens: [20, 21] }];
  const reply = model.complete(parts);
  const counted = model.tokenize(parts);
  parts[0]!.text = "changed";
  parts[1]!.tokens!.push(22);
  parts.push({ text: "pushed" });
  await reply;
  expect(engine.requests[0]!.prompt).toEqual([{ text: "same" }, { tokens: Int32Array.of(20, 21) }]);
  expect((await counted).length).toBe(1 + 4 + 2);
});

test("a handler's models and keys are those it was made with", async () => {
  const { model } = await scriptedModel();
  const options = { models: { a: model } as Record<string, typeof model>, apiKeys: ["secret"] };
  const handler = createHandler(options);
  delete options.models["a"];
  options.apiKeys.push("other");
  const ask = async (key: string) =>
    (
      await handler.fetch(
        new Request("http://localhost/v1/models", { headers: { authorization: `Bearer ${key}`, host: "localhost" } }),
      )
    ).status;
  expect([await ask("secret"), await ask("other")]).toEqual([200, 401]);
  for (const wrong of [undefined, null, {}, { models: {} }])
    expect(() => createHandler(wrong as never)).toThrow(CaduceusError);
  await expect(
    listen(
      handler,
      Object.defineProperty({}, "port", {
        enumerable: true,
        get() {
          throw new RangeError("mine");
        },
      }),
    ),
  ).rejects.toBeInstanceOf(CaduceusError);
});
