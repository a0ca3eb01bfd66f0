// Speed of the reply parser: MB/s on ordinary text, and on 0.25 and 1 MB of every hostile shape. The last column (time
// of 1 MB over time of 0.25 MB) is about 4 for linear time. Usage, after a build: node bench/parser.mjs

import { hostileShapes } from "../test/support/parser/hostile_shapes.mjs";
import { parseReply, ReplyParser } from "../dist/format/hermes/index.js";

const tools = [
  {
    name: "get_weather",
    parameters: { type: "object", properties: { location: { type: "string" } }, required: ["location"] },
  },
  {
    name: "write_file",
    parameters: { type: "object", properties: { path: { type: "string" }, content: { type: "string" } } },
  },
];

const prose =
  "The weather in Paris is mild today, with a < 20 % chance of rain. It's a good day for a walk by the Seine.\n";
const call = `<tool_call>\n${JSON.stringify({ name: "get_weather", arguments: { location: "Paris" } })}\n</tool_call>\n`;
const file = `<tool_call>\n${JSON.stringify({ name: "write_file", arguments: { path: "a.html", content: "<p>One & two</p>\n".repeat(40) } })}\n</tool_call>\n`;
const ordinary = {
  prose,
  "prose and calls": prose.repeat(12) + call,
  "calls only": call,
  "long arguments": prose + file,
};

const megabyte = 1024 * 1024;

/** @param {number} runs @param {() => void} run */
function best(runs, run) {
  let fastest = Infinity;
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    run();
    fastest = Math.min(fastest, performance.now() - start);
  }
  return fastest;
}

/** @param {string} text @param {number} size */
function parseChunks(text, size) {
  const parser = new ReplyParser({ tools });
  for (let i = 0; i < text.length; i += size) parser.push(text.slice(i, i + size));
  return parser.end();
}

console.log("ordinary text, MB/s".padEnd(32), "one piece", "64 KiB", "32 characters", "4 characters");
for (const [name, unit] of Object.entries(ordinary)) {
  const text = unit.repeat(Math.ceil((4 * megabyte) / unit.length));
  const rate = (/** @type {number} */ ms) => (text.length / megabyte / (ms / 1000)).toFixed(0);
  console.log(
    name.padEnd(32),
    rate(best(5, () => parseReply(text, { tools }))).padStart(9),
    rate(best(5, () => parseChunks(text, 65536))).padStart(6),
    rate(best(3, () => parseChunks(text, 32))).padStart(13),
    rate(best(3, () => parseChunks(text, 4))).padStart(12),
  );
}

console.log(
  "\nhostile text, ms".padEnd(33),
  "0.25 MB",
  "1 MB",
  "ratio",
  "| one character at a time: 0.25 MB",
  "1 MB",
  "ratio",
);
for (const [name, make] of process.argv.includes("--ordinary") ? [] : Object.entries(hostileShapes)) {
  const small = make(megabyte / 4);
  const large = make(megabyte);
  const row = [];
  for (const size of [Infinity, 1]) {
    const run = (/** @type {string} */ text) => () => (size === 1 ? parseChunks(text, 1) : parseReply(text, { tools }));
    const a = best(3, run(small));
    const b = best(3, run(large));
    row.push(a.toFixed(1).padStart(7), b.toFixed(1).padStart(6), (b / a).toFixed(1).padStart(5));
  }
  console.log(name.padEnd(32), ...row);
}
