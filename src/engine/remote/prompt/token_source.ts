// The tokenizer of a server, as far as prompts need it.

export interface TokenPiece {
  readonly id: number;
  /** What is part of a character cannot be text. */
  readonly bytes: Uint8Array;
}

export interface TokenSource {
  /** Token with which each prompt begins; undefined: none. */
  readonly bosToken: number | undefined;
  /** The tokens of each text by itself, without a BOS. `markup`: the texts of control tokens become these, as with some servers they always do. */
  tokenize(texts: readonly string[], markup: boolean, signal?: AbortSignal): Promise<TokenPiece[][]>;
}

export const textOf = ({ bytes }: TokenPiece): string => Buffer.from(bytes).toString("utf8");

/** `<|im_start|>`, `</s>`, `[INST]`, and MiniMax's `]~b]` and `[e~[`: what a control token looks like. */
export const isMarkup = (text: string): boolean =>
  /^(?:<[^\s<>]+>|<｜[^<>]+｜>|\[\/?[A-Za-z_]*[A-Z][A-Z_ ]+\]|\]~.*\]|\[e~\[)$/u.test(text);
