// `caduceus chat`: a conversation in the terminal, or one answer where there is no terminal to converse in.
import type { Model, RunnableTool } from "../../index.js";
import { ExitCode } from "../exit_codes.js";
import type { RequestFlags } from "../request.js";
import { NoPrompt, readQuestion } from "../commands/run_command.js";
import { showReply } from "../output/show_reply.js";
import { note, withModel } from "../output/terminal.js";
import { runCommand } from "./commands.js";
import { completeLine } from "./completion.js";
import { withoutHandlers } from "../user_files.js";
import { readHistory } from "./history.js";
import { LineEditor } from "./line_editor.js";
import { withMcpTools } from "./mcp_servers.js";
import { Session } from "./session.js";

export async function chatCommand(question: string, flags: RequestFlags, ending: AbortSignal): Promise<void> {
  if (question !== "" || !process.stdin.isTTY) return answerOnce(question, flags, ending);
  await withMcpTools(flags.mcp, ending, (mcpTools) =>
    withModel(flags, ending, async (model) => {
      await new Conversation(model, flags, { history: await readHistory(), mcpTools }, ending).run();
    }),
  );
  ending.throwIfAborted();
}

async function answerOnce(question: string, flags: RequestFlags, ending: AbortSignal): Promise<void> {
  try {
    const { prompt, request } = await readQuestion(question, flags, ending);
    await withMcpTools(flags.mcp, ending, (mcpTools) =>
      withModel(flags, ending, async (model) => {
        const { tools: own = [] } = request.options;
        const tools = [...own, ...(flags.yesTools ? mcpTools() : withoutHandlers(mcpTools()))];
        const { error } = await showReply(
          model.reply(request.ask(prompt), { ...request.options, tools, signal: ending }),
          { showsCalls: flags.yesTools === true },
        );
        if (error !== undefined) process.exitCode = ExitCode.failure;
      }),
    );
  } catch (error) {
    // As a chat whose person leaves at once.
    if (!(error instanceof NoPrompt)) throw error;
    note("Nothing was asked.");
  }
}

class Conversation {
  readonly #model: Model;
  readonly #ending: AbortSignal;
  readonly #editor: LineEditor;
  readonly #session: Session;
  /** The reply under way. */
  #replying: AbortController | undefined;

  constructor(
    model: Model,
    flags: RequestFlags,
    { history, mcpTools }: { readonly history: string[]; readonly mcpTools: () => readonly RunnableTool[] },
    ending: AbortSignal,
  ) {
    this.#model = model;
    this.#ending = ending;
    this.#editor = new LineEditor({
      history,
      complete: (line) =>
        completeLine(
          line,
          this.#session.forks.all.map(({ name }) => name),
        ),
      onInterrupt: () => this.#interrupt(),
      onClose: () => this.#replying?.abort(),
    });
    this.#session = new Session(
      model,
      flags,
      (question, signal) => this.#editor.ask(question, signal),
      () => this.#editor.close(),
      mcpTools,
    );
    ending.addEventListener("abort", () => this.#editor.close(), { once: true });
  }

  /** Runs the chat until the user exits. Lines typed during a reply wait for its end. */
  async run(): Promise<void> {
    try {
      await this.#session.prepare();
      note(`${this.#model.info.name ?? this.#model.info.description}. /help lists commands, Ctrl-D leaves.`);
      for (let typed = await this.#editor.next(); typed !== undefined; typed = await this.#editor.next())
        await this.#take(typed);
    } finally {
      this.#editor.close();
      process.stderr.write("\n");
    }
  }

  async #take(typed: string): Promise<void> {
    try {
      if (typed.startsWith("/") && !typed.includes("\n")) await runCommand(this.#session, typed);
      else if (typed.trim() !== "") await this.#answer(typed.trim());
    } catch (error) {
      this.#ending.throwIfAborted();
      // A question that is too long, a file that is none: the conversation goes on.
      note(error instanceof Error ? error.message : String(error));
    }
  }

  async #answer(question: string): Promise<void> {
    const replying = (this.#replying = new AbortController());
    const {
      forks: { current },
      options,
    } = this.#session;
    try {
      current.reply = current.chat.send(question, { ...options, signal: replying.signal });
      await showReply(current.reply, { showsCalls: true });
    } catch (error) {
      if (!replying.signal.aborted) throw error;
      this.#ending.throwIfAborted();
      note("(stopped; this turn is not part of the conversation)");
    } finally {
      this.#replying = undefined;
    }
  }

  #interrupt(): void {
    if (this.#replying !== undefined && !this.#replying.signal.aborted) this.#replying.abort();
    else this.#editor.close();
  }
}
