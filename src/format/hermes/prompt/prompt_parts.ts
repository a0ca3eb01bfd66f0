// Putting a prompt together: which parts are the template's own markers, and which only text.
import type { PromptPart } from "../../../engine/engine.js";

export const turnStart: PromptPart = { control: "<|im_start|>" };
export const turnEnd: PromptPart = { control: "<|im_end|>" };

/**
 * Collects the parts of a prompt. `own` is wording of this library (the role, the tags of Hermes), `text` is
 * everybody else's. Both are plain text, because Hermes 2 Pro's vocabulary has no tokens for the tags; where a
 * vocabulary has them (Hermes on Llama 3), `tagTokens` lets the tags in `own` become those tokens.
 */
export class PromptWriter {
  readonly #parts: PromptPart[] = [];
  readonly #tagTokens: boolean;
  #text = "";

  constructor({ tagTokens = false }: { readonly tagTokens?: boolean | undefined } = {}) {
    this.#tagTokens = tagTokens;
  }

  text(text: string): this {
    this.#text += text;
    return this;
  }

  own(text: string): this {
    if (!this.#tagTokens) return this.text(text);
    for (const piece of text.split(/(<\/?(?:tools|tool_call|tool_response|scratch_pad|schema)>)/)) {
      if (piece.startsWith("<") && piece.endsWith(">")) this.#control({ control: piece });
      else this.text(piece);
    }
    return this;
  }

  /**
   * Begins a turn with its role. Role, newline and content are one text, so that they tokenize as the whole template
   * would.
   */
  open(role: string): this {
    return this.#control(turnStart).text(`${role}\n`);
  }

  close(): this {
    return this.#control(turnEnd).text("\n");
  }

  parts(): PromptPart[] {
    this.#flush();
    return [...this.#parts];
  }

  #control(part: PromptPart): this {
    this.#flush();
    this.#parts.push(part);
    return this;
  }

  #flush(): void {
    if (this.#text !== "") this.#parts.push({ text: this.#text });
    this.#text = "";
  }
}

/**
 * The prompt as one string, as people read it. Tokens that were given as tokens have no text here and are counted
 * instead.
 */
export function partsToText(parts: readonly PromptPart[]): string {
  return parts
    .map((part) => ("text" in part ? part.text : "control" in part ? part.control : `[${part.tokens.length} tokens]`))
    .join("");
}
