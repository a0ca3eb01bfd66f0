// llama.cpp's log goes where it is sent, and nowhere else.
import { afterAll, expect, test } from "vitest";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { load, setLog, type LogEntry } from "../../src/index.js";
import { smollm2Model } from "../support/models.js";
import { turns } from "../support/time/until.js";

afterAll(() => setLog(undefined));

async function logOfLoading(): Promise<void> {
  const model = await load(await smollm2Model(), { contextSize: 256 });
  await model.close();
}

/** Lines come on later turns of an event loop, of another thread's perhaps. */
const comes = (lines: readonly unknown[]) => expect.poll(() => lines.length).toBeGreaterThan(20);

test("the sink gets whole lines of its level and those above", async () => {
  const entries: LogEntry[] = [];
  setLog((entry) => entries.push(entry), "info");
  await logOfLoading();
  await comes(entries);
  expect(entries.some(({ message }) => message.includes("general.architecture"))).toBe(true);
  expect(entries.every(({ level, message }) => level !== "debug" && !message.includes("\n"))).toBe(true);
});

test("without a sink it falls silent", async () => {
  const entries: LogEntry[] = [];
  setLog((entry) => entries.push(entry), "debug");
  setLog(undefined);
  await logOfLoading();
  await turns(20);
  expect(entries).toEqual([]);
});

test("a wrong level is refused", () => {
  expect(() => setLog(() => {}, "loud" as "info")).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
});

/** A thread that sets a log of its own, and stays until it is told to go. */
async function loggingWorker(): Promise<Worker> {
  const index = new URL("../../dist/index.js", import.meta.url).href;
  const program = `
    const { parentPort } = require("node:worker_threads");
    import(${JSON.stringify(index)}).then(({ setLog }) => {
      setLog(({ message }) => parentPort.postMessage(message), "info");
      parentPort.postMessage("set");
      parentPort.once("message", () => process.exit());
    });`;
  const worker = new Worker(program, { eval: true });
  expect(await once(worker, "message")).toEqual(["set"]);
  return worker;
}

test("a thread that set a log takes the log over as long as it lives, and then it comes here again", async () => {
  const entries: LogEntry[] = [];
  setLog((entry) => entries.push(entry), "info");
  const worker = await loggingWorker();
  const lines: string[] = [];
  worker.on("message", (line: string) => lines.push(line));
  await logOfLoading();
  await comes(lines);
  expect(entries).toEqual([]);
  worker.postMessage("go");
  await once(worker, "exit");
  await logOfLoading();
  await comes(entries);
});

test("a thread that takes its own log away takes away no other's", async () => {
  const worker = await loggingWorker();
  const lines: string[] = [];
  worker.on("message", (line: string) => lines.push(line));
  setLog(() => {}, "info");
  setLog(undefined);
  await logOfLoading();
  await comes(lines);
  await worker.terminate();
});

test("what a sink throws costs no other line", async () => {
  const entries: LogEntry[] = [];
  setLog((entry) => {
    entries.push(entry);
    // Node warns of it, and goes on.
    if (entries.length === 2) throw new Error("A fault of this test.");
  }, "info");
  await logOfLoading();
  await comes(entries);
});
