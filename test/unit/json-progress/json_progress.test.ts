// When an answer that is to be JSON has come to its end, or to no good.
import fc from "fast-check";
import { expect, test } from "vitest";
import { JsonProgress } from "../../../src/format/json_progress.js";
import { cpuMs } from "../../support/time/cpu_time.js";

/** What of the text belongs to the answer, and whether the watch was over by its end. */
function watch(text: string, pieces: readonly string[] = [text]): { kept: string; isOver: boolean } {
  const watching = new JsonProgress();
  let kept = "";
  for (const piece of pieces) {
    if (watching.isOver) break;
    kept += piece.slice(0, watching.read(piece));
  }
  return { kept, isOver: watching.isOver };
}

test("any JSON value, written in any way, in a fence or not, is followed to its end without a complaint", () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom(0, 1, 2), fc.boolean(), (json, indent, fenced) => {
      const spaced = JSON.stringify(JSON.parse(json), null, indent);
      const text = fenced ? `\n\`\`\`json\n${spaced}\n\`\`\`\n` : `${spaced}\n`;
      expect(watch(text)).toEqual({ kept: text, isOver: false });
    }),
  );
});

test("what follows an object or a list is cut off, wherever the pieces end", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.object(), fc.array(fc.jsonValue())),
      fc.constantFrom(" I hope this helps.", "}", "```", ",", '"'),
      (value, rest) => {
        const json = JSON.stringify(value);
        for (const pieces of [[json + rest], [...(json + rest)]]) {
          const { kept, isOver } = watch("", pieces);
          expect(isOver).toBe(true);
          expect(JSON.parse(kept)).toEqual(JSON.parse(json));
        }
      },
    ),
  );
});

test("it is over at the first character that no JSON can have there, and not before", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'{}[],:" \n1-.e0tfnrul\\x`') }), (text) => {
      const { isOver } = watch(text);
      let isJson = true;
      try {
        JSON.parse(text);
      } catch {
        isJson = false;
      }
      if (isJson) expect(isOver).toBe(false);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  "Anna is 31.",
  "{name",
  "[1 2]",
  '{"a" 1}',
  '{"a": tru ',
  '{"a": 1,}',
  '"a\nb"',
  "31 apples",
  "```python\n{}",
  "[1]]",
  "{]",
  "01 ",
  `{${" ".repeat(300)}`,
])("%j is given up", (text) => {
  expect(watch(text).isOver).toBe(true);
});

test.each(["", " \n", "{", '{"a', '{"a": "x\\', "[1,", "tru", "-", "1e", "``", "```js", "```json\n[1]\n``", "{}  "])(
  "%j may still become JSON",
  (text) => {
    expect(watch(text).isOver).toBe(false);
  },
);

test("a megabyte of anything takes linear time", () => {
  for (const text of ["[".repeat(1e6), `"${"a".repeat(1e6)}`, "[" + "1,".repeat(5e5), "1".repeat(1e5)]) {
    const begun = cpuMs();
    watch(text);
    expect(cpuMs() - begun).toBeLessThan(2_000);
  }
});
