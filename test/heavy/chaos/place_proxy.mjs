// In a server's namespace, before it: misbehaves when told to, and keeps when which request came. Told by lines on
// standard input; `report` writes what it saw as a line of JSON.
import { createInterface } from "node:readline";
import { faultyProxy } from "../../support/faulty_proxy.mjs";

/** When requests came, by their marks, in milliseconds since 1970. @type {Record<string, number[]>} */
const seen = {};

const proxy = await faultyProxy(8001, {
  host: "0.0.0.0",
  port: 8000,
  onData(isRequest, data) {
    if (!isRequest) return;
    for (const [, mark] of data.toString("latin1").matchAll(/engine\/run[^]*?mark-(\d+)-/g))
      (seen[/** @type {string} */ (mark)] ??= []).push(Date.now());
  },
});
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "report") process.stdout.write(`${JSON.stringify(seen)}\n`);
  else if (line === "cut") proxy.cut();
  else proxy.set(/** @type {import("../../support/faulty_proxy.mjs").Fault} */ (line));
}
await proxy.close();
