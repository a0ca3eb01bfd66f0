// HTTP to one server: a limited number of connections, deadlines, bounded answers, no redirects. Nothing here knows
// what is asked.
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { CaduceusError } from "../../../errors.js";
import { followSignal } from "../../../follow_signal.js";
import { EventReader } from "./event_reader.js";
import { invalidAnswer, lost, refused, timedOut, unreachable, unspeakable } from "./upstream_errors.js";

export interface ConnectionSettings {
  /** Without a path of the API, and with no slash at its end. */
  readonly url: string;
  readonly apiKey: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Answers that are read at the same time; others wait. */
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
  /** Of questions that generate nothing. */
  readonly requestTimeoutMs: number;
  /** From the request to the first event of its answer. */
  readonly firstTokenTimeoutMs: number;
  /** Between two pieces of an answer, while they are waited for. */
  readonly stallTimeoutMs: number;
}

/** Bytes of an answer that is no stream. */
const largestAnswer = 64 * 2 ** 20;
const largestRefusal = 64 * 2 ** 10;
/** Connections for questions, which do not wait behind answers. */
const questionConnections = 16;
const longestWaitMs = 30_000;

export interface Question {
  readonly method?: "GET" | "POST";
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

export class ServerConnection {
  readonly url: string;
  readonly settings: ConnectionSettings;
  readonly secrets: readonly string[];
  readonly #isSecure: boolean;
  readonly #agents: { readonly questions: HttpAgent; readonly answers: HttpAgent };

  constructor(settings: ConnectionSettings) {
    this.settings = settings;
    this.url = settings.url;
    const { apiKey, headers } = settings;
    this.secrets = [...(apiKey === undefined ? [] : [apiKey]), ...Object.values(headers)];
    this.#isSecure = settings.url.startsWith("https:");
    const agent = (maxSockets: number) => {
      const options = {
        keepAlive: true,
        maxSockets,
        maxFreeSockets: Math.min(maxSockets, 16),
        scheduling: "lifo",
      } as const;
      return this.#isSecure ? new HttpsAgent(options) : new HttpAgent(options);
    };
    this.#agents = { questions: agent(questionConnections), answers: agent(settings.maxConnections) };
  }

  /** The JSON of an answer. Rejects with what the server refused, or the signal's reason. */
  async ask(path: string, question: Question = {}): Promise<unknown> {
    const response = await this.#open(path, question, this.#agents.questions, this.settings.requestTimeoutMs);
    const text = await this.#text(response, largestAnswer, question.signal);
    return this.#json(text);
  }

  /** The same; undefined where the server has nothing at that path. */
  async find(path: string, question: Question = {}): Promise<unknown> {
    const response = await this.#open(
      path,
      question,
      this.#agents.questions,
      this.settings.requestTimeoutMs,
      [404, 405, 501],
    );
    if (response.statusCode !== 200) {
      response.destroy();
      return undefined;
    }
    return this.#json(await this.#text(response, largestAnswer, question.signal));
  }

  /** Whether there is a success at a path, whatever it says. */
  async ping(path: string, signal?: AbortSignal): Promise<void> {
    const response = await this.#open(path, { signal }, this.#agents.questions, this.settings.requestTimeoutMs);
    await this.#text(response, largestAnswer, signal);
  }

  /** The events of an answer that comes in pieces. */
  async stream(path: string, body: unknown, signal: AbortSignal): Promise<EventReader> {
    const begun = performance.now();
    const { firstTokenTimeoutMs, stallTimeoutMs } = this.settings;
    const response = await this.#open(path, { body, signal }, this.#agents.answers, firstTokenTimeoutMs);
    return new EventReader(response, {
      url: this.url,
      firstEventMs: Math.max(1, firstTokenTimeoutMs - (performance.now() - begun)),
      stallMs: stallTimeoutMs,
      signal,
    });
  }

  close(): void {
    this.#agents.questions.destroy();
    this.#agents.answers.destroy();
  }

  /** Sends the request, and resolves with an answer whose status is a success, or one of `also`. */
  async #open(
    path: string,
    { method, body, signal }: Question,
    agent: HttpAgent,
    timeoutMs: number,
    also: readonly number[] = [],
  ): Promise<IncomingMessage> {
    const response = await this.#send(
      path,
      method ?? (body === undefined ? "GET" : "POST"),
      body,
      agent,
      timeoutMs,
      signal,
    );
    const status = response.statusCode ?? 0;
    if ((status >= 200 && status < 300) || also.includes(status)) return response;
    if (status >= 300 && status < 400) {
      response.destroy();
      throw invalidAnswer(this.url, `a redirect (status ${status}), which is not followed`);
    }
    const wait = Number(response.headers["retry-after"]);
    const text = await this.#text(response, largestRefusal, signal).catch((error: unknown) => {
      signal?.throwIfAborted();
      void error;
      return "";
    });
    let said: unknown = text;
    try {
      said = JSON.parse(text);
    } catch {
      said = { message: text };
    }
    const waitMs = Number.isFinite(wait) ? Math.min(wait * 1_000, longestWaitMs) : undefined;
    throw refused(this.url, { status, path, body: said, waitMs }, this.secrets);
  }

  #send(
    path: string,
    method: string,
    body: unknown,
    agent: HttpAgent,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<IncomingMessage> {
    const { url, apiKey, headers, connectTimeoutMs } = this.settings;
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const request = (this.#isSecure ? httpsRequest : httpRequest)(url + path, {
        method,
        agent,
        headers: {
          accept: "application/json, text/event-stream",
          "accept-encoding": "identity",
          ...headers,
          ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
          ...(bytes === undefined ? {} : { "content-type": "application/json", "content-length": bytes.byteLength }),
        },
      });
      let timer: NodeJS.Timeout | undefined;
      const wait = (milliseconds: number, error: Error) => {
        clearTimeout(timer);
        timer = setTimeout(() => request.destroy(error), milliseconds);
        if (agent === this.#agents.answers) timer.unref();
      };
      const unfollow = followSignal(signal, (reason) => request.destroy(reason instanceof Error ? reason : undefined));
      const end = () => {
        clearTimeout(timer);
        unfollow();
      };
      let isSent = false;
      const sent = () => {
        isSent = true;
        wait(timeoutMs, timedOut(url, "gave no answer", timeoutMs));
      };
      request.on("socket", (socket) => {
        // Whoever waits for an answer in pieces keeps the process alive; the answer does not.
        if (agent === this.#agents.answers) socket.unref();
        if (!socket.connecting) return sent();
        wait(connectTimeoutMs, unreachable(url, `no connection within ${connectTimeoutMs} ms`));
        socket.once(this.#isSecure ? "secureConnect" : "connect", sent);
      });
      request.on("response", (response) => {
        end();
        resolve(response);
      });
      request.on("error", (error: NodeJS.ErrnoException) => {
        end();
        if (signal?.aborted) return reject(signal.reason);
        if (error instanceof CaduceusError) return reject(error);
        const unable = unspeakable(url, error.code ?? "", error);
        if (unable !== undefined) return reject(unable);
        const why = error.code ?? error.message;
        reject(isSent && !request.reusedSocket ? lost(url, why, error) : unreachable(url, why, error));
      });
      request.end(bytes);
    });
  }

  async #text(response: IncomingMessage, most: number, signal: AbortSignal | undefined): Promise<string> {
    const timeoutMs = this.settings.requestTimeoutMs;
    const timer = setTimeout(() => response.destroy(timedOut(this.url, "gave no whole answer", timeoutMs)), timeoutMs);
    const unfollow = followSignal(signal, () => response.destroy());
    try {
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of response as AsyncIterable<Buffer>) {
        size += chunk.byteLength;
        if (size > most) throw invalidAnswer(this.url, `more than ${most} bytes`);
        chunks.push(chunk);
      }
      return Buffer.concat(chunks).toString("utf8");
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof CaduceusError) throw error;
      throw lost(this.url, (error as NodeJS.ErrnoException).code ?? "the answer is not whole", error);
    } finally {
      clearTimeout(timer);
      unfollow();
      response.destroy();
    }
  }

  #json(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw invalidAnswer(this.url, "what is not JSON", error);
    }
  }
}
