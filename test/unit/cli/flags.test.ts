// Whoever types a flag with a wrong value reads the name of that flag.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { ScriptedEngine } from "../../support/engines/scripted_engine.js";
import { messageWithFlags } from "../../../src/cli/flags/flag_names.js";
import { loadOptions, replyOptions, type ModelFlags } from "../../../src/cli/flags/model_flags.js";
import { readChatTemplate, readLoadOptions } from "../../../src/cli/flags/read_load_options.js";
import { createProgram } from "../../../src/cli/program.js";
import { resolveReplyOptions } from "../../../src/chat/reply/reply_options.js";
import { invalidArgument } from "../../../src/errors.js";
import { CaduceusError, quantizeModel } from "../../../src/index.js";
import { checkLoadOptions } from "../../../src/model/loading/load_options.js";
import { checkConnectOptions, checkServerUrl } from "../../../src/model/loading/connect_options.js";
import { LoadedModel } from "../../../src/model/loading/loaded_model.js";
import { checkHandlerOptions, checkListenOptions } from "../../../src/server/server_options.js";

/** A value that cannot be, of every flag that has one. */
const wrong: Readonly<Record<string, string>> = {
  "--max-tokens": "0",
  "--temp": "-1",
  "--top-k": "-2",
  "--top-p": "2",
  "--min-p": "2",
  "--repeat-penalty": "-1",
  "--seed": "0.5",
  "--stop": "",
  "--reasoning": "perhaps",
  "--ctx-size": "3",
  "--kv-type": "f15",
  "--threads": "0",
  "--gpu-layers": "some",
  "--cache-tokens": "3",
  "--concurrency": "0",
  "--pooling": "max",
  "--dimensions": "0",
  "--prompt-variant": "plain",
  "--format": "chatml",
  "--port": "70000",
  "--keep-alive": "soon",
  "--max-memory": "0",
  "--models-max": "0",
  "--max-queue": "0",
  "--max-body": "0",
  "--max-bodies-per-address": "0",
  "--host": "",
  "--reply-timeout": "0",
  "--grace": "-1",
  "--allowed-host": "",
  "--cors-origin": "",
  "--api-key": "",
  "--limit": "0",
  "--tool-choice": "perhaps",
  "--call-order": "none",
  "--parallel-calls": "perhaps",
  "--parallel-hint": "perhaps",
  "--untagged-calls": "perhaps",
  "--constrained": "perhaps",
  "--n-prompt": "0",
  "--n-gen": "1",
  "--repetitions": "0",
  "--streams": "0,1",
  "--repeat-last-n": "-2",
  "--presence-penalty": "Infinity",
  "--frequency-penalty": "Infinity",
  "--dry-multiplier": "-1",
  "--dry-base": "0",
  "--dry-allowed-length": "-1",
  "--dry-penalty-last-n": "-2",
  "--dry-sequence-breaker": "",
  "--top-n-sigma": "-1",
  "--typical-p": "2",
  "--xtc-probability": "2",
  "--xtc-threshold": "2",
  "--dynatemp-range": "-1",
  "--dynatemp-exp": "-1",
  "--mirostat": "3",
  "--mirostat-ent": "-1",
  "--mirostat-lr": "-1",
  "--adaptive-target": "2",
  "--adaptive-decay": "1",
  "--logit-bias": "5",
  "--min-tokens": "-1",
  "--undeclared-properties": "perhaps",
  "--lora-scaled": "a.gguf",
  "--upstream": "nowhere",
  "--upstream-engine": "perhaps",
  "--output-tensor-type": "IQ1_S",
  "--token-embedding-type": "IQ1_S",
};
/** Names, paths and text, of which nothing is wrong by itself. */
const free = [
  "--model",
  "--system",
  "--tools",
  "--schema",
  "--load",
  "--mcp",
  "--file",
  "--input",
  "--output",
  "--out",
  "--category",
  "--api-key-file",
  "--models-dir",
  "--config",
  "--chat-template",
  "--chat-template-file",
  "--draft-model",
  "--model-draft",
  "--lora",
  "--imatrix",
  "--upstream-model",
];

const model = await LoadedModel.of(new ScriptedEngine());

/** What the command does with its flags before it does anything else. */
async function check(flags: ModelFlags & Record<string, never>): Promise<void> {
  resolveReplyOptions(replyOptions(flags), "reply", model);
  checkLoadOptions({ ...loadOptions(flags), cacheTokens: flags["cacheTokens"] });
  if (flags.upstream !== undefined) checkServerUrl(flags.upstream);
  checkConnectOptions({ engine: flags.upstreamEngine });
  checkListenOptions({ host: flags["host"], port: flags["port"] });
  checkHandlerOptions({
    models: { m: new Promise<never>(() => {}) },
    apiKeys: flags["apiKey"],
    allowedHosts: flags["allowedHost"],
    corsOrigins: flags["corsOrigin"],
    maxQueue: flags["maxQueue"],
    maxBodyBytes: flags["maxBody"],
    maxPendingBodiesPerAddress: flags["maxBodiesPerAddress"],
    replyTimeoutMs: flags["replyTimeout"],
  });
  const { outputTensorType, tokenEmbeddingType } = flags;
  if (outputTensorType !== undefined || tokenEmbeddingType !== undefined)
    await quantizeModel("a.gguf", "b.gguf", { type: "Q4_0", outputTensorType, tokenEmbeddingType });
}

const withAll = (command: Command): Command[] => [command, ...command.commands.flatMap(withAll)];
const program = createProgram(new AbortController().signal);
const rows = withAll(program).flatMap((command) =>
  command.options
    .filter((option) => option.required)
    .map((option) => [command.name(), option.long!, command, option] as const),
);

test.each(rows)("%s %s", async (_, long, command) => {
  if (free.includes(long)) return;
  const value = wrong[long];
  expect(value, `a wrong value for ${long}`).toBeDefined();
  let said = "";
  command.exitOverride().configureOutput({ writeErr: (text) => (said += text) });
  command.action(() => check(command.opts()));
  const positional = command.registeredArguments.filter(({ required }) => required).map(() => "something");
  await command.parseAsync([...positional, long, value!], { from: "user" }).catch((error: Error) => {
    said += error instanceof CaduceusError ? messageWithFlags(error, command) : String(error);
  });
  expect(said).toMatch(new RegExp(`(for|option) .*${long}\\b`));
  expect(said).not.toMatch(/\b[a-z]+[A-Z]\w*\b/);
});

test("every free flag exists", () => {
  const all = new Set(rows.map(([, long]) => long));
  expect([...free, ...Object.keys(wrong)].filter((long) => !all.has(long))).toEqual([]);
});

test("a chat template stands in a file, or is the flag's own value where that is one", async () => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), "template-")), "chat.jinja");
  writeFileSync(file, "\ufeff{{ messages[0].content }}");
  const template = "{{ messages[0].content }}";
  expect(await readChatTemplate({ chatTemplate: file })).toBe(template);
  expect(await readChatTemplate({ chatTemplateFile: file })).toBe(template);
  expect(await readChatTemplate({ chatTemplate: "{% if tools %}{% endif %}" })).toBe("{% if tools %}{% endif %}");
  expect(await readLoadOptions({ format: "template" })).toMatchObject({ format: "template", chatTemplate: undefined });
  await expect(readChatTemplate({ chatTemplate: "chatml" })).rejects.toThrow("There is no file chatml.");
  await expect(readChatTemplate({ chatTemplateFile: template })).rejects.toThrow("There is no file {{");
  await expect(readChatTemplate({ chatTemplate: file, chatTemplateFile: file })).rejects.toThrow("Expected one of");
});

test("adapters are given several times, and their scale stands behind the last colon", async () => {
  const run = createProgram(new AbortController().signal).commands.find((command) => command.name() === "run")!;
  let given: ModelFlags | undefined;
  run.exitOverride().action((_, flags: ModelFlags) => void (given = flags));
  await run.parseAsync(
    [
      "--lora",
      "/a.gguf",
      "--lora-scaled",
      "C:\\b.gguf:-0.5",
      "--lora",
      "/c.gguf",
      "--lora-scaled",
      "/d:1.gguf:0",
      "Hi",
    ],
    { from: "user" },
  );
  expect((await readLoadOptions(given!)).adapters).toEqual([
    { path: "/a.gguf" },
    { path: "/c.gguf" },
    { path: "C:\\b.gguf", scale: -0.5 },
    { path: "/d:1.gguf", scale: 0 },
  ]);
});

test("only what the command has is renamed, and no word of prose", () => {
  const run = program.commands.find((command) => command.name() === "run")!;
  const list = program.commands.find((command) => command.name() === "list")!;
  const error = invalidArgument("text for stop", "maxTokens", 0, { remedy: "Leave maxTokens out." });
  expect(messageWithFlags(error, run)).toBe(
    "Invalid value for -n/--max-tokens: 0. Expected text for stop. Leave maxTokens out.",
  );
  expect(messageWithFlags(error, list)).toBe(error.message);
  expect(messageWithFlags(invalidArgument("text", "stop[1]", 0), run)).toBe(
    "Invalid value for --stop[1]: 0. Expected text.",
  );
  expect(messageWithFlags(new CaduceusError("INVALID_ARGUMENT", "Both stop and maxTokens were given."), run)).toBe(
    "Both stop and maxTokens were given.",
  );
});
