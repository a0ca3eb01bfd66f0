// The slash commands of the chat.
import path from "node:path";
import { AnswerError } from "../../index.js";
import { UsageError } from "../exit_codes.js";
import { describeExplanation } from "../output/explanation_text.js";
import { writeTable } from "../output/table.js";
import { note, withoutControls } from "../output/terminal.js";
import { hasHandler, toolDefinition } from "../user_files.js";
import { expandHome } from "../../system/home_folder.js";
import { isFile, saveConversation } from "./save_conversation.js";
import type { Session } from "./session.js";
import { describeStats } from "./stats_text.js";

export interface Command {
  readonly name: string;
  readonly argument?: string;
  readonly completes?: "file" | "fork";
  readonly help: string;
  /** What it throws is told, and the chat goes on. */
  readonly run: (session: Session, argument: string) => void | Promise<void>;
}

export const commands: readonly Command[] = [
  {
    name: "/tools",
    argument: "[FILE | off]",
    completes: "file",
    help: "gives the model the tools of a module or JSON file, or takes them away; alone lists them",
    run: tools,
  },
  {
    name: "/schema",
    argument: "[FILE | off]",
    completes: "file",
    help: "answers are JSON by the schema of a module or JSON file; alone shows it",
    run: schema,
  },
  {
    name: "/save",
    argument: "[FILE]",
    completes: "file",
    help: "writes the conversation as OpenAI's messages, to where it last came from or went to",
    run: save,
  },
  {
    name: "/load",
    argument: "FILE",
    completes: "file",
    help: "goes on with such a conversation; a conversation that has begun here stays as a fork",
    run: load,
  },
  { name: "/fork", argument: "[NAME]", help: "goes on in a fork of the conversation, and keeps this one", run: fork },
  { name: "/forks", help: "lists the forks", run: forks },
  { name: "/switch", argument: "NAME", completes: "fork", help: "goes on with another fork", run: switchTo },
  { name: "/explain", help: "shows the exact prompt of the last answer and its tokens", run: explain },
  { name: "/stats", help: "shows what the engine has done so far", run: stats },
  { name: "/clear", help: "forgets the conversation of this fork", run: clear },
  { name: "/help", help: "shows this", run: help },
  { name: "/exit", help: "leaves, as Ctrl-D does", run: (session) => session.leave() },
];

const otherNames: Readonly<Record<string, string>> = { "/reset": "/clear", "/quit": "/exit", "/branches": "/forks" };

const keys = `A line that ends with a backslash goes on; """ begins and ends a text of several lines; pasted lines stay together.
Ctrl-C stops a reply; at the prompt it clears what is typed, and leaves when that is nothing. Tab completes commands and files.`;

/** Runs a typed line that begins with a slash. */
export async function runCommand(session: Session, typed: string): Promise<void> {
  const [, name = "", argument = ""] = /^(\S+)\s*(.*)$/s.exec(typed.trim()) ?? [];
  const command = commands.find((one) => one.name === (otherNames[name] ?? name));
  if (command === undefined)
    return note(
      `There is no command ${withoutControls(name)}. /help lists them; a question that begins with a slash needs a space in front.`,
    );
  if (command.argument === undefined && argument !== "") throw new UsageError(`Expected nothing after ${name}.`);
  if (command.argument !== undefined && !command.argument.startsWith("[") && argument === "")
    throw new UsageError(`Expected ${name} ${command.argument}.`);
  await command.run(session, argument);
}

async function tools(session: Session, argument: string): Promise<void> {
  if (argument === "off") {
    session.tools = [];
    if (session.allTools.length === 0) return note("The model has no tools any more.");
  }
  if (argument !== "") await session.useTools(argument);
  if (session.allTools.length === 0) return note("There are no tools: /tools FILE gives some.");
  const rows = session.allTools.map((one) => {
    const { name, description = "" } = toolDefinition(one);
    return [name, hasHandler(one) ? "" : "you answer it", withoutControls(description.split("\n", 1)[0] ?? "")];
  });
  note(writeTable(rows).trimEnd());
}

async function schema(session: Session, argument: string): Promise<void> {
  if (argument === "off") session.schema = undefined;
  else if (argument !== "") await session.useSchema(argument);
  note(session.schema === undefined ? "Answers are free text." : `Answers are JSON by ${session.schema.file}.`);
}

async function save(session: Session, argument: string): Promise<void> {
  const fork = session.forks.current;
  if (argument === "" && fork.file === undefined)
    throw new UsageError("Expected /save FILE: this conversation has no file yet.");
  const file = argument === "" ? fork.file! : path.resolve(expandHome(argument));
  const { messages } = fork.chat;
  const replaces = await isFile(file);
  if (replaces && file !== fork.file && !(await session.confirm(`${file} exists. Replace it?`)))
    return note("Nothing was saved.");
  await saveConversation(file, messages);
  fork.file = file;
  note(`${messages.length} messages are in ${file}${replaces ? ", in the place of what was there" : ""}.`);
}

async function load(session: Session, argument: string): Promise<void> {
  const { chat, name } = await session.load(argument);
  note(`${chat.messages.length} messages are loaded${name === "main" ? "" : `, as fork ${name}`}.`);
}

function fork({ forks }: Session, argument: string): void {
  if (/\s/.test(argument)) throw new UsageError("Expected a name without spaces.");
  if (argument !== "" && forks.find(argument) !== undefined)
    throw new UsageError(`There is a fork ${argument} already: /switch ${argument} goes on with it.`);
  const from = forks.current;
  const { name } = forks.add(from.chat.fork(), argument === "" ? undefined : argument);
  note(`This is fork ${name}; /switch ${from.name} goes back.`);
}

function forks({ forks }: Session): void {
  const rows = forks.all.map(({ name, chat }) => {
    const { messages } = chat;
    const last = messages.findLast(({ role }) => role === "user")?.content;
    const asked = typeof last === "string" ? last.replaceAll(/\s+/g, " ") : "";
    return [
      name === forks.current.name ? "*" : "",
      name,
      `${messages.length} messages`,
      asked.length > 60 ? `${asked.slice(0, 60)}…` : asked,
    ];
  });
  note(withoutControls(writeTable(rows, [2])).trimEnd());
}

function switchTo({ forks }: Session, argument: string): void {
  const fork = forks.find(argument);
  if (fork === undefined)
    throw new UsageError(`There is no fork ${argument}; there are ${forks.all.map(({ name }) => name).join(", ")}.`);
  forks.switchTo(fork);
  note(`This is fork ${fork.name}, with ${fork.chat.messages.length} messages.`);
}

async function explain({ forks }: Session): Promise<void> {
  const { reply } = forks.current;
  if (reply === undefined) throw new UsageError("There is no answer in this fork yet.");
  process.stderr.write(describeExplanation(await reply.explain(), process.stderr));
}

async function stats({ model, forks }: Session): Promise<void> {
  const last = await forks.current.reply?.then(
    (result) => result,
    (error: unknown) => (error instanceof AnswerError ? error.result : undefined),
  );
  process.stderr.write(describeStats(model.stats(), last));
}

async function clear(session: Session): Promise<void> {
  await session.clear();
  note("The conversation is forgotten.");
}

function help(): void {
  note(
    `${writeTable(commands.map(({ name, argument = "", help }) => [`${name} ${argument}`, help])).trimEnd()}\n${keys}`,
  );
}
