// The state of a chat: its conversations, tools and schema.
import path from "node:path";
import {
  tool,
  type Chat,
  type Message,
  type Model,
  type ReplyOptions,
  type Schema,
  type ToolInput,
} from "../../index.js";
import { replyOptions } from "../flags/model_flags.js";
import { withSystem, type RequestFlags } from "../request.js";
import { jsonLine } from "../output/result_fields.js";
import { hasHandler, readConversation, readSchema, readTools, toolDefinition } from "../user_files.js";
import { expandHome } from "../../system/home_folder.js";
import { Forks, type Fork } from "./forks.js";

/** Asks the person at the terminal. Undefined when they have left; rejects with the signal's reason. */
export type Ask = (question: string, signal?: AbortSignal) => Promise<string | undefined>;

export class Session {
  readonly model: Model;
  readonly forks: Forks;
  /** Those of files. */
  tools: readonly ToolInput[] = [];
  schema: { readonly file: string; readonly content: Schema } | undefined;
  readonly leave: () => void;
  readonly #flags: RequestFlags;
  readonly #ask: Ask;
  readonly #mcpTools: () => readonly ToolInput[];
  /** Tools whose calls run unasked. */
  readonly #allowed = new Set<string>();

  constructor(
    model: Model,
    flags: RequestFlags,
    ask: Ask,
    leave: () => void,
    mcpTools: () => readonly ToolInput[] = () => [],
  ) {
    this.model = model;
    this.#flags = flags;
    this.#ask = ask;
    this.leave = leave;
    this.#mcpTools = mcpTools;
    this.forks = new Forks(this.#begin());
  }

  /** Reads the files of the flags. */
  async prepare(): Promise<void> {
    const { tools, schema, load } = this.#flags;
    if (tools !== undefined) await this.useTools(tools);
    if (schema !== undefined) await this.useSchema(schema);
    if (load !== undefined) await this.load(load);
  }

  /** Those of files, and of MCP servers. */
  get allTools(): readonly ToolInput[] {
    return [...this.tools, ...this.#mcpTools()];
  }

  /** Options of every question. */
  get options(): ReplyOptions {
    return {
      ...(this.allTools.length === 0
        ? {}
        : { tools: this.allTools.map((one) => (hasHandler(one) ? one : this.#answeredByHand(one))) }),
      ...(this.schema === undefined ? {} : { schema: this.schema.content }),
      approve: ({ name, arguments: args }, { signal }) => this.#approve(name, args, signal),
    };
  }

  async useTools(file: string): Promise<void> {
    const tools = await readTools(file);
    await this.model.chat({ tools }).close(); // Throws for what is wrong with them.
    this.tools = tools;
    this.#allowed.clear();
  }

  async useSchema(file: string): Promise<void> {
    const content = await readSchema(file);
    await this.model.chat({ schema: content }).close();
    this.schema = { file, content };
  }

  /** Loads a conversation from a file. It replaces the current one if that has not begun. */
  async load(file: string): Promise<Fork> {
    const chat = this.#begin(await readConversation(file));
    const { current } = this.forks;
    const hasBegun = current.chat.messages.some(({ role }) => role !== "system");
    if (hasBegun) this.forks.add(chat, path.parse(file).name.replaceAll(/\s+/g, "-"));
    else await this.#replace(chat);
    this.forks.current.file = path.resolve(expandHome(file));
    return this.forks.current;
  }

  async clear(): Promise<void> {
    await this.#replace(this.#begin());
  }

  /** Asks a question; only yes counts as yes. */
  async confirm(question: string): Promise<boolean> {
    return /^y(es)?$/i.test((await this.#ask(`${question} [y/N] `))?.trim() ?? "");
  }

  async #replace(chat: Chat): Promise<void> {
    const { current } = this.forks;
    await current.chat.close();
    Object.assign(current, { chat, reply: undefined, file: undefined });
  }

  #begin(messages: readonly Message[] | undefined = undefined): Chat {
    const { system } = this.#flags;
    // No messages are for the library to refuse.
    return this.model.chat({
      ...replyOptions(this.#flags),
      ...(messages === undefined || messages.length === 0
        ? { system, messages }
        : { messages: withSystem(messages, system) }),
    });
  }

  async #approve(name: string, args: unknown, signal: AbortSignal): Promise<boolean> {
    const one = this.allTools.find((given) => toolDefinition(given).name === name);
    if (this.#flags.yesTools || this.#allowed.has(name) || one === undefined || !hasHandler(one)) return true;
    for (;;) {
      const answer = (await this.#ask(`Run ${name} ${short(args)}? y(es), n(o), a(lways): `, signal))
        ?.trim()
        .toLowerCase();
      if (answer === undefined || /^no?$/.test(answer)) return false;
      if (/^a(lways)?$/.test(answer)) this.#allowed.add(name);
      if (/^(y(es)?|a(lways)?)$/.test(answer)) return true;
    }
  }

  /** A tool without a handler is answered by the person. */
  #answeredByHand(one: ToolInput): ToolInput {
    const { name } = toolDefinition(one);
    const execute = async (args: unknown, { signal }: { signal: AbortSignal }) =>
      this.#ask(`What does ${name} ${short(args)} give? `, signal);
    return tool({ ...toolDefinition(one), timeoutMs: Number.POSITIVE_INFINITY, execute });
  }
}

function short(args: unknown): string {
  const text = jsonLine(args) ?? "";
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
