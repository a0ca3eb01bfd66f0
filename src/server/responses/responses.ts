// POST /v1/responses: replies as responses, whole or as events, and what is stored of them.
import { onlyAnswer } from "../answers/segments.js";
import { answerConversation } from "../answers/requests.js";
import type { ApiError } from "../api_error.js";
import type { FinishEvent, Model } from "../../index.js";
import { AnswerStream } from "../http/event_stream.js";
import { eventStreamType, namedEvent, type StreamForm, type WaitingForm } from "../http/stream_forms.js";
import { inputTokens } from "../openai/usage.js";
import type { Served, Service } from "../service.js";
import type { ResponseRequest } from "./response_request.js";
import { newId, StoredResponse, type Item, type ResponseStore } from "./response_store.js";
import { ResponseWriter } from "./response_writer.js";

const failed = ({ code, message, param }: ApiError) => ({ type: "error", code, message, param });

/** Before there is a response. */
export const responseWaiting: WaitingForm = {
  type: eventStreamType,
  heartbeat: ": waiting\n\n",
  fail: (error) => namedEvent({ ...failed(error), sequence_number: 0 }),
};

export const respond =
  (store: ResponseStore) =>
  async (request: ResponseRequest & Served, service: Service): Promise<object> => {
    const events = await answerConversation(request, service);
    const response = new ResponseInProgress(request, service, store);
    const chunks = response.events(onlyAnswer(events, request.stream));
    if (request.stream) return new AnswerStream(chunks, response.form);
    let last: object = {};
    for await (const chunk of chunks) last = chunk;
    return (last as { readonly response: object }).response;
  };

/** One response on its way. */
class ResponseInProgress {
  readonly #request: ResponseRequest & Served;
  readonly #model: Model;
  readonly #writer: ResponseWriter;
  readonly #remember: (body: StoredResponse["body"]) => void;
  readonly #id = newId("resp");
  #sequence = 0;
  readonly #createdAt = Math.floor(Date.now() / 1000);

  constructor(request: ResponseRequest & Served, { model, tokens, cacheScope }: Service, store: ResponseStore) {
    this.#request = request;
    this.#model = model;
    this.#writer = new ResponseWriter({ ...request, texts: tokens });
    const { input, previous } = request;
    this.#remember = (body) => {
      if (request.store)
        store.add(cacheScope, new StoredResponse(body, input, body["output"] as readonly Item[], previous));
    };
  }

  async *events(parts: ReturnType<typeof onlyAnswer>): AsyncGenerator<object, void, undefined> {
    let hasBegun = false;
    for await (const part of parts) {
      // Not before the first token: what fails until then has a status of its own.
      if (!hasBegun) {
        hasBegun = true;
        for (const type of ["response.created", "response.in_progress"])
          yield { type, response: this.#body("in_progress") };
      }
      yield* this.#writer.write(part);
      if (part.type !== "finish") continue;
      const status = part.finishReason === "length" ? "incomplete" : "completed";
      const response = this.#body(status, {
        output: this.#writer.output,
        incomplete_details: status === "incomplete" ? { reason: "max_output_tokens" } : null,
        usage: await this.#usage(part),
        ...(status === "completed" ? { completed_at: Math.floor(Date.now() / 1000) } : {}),
      });
      // Before the client knows of it, who may go on at once.
      this.#remember(response);
      yield { type: `response.${status}`, response };
    }
  }

  /** Events that are named by their types, without an end of their own. */
  get form(): StreamForm {
    return {
      ...responseWaiting,
      write: (chunk) => this.#numbered(chunk),
      end: "",
      fail: (error) => {
        const { code, message } = error;
        return (
          this.#numbered(failed(error)) +
          this.#numbered({
            type: "response.failed",
            response: this.#body("failed", { output: this.#writer.output, error: { code, message } }),
          })
        );
      },
    };
  }

  #numbered(chunk: object): string {
    return namedEvent({ ...chunk, sequence_number: this.#sequence++ });
  }

  #body(status: string, more: object = {}): StoredResponse["body"] {
    const { model, echo, store } = this.#request;
    return {
      id: this.#id,
      object: "response",
      created_at: this.#createdAt,
      status,
      background: false,
      error: null,
      incomplete_details: null,
      model,
      output: [],
      usage: null,
      store,
      ...echo,
      ...more,
    };
  }

  /** Reasoning is counted by its text: the library does not tell its tokens apart. */
  async #usage({ usage }: FinishEvent): Promise<object> {
    const { reasoning } = this.#writer;
    const bos = this.#model.info.bosToken;
    const tokens = reasoning === "" ? [] : await this.#model.tokenize(reasoning);
    return {
      ...inputTokens(usage),
      output_tokens: usage.generatedTokens,
      output_tokens_details: {
        reasoning_tokens: Math.min(
          usage.generatedTokens,
          tokens.length - (tokens[0] === bos && bos !== undefined ? 1 : 0),
        ),
      },
      total_tokens: usage.promptTokens + usage.generatedTokens,
    };
  }
}
