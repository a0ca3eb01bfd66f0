// Whether two greedy texts are the same but for rounding, as the GPU test decides it.
import { expect, test } from "vitest";

const { compareGreedy, compareScores } = (await import(
  new URL("../../../scripts/gpu/greedy.mjs", import.meta.url).href
)) as {
  compareGreedy(reference: readonly object[], other: readonly object[]): { agrees: boolean; same: number };
  compareScores(reference: readonly number[], other: readonly number[]): { agrees: boolean };
};

const token = (id: number, logProbability: number, ...top: (readonly [number, number])[]) => ({
  token: id,
  logProbability,
  top: top.map(([other, probability]) => ({ token: other, logProbability: probability })),
});
const reference = [token(1, -0.1), token(2, -0.7, [2, -0.7], [3, -0.75], [4, -3]), token(5, -0.2)];

test.each([
  ["the same tokens", [token(1, -0.12), token(2, -0.7), token(5, -0.2)], true, 3],
  ["another choice between two that are as likely", [token(1, -0.1), token(3, -0.7), token(9, -1)], true, 1],
  ["a token that is much less likely", [token(1, -0.1), token(4, -0.7)], false, 1],
  ["a token that is not among the likeliest", [token(1, -0.1), token(8, -0.7)], false, 1],
  ["the same tokens with other probabilities", [token(1, -0.1), token(2, -1.2), token(5, -0.2)], false, 3],
  ["fewer tokens", [token(1, -0.1), token(2, -0.7)], false, 2],
])("%s: tokens agree where both were about as likely, up to the first other one", (_, other, agrees, same) => {
  expect(compareGreedy(reference, other)).toMatchObject({ agrees, same });
});

test.each([
  ["nearly the same log probabilities", [-1, -8.02, -3], true],
  ["others", [-1, -7, -3], false],
  ["one that is no number", [-1, Number.NaN, -3], false],
  ["fewer", [-1, -8], false],
])("%s: scores agree where all are numbers and close", (_, other, agrees) => {
  expect(compareScores([-1, -8, -3], other).agrees).toBe(agrees);
});
