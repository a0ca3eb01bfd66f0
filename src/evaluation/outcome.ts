// Whether a reply is right, and if not, why.

export type Outcome = { readonly passed: true } | { readonly passed: false; readonly reason: string };

export const passed: Outcome = { passed: true };

export const failed = (reason: string): Outcome => ({ passed: false, reason });

/** A data file or a results file is not what it should be; the message is for the person who gave it. */
export class EvaluationError extends Error {}
