// What strangers send holds the server's event loop up for a few tens of milliseconds at a time: /health answers all
// the while. Counted in the processor's time of the server's own thread, so that other programs on the machine don't
// matter.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hermesModel } from "../support/models.js";
import { patience } from "./patience.js";
import { properties, schemas, tools } from "./schema_inputs.js";

/** Up to 34 on two cores, most of it once, and two to three times as much on slow ones. */
const mostMs = 50 * patience;

let server: ChildProcess;
let url: string;
beforeAll(async () => {
  server = fork(fileURLToPath(new URL("./programs/serve_watched.mjs", import.meta.url)), [await hermesModel()]);
  url = (await told()) as string;
});
afterAll(() => server.kill("SIGKILL"));

const told = async (): Promise<unknown> => ((await once(server, "message")) as [unknown])[0];

async function longestStretch(): Promise<number> {
  const answer = told();
  server.send("tell");
  return (await answer) as number;
}

const asSchema = (schema: object) => ({ response_format: { type: "json_schema", json_schema: { name: "a", schema } } });
const asTool = (parameters: object) => ({ tools: [{ type: "function", function: { name: "a", parameters } }] });
const withA = (schema: object) => ({ type: "object", properties: { a: schema }, required: ["a"] });
/** That end at the same time, and are checked then. */
const eightCalls = (parameters: object) => ({
  ...asTool(parameters),
  ...{ tool_choice: "required", parallel_tool_calls: false, n: 8, max_tokens: 100 },
});
const bodies: readonly (readonly [name: string, body: object])[] = [
  ...Object.entries(schemas).map(([name, [schema]]) => [name, asSchema(schema)] as const),
  ["a tool of 5,000 properties", { ...asTool(properties(5_000)), tool_choice: "required" }],
  ["500 tools, for several answers", { tools: tools(500), n: 3 }],
  ["2,000 tools", { tools: tools(2_000) }],
  ["eight calls with dynamic references that double", eightCalls(schemas["dynamic references that double"]![0])],
  ["eight calls with a pattern that refers back", eightCalls(withA(schemas["a pattern that refers back"]![0]))],
];

test("each request is answered with a status below 500, and none holds the event loop up for long", async () => {
  let isOver = false;
  const asked = (async () => {
    let count = 0;
    for (; !isOver; count++) {
      expect((await fetch(`${url}/health`)).status).toBe(200);
      await sleep(50);
    }
    return count;
  })();
  const stretchOf = async (name: string, body: object) => {
    await longestStretch();
    const content = JSON.stringify({ max_tokens: 2, messages: [{ role: "user", content: "Hi" }], ...body });
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: content,
    });
    expect(response.status, `${name}: ${(await response.text()).slice(0, 300)}`).toBeLessThan(500);
    return longestStretch();
  };
  const took: [name: string, ms: number][] = [];
  for (const [name, body] of bodies) {
    let ms = Infinity;
    // What collects garbage or compiles meanwhile does so once; what the request itself takes, it takes each time.
    for (let tries = 0; tries < 3 && ms > mostMs; tries++) ms = Math.min(ms, await stretchOf(name, body));
    took.push([name, ms]);
  }
  isOver = true;
  expect(await asked).toBeGreaterThan(10);
  expect(took.filter(([, ms]) => ms > mostMs)).toEqual([]);
});
