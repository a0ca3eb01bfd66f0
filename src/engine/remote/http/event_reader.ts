// Server-sent events of one answer, read only as far as they are asked for: what is not read stays in the socket, and
// the server has to wait.
import type { IncomingMessage } from "node:http";
import { CaduceusError } from "../../../errors.js";
import { followSignal } from "../../../follow_signal.js";
import { invalidAnswer, lost, timedOut } from "./upstream_errors.js";

/** Characters of one line. */
const longestLine = 8 * 2 ** 20;

export interface EventReaderOptions {
  readonly url: string;
  /** Until the first event; comments, with which servers keep connections open, are none. */
  readonly firstEventMs: number;
  /** Between two pieces after that, comments included. */
  readonly stallMs: number;
  readonly signal: AbortSignal;
}

export class EventReader {
  readonly #response: IncomingMessage;
  readonly #options: EventReaderOptions;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  readonly #unfollow: () => void;
  readonly #firstUntil: number;
  /** What has come and was not read yet, and how far it was searched for the end of a line. */
  #rest = "";
  #searched = 0;
  #hasBegun = false;
  #isOver = false;

  constructor(response: IncomingMessage, options: EventReaderOptions) {
    this.#response = response;
    this.#options = options;
    this.#chunks = (response as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    this.#firstUntil = performance.now() + options.firstEventMs;
    this.#unfollow = followSignal(options.signal, () => this.close());
  }

  /** The JSON of the next event; undefined after the last. */
  async next(): Promise<unknown> {
    const { url } = this.#options;
    for (;;) {
      const line = await this.#line();
      if (line === undefined) return undefined;
      if (!line.startsWith("data:")) continue;
      const data = line.slice(5).trim();
      if (data === "[DONE]") return undefined;
      this.#hasBegun = true;
      try {
        return JSON.parse(data);
      } catch (error) {
        this.close();
        throw invalidAnswer(url, "an event that is not JSON", error);
      }
    }
  }

  /** Ends the connection, by which a server knows that it need not go on. May be called twice. */
  close(): void {
    this.#isOver = true;
    this.#unfollow();
    this.#response.destroy();
  }

  async #line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#rest.indexOf("\n", this.#searched);
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        this.#searched = 0;
        return line.endsWith("\r") ? line.slice(0, -1) : line;
      }
      this.#searched = this.#rest.length;
      if (this.#searched > longestLine) {
        this.close();
        throw invalidAnswer(this.#options.url, `a line of more than ${longestLine} characters`);
      }
      const chunk = await this.#chunk();
      if (chunk === undefined) return undefined;
      this.#rest += chunk;
    }
  }

  async #chunk(): Promise<string | undefined> {
    const { url, stallMs, signal } = this.#options;
    const left = this.#hasBegun ? stallMs : Math.max(1, this.#firstUntil - performance.now());
    const what = this.#hasBegun ? "sent nothing more of its answer" : "did not begin its answer";
    let waits = true;
    const late = () => waits && this.#response.destroy(timedOut(url, what, Math.round(left)));
    // What has come meanwhile is read first, where it was this process that was late.
    const timer = setTimeout(() => setImmediate(late), left).unref();
    try {
      const { done, value } = await this.#chunks.next();
      if (!done) return this.#decoder.decode(value, { stream: true });
      this.#unfollow();
      if (this.#isOver) signal.throwIfAborted();
      return undefined;
    } catch (error) {
      this.close();
      signal.throwIfAborted();
      if (error instanceof CaduceusError) throw error;
      if (error instanceof TypeError) throw invalidAnswer(url, "text that is not UTF-8", error);
      throw lost(url, (error as NodeJS.ErrnoException).code ?? "its answer is not whole", error);
    } finally {
      waits = false;
      clearTimeout(timer);
    }
  }
}
