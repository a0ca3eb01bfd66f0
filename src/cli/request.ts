// What the flags ask of every reply: messages before the prompt, tools, a schema, options.
import { createHash } from "node:crypto";
import type { Command } from "commander";
import type { Message, ReplyOptions } from "../index.js";
import { UsageError } from "./exit_codes.js";
import { adapterIdentity, modelIdentity, replyOptions, type ModelFlags } from "./flags/model_flags.js";
import { upstreamIdentity } from "./flags/upstream_flags.js";
import { readChatTemplate } from "./flags/read_load_options.js";
import { readConversation, readSchema, readTools, withoutHandlers } from "./user_files.js";
import { isStandardInput, readUserText } from "./output/user_text.js";

export interface RequestFlags extends ModelFlags {
  readonly tools?: string;
  readonly yesTools?: boolean;
  readonly schema?: string;
  readonly load?: string;
  /** Of `chat`. */
  readonly mcp?: string;
}

/** What `caduceus run` takes besides. */
export interface RunFlags extends RequestFlags {
  readonly file?: string;
  readonly json?: boolean;
  readonly input?: string;
  readonly output?: string;
  readonly concurrency?: number;
  readonly retryErrors?: boolean;
}

export function addRequestFlags(command: Command): Command {
  return command
    .option(
      "--tools <path>",
      "what the model may call: an ES module that exports tools, or a JSON file with a list of them in OpenAI's form",
    )
    .option("--schema <path>", "the answer is JSON by this: a JSON Schema file, or an ES module that exports a schema")
    .option(
      "--load <path>",
      "go on from a conversation: a JSON file with messages in OpenAI's form, such as /save of the chat writes; its system message, where it has one, stands",
    );
}

export interface Request {
  readonly options: ReplyOptions;
  /** The conversation that a prompt begins or goes on. */
  ask(prompt: string): Message[];
  /** A whole conversation, with the system message of the flags where it has none. */
  complete(messages: readonly Message[]): Message[];
}

/** Reads the files of the flags. Handlers run with --yes-tools alone: there may be nobody to ask. */
export async function readRequest(flags: RequestFlags, signal: AbortSignal): Promise<Request> {
  const tools = flags.tools === undefined ? undefined : await readTools(flags.tools, signal);
  const schema = flags.schema === undefined ? undefined : await readSchema(flags.schema, signal);
  const earlier = flags.load === undefined ? [] : await readConversation(flags.load, signal);
  const complete = (messages: readonly Message[]) => withSystem(messages, flags.system);
  return {
    options: { ...replyOptions(flags), tools: tools && (flags.yesTools ? tools : withoutHandlers(tools)), schema },
    ask: (prompt) => complete([...earlier, { role: "user", content: prompt }]),
    complete,
  };
}

/** Whether one of the flags reads standard input. `prompt`: what else may read it. @throws UsageError where two do */
export function checkStandardInput(
  { tools, schema, load, mcp, chatTemplate, chatTemplateFile }: RequestFlags,
  prompt: Readonly<Record<string, string | undefined>>,
): boolean {
  const readers = (places: Readonly<Record<string, string | undefined>>) =>
    Object.keys(places).filter((name) => isStandardInput(places[name]));
  const ofFlags = readers({
    "--tools": tools,
    "--schema": schema,
    "--load": load,
    "--mcp": mcp,
    "--chat-template": chatTemplate,
    "--chat-template-file": chatTemplateFile,
  });
  const all = [...ofFlags, ...readers(prompt).map((name) => (name === "argument" ? "the prompt" : name))];
  if (all.length > 1)
    throw new UsageError(`Expected standard input for one thing but it is named for ${all.join(" and ")}.`);
  return ofFlags.length > 0;
}

export function withSystem(messages: readonly Message[], system: string | undefined): Message[] {
  // What is no message at all is for the library to refuse.
  const hasOne = messages.some((message) => (message as Message | null)?.role === "system");
  return system === undefined || hasOne ? [...messages] : [{ role: "system", content: system }, ...messages];
}

/** 8 hexadecimal digits for everything in the flags that answers depend on. */
export async function fingerprint(flags: RequestFlags): Promise<string> {
  const { model, ctxSize, kvType, system, yesTools = false } = flags;
  const files = await Promise.all(
    [flags.tools, flags.schema, flags.load].map((file) => (file === undefined ? null : readUserText(file))),
  );
  const all = [
    upstreamIdentity(flags) ?? modelIdentity(model),
    ctxSize ?? null,
    kvType ?? null,
    system ?? null,
    yesTools,
    replyOptions(flags),
    files,
    // Those that are not given change nothing, for answers from before there were any to count.
    ...[flags.format, flags.promptVariant, await readChatTemplate(flags), adapterIdentity(flags)].filter(
      (one) => one !== undefined,
    ),
  ];
  return createHash("sha256").update(JSON.stringify(all)).digest("hex").slice(0, 8);
}
