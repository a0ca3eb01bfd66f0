// Token ids of a prompt, made with the tokenizer of a server. Control tokens come from the template's own markup alone:
// what was typed is tokenized apart, and where the server finds a control token in it, its text is cut in two.
import type { PromptPart } from "../../engine.js";
import { CaduceusError } from "../../../errors.js";
import { isMarkup, textOf, type TokenPiece, type TokenSource } from "./token_source.js";

/** A segment of a prompt: token ids, or text in which there is no markup. */
type Segment = { readonly ids: readonly number[] } | { text: string };

/** Texts that come again, such as a template's. */
const longestKnown = 2_048;
const mostKnown = 4_096;
/** Pieces of one prompt's typed text, which may be nothing but texts of control tokens. */
const mostPieces = 10_000;
/** How often a text is looked at again because a control token was found in it that was not known. */
const mostRounds = 20;

export class PromptTokenizer {
  readonly #source: TokenSource;
  /** Control tokens by their texts, as they have been seen so far. */
  readonly #markers = new Map<string, number>();
  readonly #markerIds = new Set<number>();
  /** Those that the server finds in plain text too, and where they are cut. */
  readonly #cuts = new Map<string, number>();
  readonly #known = new Map<string, TokenPiece[]>();
  readonly #onPiece: (piece: TokenPiece) => void;
  #space: Promise<{ readonly prefixes: boolean; readonly newline: number }> | undefined;

  /** @param onPiece is told of each token with its bytes */
  constructor(source: TokenSource, onPiece: (piece: TokenPiece) => void) {
    this.#source = source;
    this.#onPiece = onPiece;
  }

  /** `continues`: the prompt stands behind tokens of which the last is no control token. */
  async tokenize(parts: readonly PromptPart[], continues: boolean, signal?: AbortSignal): Promise<Int32Array> {
    const segments = await this.#segments(parts, signal);
    const space = await (this.#space ??= this.#readSpace().catch((error: unknown) => {
      this.#space = undefined;
      throw error;
    }));
    const ids: number[] = [];
    const { bosToken } = this.#source;
    if (!continues && bosToken !== undefined) ids.push(bosToken);
    const first = segments[0];
    const skipsBos =
      !continues && bosToken !== undefined && first !== undefined && "ids" in first && first.ids[0] === bosToken;
    const texts = await this.#texts(
      segments.flatMap((segment, index) =>
        "text" in segment ? [{ text: segment.text, continues: this.#goesOn(segments, index, continues) }] : [],
      ),
      space,
      signal,
    );
    let next = 0;
    for (const [index, segment] of segments.entries()) {
      const list = "ids" in segment ? segment.ids : texts[next++]!;
      for (let at = index === 0 && skipsBos ? 1 : 0; at < list.length; at++) ids.push(list[at]!);
    }
    return Int32Array.from(ids);
  }

  /** Without the control tokens that are known, and those. */
  withoutMarkup(tokens: Int32Array, others: readonly number[]): number[] {
    const { bosToken } = this.#source;
    return [...tokens].filter((id) => !this.#markerIds.has(id) && !others.includes(id) && id !== bosToken);
  }

  /** Whether text stands behind a token that is no control token: then it gets no space in front. */
  #goesOn(segments: readonly Segment[], index: number, continues: boolean): boolean {
    const before = segments[index - 1];
    if (before === undefined) return continues;
    const last = "ids" in before ? before.ids.at(-1) : undefined;
    return last !== undefined && !this.#markerIds.has(last);
  }

  /** Neighboring texts are one. */
  async #segments(parts: readonly PromptPart[], signal: AbortSignal | undefined): Promise<Segment[]> {
    const controls = new Map<string, Segment[]>();
    const given = [...new Set(parts.flatMap((part) => ("control" in part ? [part.control] : [])))];
    const pieces = await this.#pieces(given, true, signal);
    for (const [index, control] of given.entries()) controls.set(control, this.#split(control, pieces[index]!));
    const all: Segment[] = [];
    const add = (segment: Segment) => {
      const last = all.at(-1);
      if ("ids" in segment ? segment.ids.length === 0 : segment.text === "") return;
      if ("text" in segment && last !== undefined && "text" in last) last.text += segment.text;
      else all.push("text" in segment ? { ...segment } : segment);
    };
    for (const part of parts) {
      if ("text" in part) add({ text: part.text });
      else if ("control" in part) controls.get(part.control)!.forEach(add);
      else add({ ids: Array.from(part.tokens) });
    }
    return all;
  }

  /** A template's text at its control tokens. */
  #split(control: string, pieces: readonly TokenPiece[]): Segment[] {
    const segments: Segment[] = [];
    let at = 0;
    for (const piece of pieces) {
      const text = textOf(piece);
      if (!isMarkup(text)) continue;
      const found = control.indexOf(text, at);
      if (found < 0) continue;
      this.#markers.set(text, piece.id);
      this.#markerIds.add(piece.id);
      segments.push({ text: control.slice(at, found) }, { ids: [piece.id] });
      at = found + text.length;
    }
    return [...segments, { text: control.slice(at) }];
  }

  /** Tokens of texts in which nothing is markup. */
  async #texts(
    texts: readonly { readonly text: string; readonly continues: boolean }[],
    space: { readonly prefixes: boolean; readonly newline: number },
    signal: AbortSignal | undefined,
  ): Promise<number[][]> {
    for (let round = 0; round < mostRounds; round++) {
      const cut = texts.map(({ text, continues }) =>
        this.#cut(text).map((piece, index) => ({ piece, behind: space.prefixes && (continues || index > 0) })),
      );
      const all = cut.flat();
      if (all.length > mostPieces)
        throw new CaduceusError(
          "INVALID_ARGUMENT",
          `The prompt has the texts of control tokens ${all.length} times, more than can be kept from being read as these.`,
        );
      // llama.cpp puts a space before a text of SentencePiece. A newline in front takes it, and is dropped.
      const read = await this.#pieces(
        all.map(({ piece, behind }) => (behind ? `\n${piece}` : piece)),
        false,
        signal,
      );
      const tokens = read.map((list, index) => (all[index]!.behind ? list.slice(space.newline) : list));
      const found = await this.#learn(tokens, signal);
      if (found) continue;
      let next = 0;
      return cut.map((pieces) => pieces.flatMap(() => tokens[next++]!.map(({ id }) => id)));
    }
    throw readsMarkup();
  }

  /** Whether control tokens were found in plain text; from now on their texts are cut. */
  async #learn(lists: readonly (readonly TokenPiece[])[], signal: AbortSignal | undefined): Promise<boolean> {
    const found = new Set<string>();
    for (const list of lists)
      for (const piece of list) {
        const text = textOf(piece);
        if (text.length < 2 || !(this.#markerIds.has(piece.id) || isMarkup(text))) continue;
        // An ordinary token may look like one, and is as good in two.
        if (!this.#cuts.has(text)) found.add(text);
        else if (this.#markerIds.has(piece.id)) throw readsMarkup();
      }
    for (const text of found) this.#cuts.set(text, await this.#bestCut(text, signal));
    return found.size > 0;
  }

  /** A cut where the joint tokenization has a boundary gives the fewest tokens. */
  async #bestCut(marker: string, signal: AbortSignal | undefined): Promise<number> {
    const places: number[] = [];
    for (const one of [...marker].slice(0, -1)) places.push((places.at(-1) ?? 0) + one.length);
    const halves = places.flatMap((place) => [marker.slice(0, place), marker.slice(place)]);
    const read = await this.#pieces(halves, false, signal);
    const sizes = places.map((_, index) => read[2 * index]!.length + read[2 * index + 1]!.length);
    return places[sizes.indexOf(Math.min(...sizes))]!;
  }

  /** The text in pieces in none of which the server finds a control token. */
  #cut(text: string): string[] {
    if (this.#cuts.size === 0) return [text];
    const longestFirst = [...this.#cuts.keys()].sort((a, b) => b.length - a.length);
    const pattern = new RegExp(longestFirst.map((one) => one.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|"), "g");
    const pieces: string[] = [];
    let from = 0;
    for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) {
      const place = found.index + this.#cuts.get(found[0])!;
      pieces.push(text.slice(from, place));
      from = place;
      // The next may begin inside of this one.
      pattern.lastIndex = place;
    }
    return [...pieces, text.slice(from)].filter((piece) => piece !== "");
  }

  async #pieces(texts: readonly string[], markup: boolean, signal: AbortSignal | undefined): Promise<TokenPiece[][]> {
    const keyOf = (text: string) => `${markup ? "m" : "t"}${text}`;
    const missing = [...new Set(texts)].filter((text) => !this.#known.has(keyOf(text)));
    const fresh = new Map<string, TokenPiece[]>();
    if (missing.length > 0) {
      const read = await this.#source.tokenize(missing, markup, signal);
      for (const [index, text] of missing.entries()) {
        const pieces = read[index]!;
        for (const piece of pieces) this.#onPiece(piece);
        fresh.set(text, pieces);
      }
    }
    const answer = texts.map((text) => fresh.get(text) ?? this.#known.get(keyOf(text))!);
    for (const [text, pieces] of fresh) {
      if (text.length > longestKnown) continue;
      if (this.#known.size >= mostKnown) this.#known.delete(this.#known.keys().next().value!);
      this.#known.set(keyOf(text), pieces);
    }
    return answer;
  }

  /** Whether the tokenizer puts a space before a text, and how many tokens a newline in front takes. */
  async #readSpace(): Promise<{ readonly prefixes: boolean; readonly newline: number }> {
    const [letter, newline] = await this.#pieces(["a", "\n"], false, undefined);
    const text = letter!.map(textOf).join("");
    return { prefixes: text === " a" || text === "▁a", newline: newline!.length };
  }
}

const readsMarkup = () =>
  new CaduceusError("UPSTREAM_INVALID", "The server's tokenizer reads typed text as control tokens, whatever is done.");
