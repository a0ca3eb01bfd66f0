// The types that people write against; compiled, never run. A wrong line is a compile error, a line that should be
// wrong must be one.
import { expectTypeOf } from "vitest";
import { z } from "zod";
import {
  type Adapter,
  type AnswerError,
  CaduceusError,
  inspectModel,
  listModels,
  load,
  ModelPool,
  pullModel,
  quantizeModel,
  statusOf,
  tool,
  type Chat,
  type Constraint,
  type DeepPartial,
  type DiagnosticsMessages,
  type DroppedEvent,
  type Embeddings,
  type EngineStats,
  type ErrorCode,
  type FinishEvent,
  type Guarantee,
  type IncompleteCall,
  type Message,
  type Model,
  type ModelLease,
  type PooledModel,
  type PromptToken,
  type QuantizeOptions,
  type Reply,
  type ReplyEvent,
  type ReplyOptions,
  type ReplyResult,
  type TextEvent,
  type TokenProbability,
  type ToolInput,
  type Unenforced,
  type WarningEvent,
} from "../../src/index.js";
import { createHandler, listen, type Handler } from "../../src/server/index.js";

export async function serving(model: Model): Promise<void> {
  const handler = createHandler({
    models: { a: model, b: load("smollm2") },
    apiKeys: undefined,
    allowedHosts: "any",
    corsOrigins: ["*"],
  });
  expectTypeOf(handler).toEqualTypeOf<Handler>();
  expectTypeOf(handler.fetch(new Request("http://localhost"))).resolves.toEqualTypeOf<Response>();
  createHandler({
    models: { a: model },
    maxPendingBodies: 1,
    maxPendingBodiesPerAddress: 1,
    maxPendingBytes: undefined,
    statusAfterMs: 1,
    heartbeatMs: 1,
    maxStoredResponses: 0,
    maxStoredResponseBytes: 1,
  });
  await (await listen(handler, { port: 0 })).close({ graceMs: 0 });
  // @ts-expect-error models have names
  createHandler({ models: [model] satisfies Record<string, Model> });
  // @ts-expect-error models are asked for
  createHandler({});
}

export async function pooling(): Promise<void> {
  await using pool = new ModelPool({
    models: { a: "smollm2", b: { model: "hermes-2-pro", contextSize: 4096, keepAliveMs: false, loadOnStartup: true } },
    maxMemoryBytes: 2 ** 34,
    maxModels: undefined,
    keepAliveMs: 300_000,
    queueTimeoutMs: 1_000,
  });
  createHandler({ models: pool });
  await pool.ready();
  expectTypeOf(await pool.use("a", (model) => model.reply("Hi"))).toEqualTypeOf<ReplyResult>();
  expectTypeOf(await pool.use("a", (model) => model.embed("Hi"))).toEqualTypeOf<Embeddings>();
  expectTypeOf(await pool.use("a", () => 1, { keepAliveMs: 0, signal: undefined })).toEqualTypeOf<number>();
  using lease = await pool.acquire("a", { signal: AbortSignal.timeout(1) });
  expectTypeOf(lease).toEqualTypeOf<ModelLease>();
  expectTypeOf(lease.model).toEqualTypeOf<Model>();
  lease.release();
  expectTypeOf(pool.load("a", { keepAliveMs: false })).resolves.toEqualTypeOf<void>();
  expectTypeOf(pool.unload("a", { signal: undefined })).resolves.toEqualTypeOf<void>();
  expectTypeOf(pool.names).toEqualTypeOf<readonly string[]>();
  expectTypeOf(pool.list()).toEqualTypeOf<PooledModel[]>();
  expectTypeOf(pool.get("a").state).toEqualTypeOf<"unloaded" | "queued" | "loading" | "loaded" | "unloading">();
  expectTypeOf(pool.get("a").progress?.fraction).toEqualTypeOf<number | undefined>();
  expectTypeOf((await pool.inspect("a")).memory.totalBytes).toEqualTypeOf<number>();
  // @ts-expect-error models are asked for
  new ModelPool({});
  // @ts-expect-error only false is for ever
  new ModelPool({ models: { a: "smollm2" }, keepAliveMs: true });
  // @ts-expect-error no such option
  new ModelPool({ models: { a: { model: "smollm2", contextsize: 1 } } });
  // @ts-expect-error a load is ended by those who wait for it
  new ModelPool({ models: { a: { model: "smollm2", signal: AbortSignal.timeout(1) } } });
  // @ts-expect-error a name is asked for
  await pool.acquire();
  // @ts-expect-error what it unloads is nobody's any more
  await pool.unload("a", { keepAliveMs: 0 });
}

export async function loading(): Promise<void> {
  expectTypeOf(load).returns.resolves.toEqualTypeOf<Model>();
  await load("smollm2", {
    contextSize: 4096,
    kvType: "q8_0",
    onProgress: ({ stage, fraction }) => `${stage satisfies "fetch" | "load"} ${fraction.toFixed(1)}`,
  });
  await load("hermes-2-pro", {
    onProgress: ({ receivedBytes, totalBytes }) => expectTypeOf(receivedBytes).toEqualTypeOf(totalBytes),
  });
  expectTypeOf((await listModels())[0]!.state).toEqualTypeOf<"complete" | "partial">();
  const onProgress: QuantizeOptions["onProgress"] = ({ fraction }) => fraction.toFixed(1);
  const made = await quantizeModel("a.gguf", "b.gguf", { type: "Q4_K_M", outputTensorType: "Q6_K", onProgress });
  made.sizeBytes satisfies number;
  // @ts-expect-error there is no such type
  await quantizeModel("a.gguf", "b.gguf", { type: "Q4_K_X" });
  // @ts-expect-error single weights have no mixtures of types
  await quantizeModel("a.gguf", "b.gguf", { type: "Q4_K_M", tokenEmbeddingType: "Q4_K_M" });
  await pullModel("hermes-2-pro", { signal: undefined, onProgress: ({ fraction }) => fraction.toFixed(1) });
  expectTypeOf((await inspectModel("hermes-2-pro", { contextSize: 512 })).memory.totalBytes).toEqualTypeOf<number>();
  (await inspectModel("hermes-2-pro", { draftModel: "./small.gguf" })).memory.draftBytes satisfies number | undefined;
  // @ts-expect-error nothing is loaded
  await inspectModel("hermes-2-pro", { threads: 2 });
  // Conditional options need no spreading, under exactOptionalPropertyTypes too.
  await load("smollm2", { contextSize: undefined, signal: undefined });
  await load("smollm2", { hostCacheBytes: 0, prefixFolder: "/var/cache/prefixes", prefixFolderBytes: 2 ** 30 });
  await load("smollm2", { hostCacheBytes: undefined, prefixFolder: false, promptLookup: false });
  await load("hermes-2-pro", { draftModel: "./small.gguf" });
  const model = await load("smollm2", { adapters: [{ path: "a.gguf" }, { path: "b.gguf", name: "b", scale: 0.5 }] });
  expectTypeOf(model.adapters).toEqualTypeOf<Adapter[]>();
  expectTypeOf(await model.addAdapter({ path: "c.gguf", scale: undefined })).toEqualTypeOf<Adapter>();
  expectTypeOf(model.removeAdapter("b")).resolves.toEqualTypeOf<void>();
  await model.reply("Hi", { adapter: "b" });
  await model.complete("Hi", { adapter: [{ name: "b", scale: 2 }, "a"] });
  model.chat({ adapter: [] });
  // @ts-expect-error a scale alone names nothing
  await model.reply("Hi", { adapter: { scale: 2 } });
  // @ts-expect-error a path is asked for
  await load("smollm2", { adapters: [{ name: "a" }] });
  // @ts-expect-error only false turns it off
  await load("smollm2", { prefixFolder: true });
  // @ts-expect-error no such option
  await load("smollm2", { contextsize: 4096 });
  // @ts-expect-error no such format
  await load("smollm2", { kvType: "q4_0" });
  // @ts-expect-error a model is asked for
  await load();
}

export async function replying(model: Model, options: ReplyOptions): Promise<void> {
  const reply = model.reply("Hi", options);
  expectTypeOf(reply).toEqualTypeOf<Reply>();
  expectTypeOf(await reply).toEqualTypeOf<ReplyResult>();
  expectTypeOf((await reply).finishReason).toEqualTypeOf<"stop" | "length" | "tool-calls">();
  for await (const text of reply.textStream) expectTypeOf(text).toEqualTypeOf<string>();
  for await (const event of reply) {
    expectTypeOf(event).toEqualTypeOf<ReplyEvent>();
    if (event.type === "text") expectTypeOf(event).toEqualTypeOf<TextEvent>();
    if (event.type === "finish") expectTypeOf(event).toEqualTypeOf<FinishEvent>();
    if (event.type === "dropped") expectTypeOf(event).toEqualTypeOf<DroppedEvent>();
    if (event.type === "warning") expectTypeOf(event).toEqualTypeOf<WarningEvent>();
    // @ts-expect-error no such event
    if (event.type === "end") return;
  }
  expectTypeOf(reply.then(({ text }) => text.length)).resolves.toEqualTypeOf<number>();
  expectTypeOf(reply.catch((error: CaduceusError) => error.param ?? error.remedy)).resolves.toEqualTypeOf<
    ReplyResult | string | undefined
  >();
  expectTypeOf(reply.catch((error: CaduceusError) => error.code)).resolves.toEqualTypeOf<ReplyResult | ErrorCode>();
  expectTypeOf(Promise.all([reply, model.complete("Hi")])).resolves.toEqualTypeOf<[ReplyResult, ReplyResult]>();
  // What a model said can be sent back to it.
  model.reply([
    { role: "user", content: "Hi" },
    (await reply).message,
    { role: "user", content: [{ type: "text", text: "Bye" }] },
  ]);
  model.reply([
    { role: "developer", content: "Be brief." },
    { role: "user", content: "Hi" },
    { role: "assistant", content: null },
    { role: "user", content: "Hi" },
  ]);
  model.reply("Hi", { stop: ["a", "b"], logitBias: new Map([[5, -Infinity]]), seed: 1 });
  model.reply("Hi", {
    priority: -5,
    queueTimeoutMs: 100,
    cacheScope: "tenant",
    deterministic: true,
    keepPrefix: true,
    requestId: "a",
    contextOverflow: "drop-oldest",
  });
  model.complete("Hi", {
    priority: 5,
    queueTimeoutMs: 100,
    cacheScope: "tenant",
    deterministic: true,
    keepPrefix: true,
    requestId: "a",
  });
  for (const { top } of (await model.reply("Hi", { logProbabilities: true, topLogProbabilities: 3 }))
    .logProbabilities ?? [])
    expectTypeOf(top).toEqualTypeOf<readonly TokenProbability[] | undefined>();
  const scored = await model.complete("Hi", { promptLogProbabilities: true, maxTokens: 0 });
  expectTypeOf(scored.promptLogProbabilities).toEqualTypeOf<readonly PromptToken[] | undefined>();
  expectTypeOf(scored.promptLogProbabilities![0]!.logProbability).toEqualTypeOf<number | undefined>();
  expectTypeOf(model.tokenBytes([1])).resolves.toEqualTypeOf<Uint8Array[]>();
  // @ts-expect-error a conversation is not scored
  model.reply("Hi", { promptLogProbabilities: true });
  expectTypeOf(reply.id).toEqualTypeOf<string>();
  expectTypeOf((await reply).dropped).toEqualTypeOf<readonly Message[] | undefined>();
  expectTypeOf(model.stats()).toEqualTypeOf<EngineStats>();
  expectTypeOf(model.stats().restoredTokens).toEqualTypeOf<number>();
  // @ts-expect-error a raw prompt has no turns to drop
  model.complete("Hi", { contextOverflow: "drop-oldest" });
  // @ts-expect-error no such way
  model.reply("Hi", { contextOverflow: "shift" });
  // @ts-expect-error no such way
  model.reply("Hi", { undeclaredProperties: "close" });
  // @ts-expect-error no such role
  model.reply([{ role: "narrator", content: "Hi" }]);
  // @ts-expect-error no such option
  model.reply("Hi", { max_tokens: 5 });
}

export async function guaranteeing(model: Model): Promise<void> {
  const schema = {
    type: "object",
    properties: { name: { type: "string" }, tags: { type: "array", items: { type: "string" } } },
    required: ["name", "tags"],
  } as const;
  const reply = model.reply("Hi", {
    schema,
    callOrder: "name-first",
    toolChoice: { name: "add" },
    parallelToolCalls: false,
    parallelHint: true,
    constrained: true,
    undeclaredProperties: "allow",
  });
  for await (const value of reply.valueStream) expectTypeOf(value).toEqualTypeOf<{ name?: string; tags?: string[] }>();
  type Person = { name: string; tags: string[] };
  expectTypeOf((await reply).value).toEqualTypeOf<Person>();
  for await (const event of reply) if (event.type === "finish") expectTypeOf(event.value).toEqualTypeOf<Person>();
  expectTypeOf((await model.chat().send("Hi", { schema })).value).toEqualTypeOf<Person>();
  // Calls that wait for the caller come in the place of the answer; those of tools with handlers do not.
  const [handled, unhandled] = [tool({ name: "a", execute: () => 1 }), tool({ name: "b" })];
  expectTypeOf((await model.reply("Hi", { schema, tools: [handled] })).value).toEqualTypeOf<Person>();
  expectTypeOf((await model.reply("Hi", { schema, tools: [handled, unhandled] })).value).toEqualTypeOf<
    Person | undefined
  >();
  expectTypeOf(
    (
      await model
        .chat({ tools: [handled] })
        .fork()
        .send("Hi", { schema })
    ).value,
  ).toEqualTypeOf<Person>();
  expectTypeOf((await model.chat({ tools: [unhandled] }).send("Hi", { schema })).value).toEqualTypeOf<
    Person | undefined
  >();
  expectTypeOf(
    (await model.chat({ tools: [unhandled] }).send("Hi", { schema, tools: [handled] })).value,
  ).toEqualTypeOf<Person>();
  expectTypeOf((await model.reply("Hi", { schema, tools: [] as readonly ToolInput[] })).value).toEqualTypeOf<
    Person | undefined
  >();
  expectTypeOf((await model.reply("Hi")).value).toEqualTypeOf<unknown>();
  reply.catch((error: AnswerError) => {
    expectTypeOf(error.result).toEqualTypeOf<ReplyResult>();
    expectTypeOf(error.code).toEqualTypeOf<"SCHEMA_MISMATCH" | "INCOMPLETE">();
    expectTypeOf(error).toExtend<CaduceusError>();
  });
  expectTypeOf(reply.unenforced).toEqualTypeOf<readonly Unenforced[]>();
  expectTypeOf((await reply.explain()).prompts[0]?.constraint).toEqualTypeOf<Constraint | undefined>();
  expectTypeOf(model.capabilities.infill).toEqualTypeOf<boolean>();
  void model.complete("a", { suffix: "b", contextFiles: [{ text: "c" }, { name: "d", text: "e" }] });
  // @ts-expect-error a conversation has no gap
  void model.reply("a", { suffix: "b" });
  expectTypeOf(model.capabilities.reasoning).toEqualTypeOf<boolean>();
  expectTypeOf(model.capabilities.enforced).toEqualTypeOf<readonly Guarantee[]>();
  expectTypeOf<DeepPartial<{ a: { b: number }[] }>>().toEqualTypeOf<{ a?: { b?: number }[] }>();
  model.complete("Hi", { regex: "\\d+" });
  model.complete("Hi", { grammar: 'start: "a"' });
  model.complete("Hi", { schema });
  model.reply("Hi", {
    dryMultiplier: 0.8,
    drySequenceBreakers: ["\n"],
    xtcProbability: 0.5,
    typicalP: 0.9,
    topNSigma: 1,
    mirostat: 2,
    minTokens: 5,
    stopTokens: [7],
    ignoreEos: true,
  });
  // @ts-expect-error there are two of them
  model.reply("Hi", { mirostat: 3 });
  model.reply("Hi", { grammar: 'root ::= "a"' });
  // @ts-expect-error an expression is given as text
  model.complete("Hi", { regex: /a/ });
  // @ts-expect-error no such order
  model.reply("Hi", { callOrder: "name-last" });
}

export async function calling(model: Model): Promise<void> {
  const weather = tool({
    name: "get_weather",
    parameters: z.object({ city: z.string() }),
    execute: ({ city }) => city.length,
  });
  const roll = {
    type: "function",
    function: {
      name: "roll",
      parameters: { type: "object", properties: { sides: { type: "integer" } }, required: ["sides"] },
    },
  } as const;
  const now = tool({ name: "now" });
  const bare = { type: "function", function: { name: "bare" } } as const;
  const reply = model.reply("Hi", { tools: [weather, roll, now, bare], allowRepeatedCalls: true });
  for await (const event of reply) {
    if (event.type === "repeated-call") expectTypeOf(event.repeats).toEqualTypeOf<string>();
    if (event.type !== "tool-call" && event.type !== "tool-run" && event.type !== "repeated-call") continue;
    expectTypeOf(event.name).toEqualTypeOf<"get_weather" | "roll" | "now" | "bare">();
    if (event.name === "get_weather") expectTypeOf(event.arguments).toEqualTypeOf<{ city: string }>();
    if (event.name === "roll") expectTypeOf(event.arguments).toEqualTypeOf<{ sides: number }>();
    if (event.name === "bare") expectTypeOf(event.arguments).toEqualTypeOf<unknown>();
    // @ts-expect-error no such tool
    if (event.name === "other") continue;
  }
  for (const call of (await reply).toolCalls)
    if (call.name === "roll") expectTypeOf(call.arguments.sides).toEqualTypeOf<number>();
  expectTypeOf((await reply).incompleteCall).toEqualTypeOf<IncompleteCall | undefined>();
  for await (const event of reply)
    if (event.type === "finish")
      for (const call of event.toolCalls)
        if (call.name === "get_weather") expectTypeOf(call.arguments.city).toEqualTypeOf<string>();
  // Of one tool, and beside a schema.
  for (const call of (await model.reply("Hi", { tools: [weather], schema: z.object({ a: z.number() }) })).toolCalls)
    expectTypeOf(call.arguments).toEqualTypeOf<{ city: string }>();
  // A chat's own tools are known in each turn, unless that has others.
  const chat = model.chat({ tools: [weather] });
  for (const call of (await chat.fork().send("Hi")).toolCalls)
    expectTypeOf(call.arguments).toEqualTypeOf<{ city: string }>();
  for (const call of (await chat.send("Hi", { tools: [roll] })).toolCalls)
    expectTypeOf(call.arguments).toEqualTypeOf<{ sides: number }>();
  // Tools that the types do not tell.
  const tools: readonly ToolInput[] = [weather];
  expectTypeOf(model.reply("Hi", { tools })).toEqualTypeOf<Reply>();
  expectTypeOf(model.reply("Hi", { tools: undefined })).toEqualTypeOf<Reply>();
  expectTypeOf(model.chat({ tools })).toEqualTypeOf<Chat>();
  const known: Reply<unknown> = model.reply("Hi", { tools: [weather] });
  for (const call of (await known).toolCalls) expectTypeOf(call.arguments).toEqualTypeOf<unknown>();
  // @ts-expect-error no tool
  model.reply("Hi", { tools: [5] });
}

export async function chatting(model: Model, messages: readonly Message[]): Promise<void> {
  const chat = model.chat({ system: "Be brief.", messages, temperature: 0 });
  expectTypeOf(chat).toEqualTypeOf<Chat>();
  expectTypeOf(chat.fork()).toEqualTypeOf<Chat>();
  expectTypeOf(chat.messages).toEqualTypeOf<Message[]>();
  expectTypeOf(await chat.send("Hi", { maxTokens: 5 })).toEqualTypeOf<ReplyResult>();
  // @ts-expect-error a signal belongs to one reply
  model.chat({ signal: AbortSignal.abort() });
  // @ts-expect-error an id belongs to one reply
  model.chat({ requestId: "a" });
  model
    .chat({ contextOverflow: "drop-oldest", cacheScope: "tenant", keepPrefix: false })
    .send("Hi", { requestId: "a" });
  await using _closedHere = chat;
  await using _closedToo = model;
}

export function diagnosing(messages: DiagnosticsMessages): void {
  expectTypeOf(messages["caduceus:reply:start"].kind).toEqualTypeOf<"reply" | "complete" | "chat">();
  expectTypeOf(messages["caduceus:round:end"].finishReason).toEqualTypeOf<"stop" | "length" | "cancelled" | "failed">();
  expectTypeOf(messages["caduceus:model:load"].durationMs).toEqualTypeOf<number>();
  // @ts-expect-error no such channel
  messages["caduceus:token"];
}

export function errors(error: unknown): string {
  expectTypeOf(statusOf(error)).toEqualTypeOf<number>();
  if (!(error instanceof CaduceusError)) return "";
  // @ts-expect-error no such code
  if (error.code === "OOPS") return "";
  return error.code satisfies ErrorCode;
}
