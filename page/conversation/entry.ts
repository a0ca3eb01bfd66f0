// One entry of a conversation: a question or an answer.

export interface Call {
  readonly id: string;
  readonly name: string;
  /** As the model wrote them so far. */
  readonly argumentsText: string;
  /**
   * `writing`: the model is generating it. `asking`: the user is asked for its result. `left`: it was stopped before it
   * had one.
   */
  readonly state: "writing" | "asking" | "running" | "done" | "left";
  readonly result: string;
}

/** Statistics of one answer. */
export interface AnswerNumbers {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly generatedTokens: number;
  readonly firstTokenMs: number;
  /** Tokens a second after the first; 0 if there was only one. */
  readonly tokensPerSecond: number;
}

export interface UserEntry {
  readonly role: "user";
  readonly id: string;
  readonly parent: string | null;
  readonly text: string;
}

export interface AnswerEntry {
  readonly role: "assistant";
  readonly id: string;
  readonly parent: string | null;
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly Call[];
  readonly state: "writing" | "done" | "stopped" | "failed";
  /** Why it failed, or that it was cut off. */
  readonly note: string;
  /** Set if a JSON schema constrained it. */
  readonly isJson: boolean;
  readonly numbers: AnswerNumbers | null;
}

export type Entry = UserEntry | AnswerEntry;
