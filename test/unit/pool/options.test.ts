// What a pool refuses, and how it names the place.
import { expect, test } from "vitest";
import { ModelPool, type ModelPoolOptions } from "../../../src/index.js";

const reject = (options: unknown) => {
  try {
    new ModelPool(options as ModelPoolOptions);
  } catch (error) {
    return error;
  }
  throw new Error("It was taken.");
};

test.each<[options: unknown, param: string, words: string]>([
  [undefined, "models", "Expected an object with the models by their names."],
  [{ models: ["a"] }, "models", "an array of 1 entries"],
  [{ models: {} }, "models", "at least one model"],
  [{ models: { "": "a" } }, "models", 'Invalid value for models: "". Expected a name of 1 to 200 characters'],
  [{ models: { "a\nb": "a" } }, "models", "without control characters"],
  [{ models: { ["x".repeat(201)]: "a" } }, "models", "a string of 201 characters"],
  [{ models: { "\ud800": "a" } }, "models", "Expected a name"],
  [{ models: { a: 5 } }, "models.a", "Expected a name, a path, or an object with model and its options."],
  [{ models: { a: null } }, "models.a", "Invalid value for models.a: null."],
  [{ models: { a: {} } }, "models.a.model", "Invalid value for models.a.model: undefined."],
  [{ models: { a: "" } }, "models.a.model", 'Invalid value for models.a.model: "".'],
  [
    { models: { "a b": { model: "a", kvType: 1 } } },
    'models["a b"].kvType',
    'Invalid value for models["a b"].kvType: 1.',
  ],
  [{ models: { a: { model: "a", contextSize: -5 } } }, "models.a.contextSize", "models.a.contextSize: -5. Expected"],
  [{ models: { a: { model: "a", contextsize: 5 } } }, "models.a.contextsize", "Did you mean contextSize?"],
  [{ models: { a: { model: "a", signal: 5 } } }, "models.a.signal", "Unknown option of models.a"],
  [{ models: { a: { model: "a", loadOnStartup: 1 } } }, "models.a.loadOnStartup", "true or false"],
  [{ models: { a: { model: "a", keepAliveMs: -1 } } }, "models.a.keepAliveMs", "Expected a whole number from 0"],
  [
    { models: { a: { model: "a", format: "hermes", chatTemplate: "x" } } },
    "models.a.chatTemplate",
    "models.a: chatTemplate cannot be combined with format",
  ],
  [{ models: { a: "a" }, keepAliveMs: "5m" }, "keepAliveMs", "or false"],
  [{ models: { a: "a" }, maxMemoryBytes: 0 }, "maxMemoryBytes", "at least 1"],
  [{ models: { a: "a" }, maxModels: 0.5 }, "maxModels", "at least 1"],
  [{ models: { a: "a" }, queueTimeoutMs: 0 }, "queueTimeoutMs", "at least 1"],
  [{ models: { a: "a" }, maxMemory: 1 }, "maxMemory", "Did you mean maxMemoryBytes?"],
])("%j is refused, with %s as the place", (options, param, words) => {
  expect(reject(options)).toMatchObject({ code: "INVALID_ARGUMENT", param, message: expect.stringContaining(words) });
});

test("names may be whatever text people write, those of Object.prototype included", async () => {
  const names = ["__proto__", "constructor", "größe 7B/Q4:latest", "..", "a\u202eb", "%2F?#"];
  const models = Object.fromEntries(names.map((name) => [name, "/nowhere.gguf"]));
  await using pool = new ModelPool({ models });
  expect(pool.names).toEqual(names);
  for (const name of names) await expect(pool.load(name)).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
  expect(pool.list().map(({ failures }) => failures)).toEqual(names.map(() => 1));
  expect(() => pool.get("toString")).toThrow('The pool has no model "toString".');
});

test("what is asked of a pool is checked before anything is loaded", async () => {
  await using pool = new ModelPool({ models: { a: "/nowhere.gguf" } });
  const asked: [() => Promise<unknown>, object][] = [
    [() => pool.acquire("b"), { code: "MODEL_NOT_FOUND", param: "name", remedy: "It has a." }],
    [() => pool.acquire(5 as never), { code: "INVALID_ARGUMENT", param: "name" }],
    [() => pool.acquire("a", { keepAliveMs: -1 }), { code: "INVALID_ARGUMENT", param: "keepAliveMs" }],
    [() => pool.load("a", { signal: 1 as never }), { code: "INVALID_ARGUMENT", param: "signal" }],
    [() => pool.use("a", undefined as never), { code: "INVALID_ARGUMENT", param: "work" }],
    [() => pool.use("a", () => 1, { keepAlive: 1 } as never), { code: "INVALID_ARGUMENT", param: "keepAlive" }],
    [() => pool.unload("b"), { code: "MODEL_NOT_FOUND" }],
    [() => pool.inspect("b"), { code: "MODEL_NOT_FOUND" }],
    [() => pool.inspect("a"), { code: "MODEL_NOT_FOUND", message: expect.stringContaining("/nowhere.gguf") }],
  ];
  for (const [ask, error] of asked) await expect(ask()).rejects.toMatchObject(error);
  expect(pool.get("a")).toMatchObject({ state: "unloaded", loads: 0, failures: 0 });
});
