// `caduceus explain`: how a prompt comes about, from its format down to its tokens.
import { describeExplanation } from "../output/explanation_text.js";
import type { RequestFlags } from "../request.js";
import { readQuestion } from "./run_command.js";
import { withModel, write } from "../output/terminal.js";

export interface ExplainFlags extends RequestFlags {
  readonly file?: string;
  readonly json?: boolean;
}

export async function explainCommand(argument: string, flags: ExplainFlags, ending: AbortSignal): Promise<void> {
  const { prompt, request } = await readQuestion(argument, flags, ending);
  await withModel(flags, ending, async (model) => {
    // One token is enough to have the prompt read, and to know what of it was cached.
    const options = { ...request.options, maxTokens: 1, signal: ending };
    const explanation = await model.reply(request.ask(prompt), options).explain();
    await write(flags.json ? `${JSON.stringify(explanation)}\n` : describeExplanation(explanation, process.stdout));
  });
}
