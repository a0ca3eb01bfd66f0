// vLLM's tokenizer, which is that of transformers: it reads the texts of control tokens as these, wherever they stand.
import { CaduceusError } from "../../../errors.js";
import { AnswerFields } from "../http/answer_fields.js";
import type { ServerConnection } from "../http/server_connection.js";
import type { TokenPiece, TokenSource } from "../prompt/token_source.js";

/** Texts that are tokenized at once, each with a request of its own. */
const textsAtOnce = 16;

export class VllmTokens implements TokenSource {
  readonly bosToken: number | undefined;
  readonly #connection: ServerConnection;
  readonly #model: string;
  /** Its vocabulary writes each byte as a character. */
  readonly #isOfBytes: boolean;

  static async open(connection: ServerConnection, model: string, signal?: AbortSignal): Promise<VllmTokens> {
    const read = (text: string, special: boolean) => readStrings(connection, { model, text, special }, signal);
    const [withBos, without] = await Promise.all([read(" a", true), read(" a", false)]);
    const [first] = withBos.ids;
    const hasBos = withBos.ids.length > without.ids.length && first !== without.ids[0];
    return new VllmTokens(
      connection,
      model,
      hasBos ? first : undefined,
      without.texts.some((text) => text.includes("Ġ")),
    );
  }

  private constructor(connection: ServerConnection, model: string, bosToken: number | undefined, isOfBytes: boolean) {
    this.#connection = connection;
    this.#model = model;
    this.bosToken = bosToken;
    this.#isOfBytes = isOfBytes;
  }

  async tokenize(texts: readonly string[], _markup: boolean, signal?: AbortSignal): Promise<TokenPiece[][]> {
    const all: TokenPiece[][] = [];
    for (let from = 0; from < texts.length; from += textsAtOnce)
      all.push(...(await Promise.all(texts.slice(from, from + textsAtOnce).map((text) => this.#read(text, signal)))));
    return all;
  }

  async #read(text: string, signal: AbortSignal | undefined): Promise<TokenPiece[]> {
    const { ids, texts } = await readStrings(this.#connection, { model: this.#model, text, special: false }, signal);
    return Array.from(ids, (id, index) => ({
      id,
      bytes: this.#isOfBytes ? ofBytes(texts[index]!) : ofWords(texts[index]!),
    }));
  }
}

async function readStrings(
  connection: ServerConnection,
  { model, text, special }: { readonly model: string; readonly text: string; readonly special: boolean },
  signal: AbortSignal | undefined,
): Promise<{ readonly ids: Int32Array; readonly texts: readonly string[] }> {
  const { url } = connection;
  const body = { model, prompt: text, add_special_tokens: special, return_token_strs: true };
  const answer = new AnswerFields(await connection.ask("/tokenize", { body, signal }), url);
  const ids = answer.required("tokens", answer.tokens);
  const texts = answer.list("token_strs") ?? [];
  if (texts.length === ids.length && texts.every((one) => typeof one === "string")) return { ids, texts };
  throw new CaduceusError("UNSUPPORTED", `The server ${url} does not tell the texts of tokens.`, {
    remedy: "Use a newer vLLM.",
  });
}

/** GPT-2's characters for bytes: printable ones stand for themselves, the others follow U+0100. */
const byteOf = new Map<string, number>();
for (let byte = 0, next = 0x100; byte < 0x100; byte++) {
  const isPlain = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  byteOf.set(String.fromCodePoint(isPlain ? byte : next++), byte);
}

function ofBytes(text: string): Uint8Array {
  const bytes = [...text].map((one) => byteOf.get(one));
  // Added tokens are written as they are.
  return bytes.includes(undefined) ? Buffer.from(text) : Uint8Array.from(bytes as number[]);
}

/** SentencePiece writes spaces as U+2581, and bytes that are no characters by their numbers. */
function ofWords(text: string): Uint8Array {
  const byte = /^<0x([\dA-F]{2})>$/.exec(text)?.[1];
  return byte === undefined ? Buffer.from(text.replaceAll("▁", " ")) : Uint8Array.of(Number.parseInt(byte, 16));
}
