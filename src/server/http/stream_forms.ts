// How the chunks of a stream are written, each API in its own way.
import type { ApiError } from "../api_error.js";
import { toJson } from "../json_text.js";

/** As long as the answer has not begun. */
export interface WaitingForm {
  /** The response's content type. */
  readonly type: string;
  /** What is sent while there is no data, because proxies and clients close connections that are silent. */
  readonly heartbeat: string;
  /** The last that is sent where the answer fails. */
  fail(error: ApiError): string;
}

export interface StreamForm extends WaitingForm {
  write(chunk: object): string;
  /** What follows the last chunk; empty: nothing. */
  readonly end: string;
}

export const eventStreamType = "text/event-stream; charset=utf-8";
const data = (chunk: object) => `data: ${toJson(chunk)}\n\n`;

/** Server-sent events without names, as in OpenAI's completions. */
export const dataStream: StreamForm = {
  type: eventStreamType,
  write: data,
  end: "data: [DONE]\n\n",
  heartbeat: ": waiting\n\n",
  fail: ({ body }) => data(body),
};

/** Server-sent events that are named by the `type` of their data. */
export const namedEvent = (chunk: object) => `event: ${(chunk as { readonly type: string }).type}\n${data(chunk)}`;
