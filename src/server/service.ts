// What an endpoint works with, for one request.
import type { FinishEvent, Model } from "../index.js";
import type { RequestContext } from "./request_context.js";
import type { TokenTexts } from "./answers/token_texts.js";

/** What the metrics count of an answer. */
export type Finished = Pick<FinishEvent, "timings" | "usage">;

/** A request whose model is known. */
export interface Served {
  /** The name under which it is served. */
  readonly model: string;
}

export interface Service {
  readonly model: Model;
  readonly tokens: TokenTexts;
  /** How long the model was waited for, in milliseconds. */
  readonly loadMs: number;
  readonly requestContext: RequestContext;
  /** Of the API key. */
  readonly cacheScope: string;
  readonly onFinish: (result: Finished) => void;
  /** What the diagnostics call one of several answers. */
  requestId(index: number, count: number): string;
}
