// Fear: a server that loses streams, grows or starves clients under load. CADUCEUS_LOAD_SECONDS shortens it.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import OpenAI from "openai";
import { expect, onTestFinished, test } from "vitest";
import { cli } from "../process/run_program.js";

const seconds = Number(process.env["CADUCEUS_LOAD_SECONDS"] ?? 60);
const streams = 200;
const tokens = 16;

test(`${streams} clients that stream one answer after the other for ${seconds} s lose none, and memory stays within 25 %`, async () => {
  const child = spawn(
    process.execPath,
    [cli, "serve", "--port", "0", "-c", "512", "--cache-tokens", "16384", "--max-queue", String(streams)],
    { stdio: ["ignore", "inherit", "pipe"] },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  while (!stderr.includes("Ready.")) {
    expect(child.exitCode, stderr).toBeNull();
    await sleep(20);
  }
  const url = /http:\/\/\S+(?=, models)/.exec(stderr)![0];
  const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
  const residentMiB = () =>
    Number(execFileSync("ps", ["-o", "rss=", "-p", String(child.pid)], { encoding: "utf8" })) / 1024;

  const firstTokenMs: number[] = [];
  let answers = 0;
  const end = performance.now() + seconds * 1000;
  const client = async (id: number) => {
    for (let round = 0; performance.now() < end; round++) {
      const begun = performance.now();
      const stream = await openai.chat.completions.create({
        // The turn does not end for itself: its length says whether anything was lost.
        model: "smollm2",
        messages: [{ role: "user", content: `Client ${id}, question ${round}: tell me a story.` }],
        max_tokens: tokens,
        logit_bias: { 0: -100, 1: -100, 2: -100 },
        stream: true,
        stream_options: { include_usage: true },
      });
      let first: number | undefined;
      let last: OpenAI.ChatCompletionChunk | undefined;
      for await (const chunk of stream) {
        first ??= performance.now() - begun;
        last = chunk;
      }
      expect(last?.usage?.completion_tokens).toBe(tokens);
      firstTokenMs.push(first!);
      answers++;
    }
  };
  // Once everything has been in use, memory may not grow any more.
  const memory: number[] = [];
  const sampling = setInterval(() => memory.push(residentMiB()), 500);
  const begun = performance.now();
  const ends = await Promise.allSettled(Array.from({ length: streams }, (_, id) => client(id)));
  const took = (performance.now() - begun) / 1000;
  clearInterval(sampling);
  expect(ends.filter(({ status }) => status === "rejected")).toEqual([]);

  const metrics = await (await fetch(`${url}/metrics`)).text();
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);

  const sorted = firstTokenMs.toSorted((a, b) => a - b);
  const quantile = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!);
  const warm = memory.slice(Math.floor(memory.length / 3));
  console.log(
    JSON.stringify({
      answers,
      seconds: Number(took.toFixed(1)),
      tokensPerSecond: Math.round((answers * tokens) / took),
      firstTokenMs: { p50: quantile(0.5), p90: quantile(0.9), p99: quantile(0.99) },
      residentMiB: { third: Math.round(warm[0] ?? 0), most: Math.round(Math.max(...warm)) },
    }),
  );
  expect(answers).toBeGreaterThanOrEqual(streams);
  expect(metrics).toContain(`caduceus_http_responses_total{route="/v1/chat/completions",status="200"} ${answers}\n`);
  expect(metrics).toContain("\ncaduceus_active 0\n");
  expect(metrics).not.toMatch(/^caduceus_(errors|cancelled)_total\{/m);
  expect(Math.max(...warm)).toBeLessThan(warm[0]! * 1.25);
});
