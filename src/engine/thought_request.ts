// What a run may think before its answer.

/**
 * The output may begin with a thought between two tags, and white space. The constraint and the stop strings apply to
 * what follows, and a constrained output is not complete without it.
 */
export interface ThoughtRequest {
  /** Such as `<think>`. Neither tag is empty, nor begins or ends with white space. */
  readonly opening: string;
  readonly closing: string;
  /** What is forced behind a thought before a constrained answer, such as the name of its channel; may be empty. */
  readonly answer: string;
  /** What is forced at the limit: from the thought's end to the text of the answer. */
  readonly end: string;
  /** Whether the prompt ends inside the thought, so that only its end is generated. */
  readonly open: boolean;
  /** Maximum number of tokens in the thought; then its end is forced. Undefined: no limit. */
  readonly maxTokens?: number | undefined;
}
