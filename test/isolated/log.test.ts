// The log of a model's process goes where this process' own goes, and nowhere else.
import { afterAll, afterEach, expect, test } from "vitest";
import { load, setLog, type LogEntry, type Model } from "../../src/index.js";
import { LogLines } from "../../src/engine/isolated/log_lines.js";
import { hermesModel } from "../support/models.js";

const models: Model[] = [];
afterEach(() => setLog(undefined));
afterAll(() => Promise.all(models.map((model) => model.close())));

/** All into one process: what is set later has to reach one that lives. */
async function loadOne(): Promise<void> {
  const options = { contextSize: 256, prefixFolder: false, isolate: "logged" } as const;
  models.push(await load(await hermesModel(), options));
}
const isOfLoading = ({ message }: LogEntry) => message.includes("general.architecture");

test("nothing is told before a sink is set, lines of its level after, and nothing when it is gone", async () => {
  const before: LogEntry[] = [];
  setLog((entry) => before.push(entry), "debug");
  setLog(undefined);
  await loadOne();

  const entries: LogEntry[] = [];
  setLog((entry) => entries.push(entry), "info");
  await loadOne();
  await expect.poll(() => entries.some(isOfLoading)).toBe(true);
  expect(entries.every(({ level, message }) => level !== "debug" && !message.includes("\n"))).toBe(true);
  setLog(undefined);
  const count = entries.length;
  await loadOne();
  // What is told goes in order: this would have come before the answer.
  await models[0]!.tokenize("Hi");
  expect([before, entries.length]).toEqual([[], count]);
});

test("a sink that throws is warned of, and gets the other lines", async () => {
  let lines = 0;
  const warned: string[] = [];
  const onWarning = ({ message }: Error) => void warned.push(message);
  process.on("warning", onWarning);
  setLog(() => {
    if (++lines === 1) throw new Error("A fault of this test.");
  }, "info");
  await loadOne();
  await expect.poll(() => lines).toBeGreaterThan(20);
  await expect.poll(() => warned).toContain("A fault of this test.");
  process.off("warning", onWarning);
});

test("lines that come faster than they are taken are counted and left out", () => {
  const sent: string[] = [];
  const lines = new LogLines(({ message }) => sent.push(message));
  for (let n = 0; n < 1_500; n++) lines.add({ level: "debug", message: `${n}` });
  expect(sent.length).toBe(1_000);
  lines.told(1);
  expect(sent.slice(1_000)).toEqual([expect.stringMatching(/^500 lines of the log were left out/)]);
  lines.told(2);
  lines.add({ level: "debug", message: "more" });
  expect(sent.at(-1)).toBe("more");
});
