// Whether two greedy texts are the same but for rounding: other hardware sums in another order, and where two tokens
// are as likely as each other, either may come.

/** Natural logarithm: what rounding may change of a token's log probability. */
export const tolerance = 0.35;

/**
 * @typedef {import("caduceus").TokenProbability} TokenProbability
 * @typedef {object} Comparison
 * @property {boolean} agrees
 * @property {number} same tokens from the beginning
 * @property {number} largest difference of the log probabilities of these
 * @property {number | undefined} gap between both tokens at the first difference, as the reference has it
 */

/** @param {readonly TokenProbability[]} reference with its likeliest tokens @param {readonly TokenProbability[]} other @returns {Comparison} */
export function compareGreedy(reference, other) {
  let largest = 0;
  for (const [at, { token, logProbability, top = [] }] of reference.entries()) {
    const found = other[at];
    if (found === undefined) return { agrees: false, same: at, largest, gap: undefined };
    if (found.token !== token) {
      const rival = top.find((one) => one.token === found.token);
      const gap = rival === undefined ? Number.POSITIVE_INFINITY : logProbability - rival.logProbability;
      // What follows is another text.
      return { agrees: largest <= tolerance && gap <= tolerance, same: at, largest, gap };
    }
    largest = Math.max(largest, Math.abs(found.logProbability - logProbability));
  }
  return { agrees: largest <= tolerance, same: reference.length, largest, gap: undefined };
}

/** @param {Comparison} comparison @param {number} tokens */
export function describeComparison({ same, largest, gap }, tokens) {
  const where = same === tokens ? `all ${tokens} tokens alike` : `${same} of ${tokens} tokens alike`;
  const how = gap === undefined ? "" : `, then a choice between two ${gap.toFixed(3)} apart`;
  return `${where}${how}, log probabilities within ${largest.toFixed(3)}`;
}

/**
 * Log probabilities of the same tokens. Hardly any may differ by more than rounding.
 * @param {readonly number[]} reference @param {readonly number[]} other
 */
export function compareScores(reference, other) {
  const differences = reference.map((value, at) => Math.abs(value - (other[at] ?? Number.NaN)));
  const mean = differences.reduce((sum, value) => sum + value, 0) / differences.length;
  return { mean, agrees: other.length === reference.length && mean <= tolerance / 4 };
}
