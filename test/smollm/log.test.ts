// llama.cpp's log goes where it is sent, and nowhere else.
import { afterAll, expect, test } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { load, setLog, type LogEntry } from "../../src/index.js";
import { smollm2Model } from "../support/models.js";

afterAll(() => setLog(undefined));

async function logOfLoading(): Promise<void> {
  const model = await load(await smollm2Model(), { contextSize: 256 });
  await model.close();
  await sleep(50);
}

test("the sink gets whole lines of its level and those above", async () => {
  const entries: LogEntry[] = [];
  setLog((entry) => entries.push(entry), "info");
  await logOfLoading();
  expect(entries.length).toBeGreaterThan(20);
  expect(entries.some(({ message }) => message.includes("general.architecture"))).toBe(true);
  expect(entries.every(({ level, message }) => level !== "debug" && !message.includes("\n"))).toBe(true);
});

test("without a sink it falls silent", async () => {
  const entries: LogEntry[] = [];
  setLog((entry) => entries.push(entry), "debug");
  setLog(undefined);
  await logOfLoading();
  expect(entries).toEqual([]);
});

test("a wrong level is refused", () => {
  expect(() => setLog(() => {}, "loud" as "info")).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
});
