/**
 * What the bounds of time and memory are multiplied with: a build under a sanitizer takes many times as much of both
 * (`npm run test:heavy -- addresses`).
 */
export const patience = Number(process.env["CADUCEUS_HOSTILE_PATIENCE"] ?? 1);
