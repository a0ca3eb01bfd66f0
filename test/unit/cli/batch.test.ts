// The files of a run over many prompts: lines in, answers out, and what a kill leaves of them.
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Command } from "commander";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Answers } from "../../../src/cli/batch/answers.js";
import { markOf, readId, readObject, readPrompt } from "../../../src/cli/batch/prompt_line.js";
import { readLines, type Line } from "../../../src/cli/batch/read_lines.js";
import { addModelFlags, type ModelFlags } from "../../../src/cli/flags/model_flags.js";
import { fingerprint } from "../../../src/cli/request.js";

async function linesOf(chunks: readonly Buffer[], longest = 1000): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of readLines(
    (async function* () {
      yield* chunks;
    })(),
    longest,
  ))
    lines.push(line);
  return lines;
}

describe("lines of a stream", () => {
  test("come out the same however it is cut into chunks", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom("a", "é", "🌍", "\n", "\r\n", " ") }),
        fc.array(fc.nat(40)),
        async (text, cuts) => {
          const bytes = Buffer.from(text);
          const bounds = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
          const lines = await linesOf(bounds.slice(1).map((end, index) => bytes.subarray(bounds[index], end)));
          const expected = text.split("\n");
          if (expected.at(-1) === "") expected.pop();
          expect(lines.map((line) => line.bytes?.toString())).toEqual(expected);
          expect(lines.map(({ number }) => number)).toEqual(expected.map((_, index) => index + 1));
          expect(lines.every(({ isEnded }, index) => isEnded || index === lines.length - 1)).toBe(true);
          expect(lines.at(-1)?.isEnded ?? true).toBe(text === "" || text.endsWith("\n"));
        },
      ),
    );
  });

  test("beyond the limit are given without their bytes, and the others all the same", async () => {
    const lines = await linesOf([Buffer.from("ab\nxxx"), Buffer.from("xxxxx"), Buffer.from("xx\ncd\n")], 8);
    expect(lines.map(({ bytes }) => bytes?.toString())).toEqual(["ab", undefined, "cd"]);
  });
});

describe("a line of the input", () => {
  test.each([
    ["nonsense", "Expected JSON: "],
    ["[1]", "Expected a JSON object."],
    ["null", "Expected a JSON object."],
    ["{}", "Expected either prompt, a string, or messages, an array."],
    ['{"prompt": 5}', "Expected either prompt"],
    ['{"prompt": "a", "messages": []}', "Expected either prompt"],
    ['{"prompt": "  "}', "Expected a prompt that is not empty."],
    ['{"prompt": "a", "id": {}}', "Expected a string or a number for id."],
    ['{"prompt": "a", "signal": {}}', "Expected no option signal in a line."],
  ])("%s is refused: %s", (text, message) => {
    const read = () => {
      const object = readObject(text);
      readId((object as { id?: unknown }).id);
      return readPrompt(object);
    };
    expect(read).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", message: expect.stringContaining(message) }),
    );
  });

  test("gives its id, its prompt or messages, and everything else as options", () => {
    expect(readPrompt(readObject('{"id": "x", "prompt": "Hi", "maxTokens": 5, "seed": 1}'))).toEqual({
      id: "x",
      input: { prompt: "Hi" },
      options: { maxTokens: 5, seed: 1 },
    });
    expect(readPrompt(readObject('{"id": 0, "messages": []}'))).toEqual({
      id: 0,
      input: { messages: [] },
      options: {},
    });
  });
});

describe("the answers", () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "caduceus-answers-"));
    file = path.join(folder, "deep", "answers.jsonl");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const settings = "0123abcd";
  const mark = (text: string) => markOf(Buffer.from(text));
  const open = (more: { settings?: string; retriesErrors?: boolean } = {}) =>
    Answers.open(file, more.settings ?? settings, { retriesErrors: more.retriesErrors ?? false });
  const numbers = () =>
    readFileSync(file, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { line: number }).line);
  /** Answers what has no answer yet. */
  async function fill(
    lines: readonly string[],
    more: Parameters<typeof open>[0] = {},
    failing: readonly number[] = [],
  ): Promise<Answers> {
    const answers = await open(more);
    for (const [index, text] of lines.entries()) {
      const line = { number: index + 1, mark: mark(text), text };
      if (answers.has(line)) continue;
      await answers.add(
        {
          line: line.number,
          ...(failing.includes(line.number) ? { error: { code: "X", message: "é" } } : { id: text }),
        },
        line.mark,
      );
    }
    answers.close();
    return answers;
  }

  test("at whatever byte they were cut off, a later run completes them, each line once", async () => {
    await fill(["a", "bé", "c"]);
    const whole = readFileSync(file);
    for (let length = 0; length <= whole.length; length++) {
      writeFileSync(file, whole.subarray(0, length));
      await fill(["a", "bé", "c"]);
      expect(readFileSync(file).equals(whole), `cut at ${length}`).toBe(true);
    }
  });

  test("come in any order, and lines may be added to the input", async () => {
    const answers = await open();
    await answers.add({ line: 3 }, mark("c"));
    await answers.add({ line: 1 }, mark("a"));
    answers.close();
    const later = await fill(["a", "b", "c", "d"]);
    expect(numbers()).toEqual([3, 1, 2, 4]);
    expect(later.lastLine).toBe(3);
  });

  test("to a line that has changed since are refused", async () => {
    await fill(["a", "b"]);
    await expect(fill(["a", "other"])).rejects.toThrow("answers another input: line 2 has changed");
    expect(numbers()).toEqual([1, 2]);
  });

  test("of other settings are refused", async () => {
    await fill(["a"]);
    await expect(open({ settings: "ffffffff" })).rejects.toThrow("made with other settings");
  });

  test("a file of another kind is refused as it is, even one whose last line has no end", async () => {
    await fill([]);
    for (const content of [
      "some text",
      '{"prompt": "Hi"}',
      '{"prompt": "Hi"}\n',
      '{"line": 1}\n',
      "\n",
      '{"line":1,"key":"0123abcd-000000000000"}\nmore',
    ]) {
      writeFileSync(file, content);
      await expect(open({ retriesErrors: true })).rejects.toThrow("is no answer of caduceus run");
      expect(readFileSync(file, "utf8")).toBe(content);
    }
  });

  test("a line that is answered twice is refused", async () => {
    await fill(["a"]);
    appendFileSync(file, readFileSync(file));
    await expect(open()).rejects.toThrow("line 2: there is an answer to line 1 already");
  });

  test("two runs at once: one of them stops before a line is doubled", async () => {
    const first = await open();
    const second = await open();
    await first.add({ line: 1 }, mark("a"));
    await expect(second.add({ line: 1 }, mark("a"))).rejects.toThrow("Something else writes to");
    first.close();
    second.close();
    expect(numbers()).toEqual([1]);
  });

  test("that failed stay failed, until they are asked for again", async () => {
    expect((await fill(["a", "b", "c"], {}, [2])).failed).toBe(1);
    expect((await fill(["a", "b", "c"])).failed).toBe(1);
    appendFileSync(file, '{"line":4,"te'); // What a kill left must not come in the way.
    expect((await fill(["a", "b", "c"], { retriesErrors: true })).failed).toBe(0);
    expect(numbers()).toEqual([1, 3, 2]);
  });

  test("hold integers beyond 2^53 as digits", async () => {
    const answers = await open();
    await answers.add({ line: 1, ...{ value: { n: 9007199254740993n } } }, mark("a"));
    answers.close();
    expect(readFileSync(file, "utf8")).toContain('"value":{"n":"9007199254740993"}');
  });
});

test("a fingerprint changes with what answers depend on, and with nothing else", async () => {
  const flags = (...args: string[]) => addModelFlags(new Command()).parse(args, { from: "user" }).opts<ModelFlags>();
  const plain = await fingerprint(flags());
  expect(plain).toMatch(/^[0-9a-f]{8}$/);
  expect(await fingerprint(flags("-t", "1"))).toBe(plain);
  for (const other of [
    ["--lora", "/a.gguf"],
    ["--lora-scaled", "/a.gguf:0.5"],
    ["--temp", "0"],
    ["-s", "Be brief."],
    ["-m", "hermes-2-pro"],
    ["-c", "64"],
    ["--kv-type", "q8_0"],
    ["--stop", "x"],
    ["--reasoning", "off"],
  ]) {
    expect(await fingerprint(flags(...other)), other.join(" ")).not.toBe(plain);
  }
});
