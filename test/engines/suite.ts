// Runs the common behaviors on one engine, and holds the results to those in results.json; CADUCEUS_WRITE_RESULTS
// writes them there.
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { behaviors } from "./behaviors.js";
import type { Outcome } from "./outcome.js";
import type { Subject } from "./subject.js";

const file = new URL("results.json", import.meta.url);
type Results = Record<string, Record<string, Outcome>>;
const read = () => JSON.parse(readFileSync(file, "utf8")) as Results;

export function engineSuite(engine: string, open: () => Promise<Subject>): void {
  describe(`the engine ${engine}`, () => {
    const results: Record<string, Outcome> = {};
    let subject: Subject;
    beforeAll(async () => {
      subject = await open();
    });
    afterAll(async () => {
      await subject?.close();
      if (process.env["CADUCEUS_WRITE_RESULTS"] === undefined) return;
      const all = { ...read()[engine], ...results };
      const known = Object.keys(behaviors).flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]]]));
      writeFileSync(file, `${JSON.stringify({ ...read(), [engine]: Object.fromEntries(known) }, undefined, 2)}\n`);
    });
    for (const [behavior, run] of Object.entries(behaviors))
      test(behavior, async () => {
        const outcome = await run(subject);
        results[behavior] = outcome;
        if (process.env["CADUCEUS_WRITE_RESULTS"] === undefined) expect(outcome).toBe(read()[engine]?.[behavior]);
      });
  });
}
