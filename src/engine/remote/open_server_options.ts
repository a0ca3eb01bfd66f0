// What a server is opened with.
import type { AnswerFields } from "./http/answer_fields.js";
import type { ServerKind } from "./remote_server.js";

export interface OpenServerOptions {
  /** Undefined: the only one that the server has. */
  readonly model: string | undefined;
  /** Undefined: the server tells by what it says. */
  readonly engine: ServerKind | undefined;
  /** Undefined: as many as the server says. */
  readonly contextSize: number | undefined;
}

/** A model as the server lists it. */
export interface ListedModel {
  readonly id: string;
  /** All that the list says of it. */
  readonly fields: AnswerFields;
}
