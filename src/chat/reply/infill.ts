// Filling in the middle: the prompt and what follows it, between the tokens that a model was trained on for that. Their
// order is that of llama.cpp's server: prefix, suffix, middle.
import type { ModelInfo, PromptPart } from "../../engine/engine.js";
import { CaduceusError, invalidArgument, reading } from "../../errors.js";
import { checkText } from "../../options/option_checks.js";

/** A file that the model sees besides the one in which it fills in. */
export interface ContextFile {
  /** Defaults to `"tmp"`. */
  readonly name?: string | undefined;
  readonly text: string;
}

/** Options that fill in the middle of a text. */
export interface InfillOptions {
  /**
   * The text after the gap: the model then writes what stands between the prompt and this. A prompt that is a string is
   * text then, and no markup in it is read. Any text, the empty one too. Throws `UNSUPPORTED` for models without the
   * tokens for it (`model.capabilities.infill`). Defaults to none.
   */
  readonly suffix?: string | undefined;
  /** Other files of the same project, at most 1,000. Only with `suffix`. Defaults to none. */
  readonly contextFiles?: readonly ContextFile[] | undefined;
}

export const infillNames = ["suffix", "contextFiles"] as const satisfies readonly (keyof InfillOptions)[];

/** What stands around the prompt. */
export interface Infill {
  readonly before: readonly PromptPart[];
  readonly after: readonly PromptPart[];
}

const mostFiles = 1_000;
/** llama.cpp's, before each file where a model has no token for that. */
const snippet = "\n\n--- snippet ---\n\n";

export function readInfill(
  { suffix, contextFiles }: InfillOptions,
  { infillTokens }: Pick<ModelInfo, "infillTokens">,
): Infill | undefined {
  if (suffix === undefined) {
    if (contextFiles === undefined) return undefined;
    throw new CaduceusError("INVALID_ARGUMENT", "contextFiles needs suffix.", { param: "contextFiles" });
  }
  const text = checkText(suffix, "suffix");
  const files = reading("contextFiles", () => checkFiles(contextFiles));
  if (infillTokens === undefined)
    throw new CaduceusError(
      "UNSUPPORTED",
      "suffix cannot be used: this model has no tokens for filling in the middle of a text.",
      {
        param: "suffix",
        remedy: "Load one that was trained for it, such as Qwen2.5-Coder.",
      },
    );
  const { prefix, suffix: hole, middle, repository, file } = infillTokens;
  const named = (name: string): PromptPart[] =>
    file === undefined ? [{ text: snippet }] : [token(file), { text: `${name}\n` }];
  const project: PromptPart[] = repository === undefined ? [] : [token(repository), { text: "myproject\n" }];
  const others = files.flatMap((other) => [...named(other.name), { text: other.text }]);
  return {
    before: [
      ...(files.length === 0 ? [] : [...project, ...others, ...(file === undefined ? [] : named("filename"))]),
      token(prefix),
    ],
    after: [token(hole), { text }, token(middle)],
  };
}

const token = (id: number): PromptPart => ({ tokens: Int32Array.of(id) });

function checkFiles(value: unknown): { readonly name: string; readonly text: string }[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > mostFiles)
    throw invalidArgument(`an array of at most ${mostFiles} files`, "contextFiles", value);
  return Array.from(value as unknown[], (one, index) => {
    const place = `contextFiles[${index}]`;
    if (typeof one !== "object" || one === null) throw invalidArgument("an object with text", place, one);
    const { name = "tmp", text } = one as { name?: unknown; text?: unknown };
    return { name: checkText(name, `${place}.name`), text: checkText(text, `${place}.text`) };
  });
}
