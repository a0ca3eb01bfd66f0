// What strangers send as schemas and tools. Whatever it is, it ends soon: with an answer, or with an error of a stable
// code.
import { afterEach, describe, expect, test } from "vitest";
import { toNativeConstraint } from "../../src/engine/addon/grammar.js";
import type { CaduceusError } from "../../src/errors.js";
import { readSchema } from "../../src/schema/read_schema.js";
import { createHandler, listen, type Listening } from "../../src/server/index.js";
import { scriptedModel } from "../support/engines/scripted_model.js";
import { watchLoop } from "../support/time/loop_watch.mjs";
import { patience } from "./patience.js";
import { properties, schemas, tools } from "./schema_inputs.js";

/** Milliseconds of the processor's time, on a machine that does ten other things: these took 1,700 to for ever. */
const mostMs = 1_000 * patience;
/** Of waiting, where they come all at once: as long as the largest takes, on such a machine. */
const mostDelayMs = 5_000 * patience;

function cpuMs(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

const codes = ["CONSTRAINT_TOO_COMPLEX", "INVALID_SCHEMA"];

describe("reading a schema, what of it is enforced, and checking a value", () => {
  test.each(Object.entries(schemas))("%s", (_, [schema, value]) => {
    const took = cpuMs(() => {
      try {
        const { enforced, check } = readSchema(schema, "schema");
        toNativeConstraint({ kind: "json", schema: enforced("refuse").schema });
        expect(check(value)).toHaveProperty("ok");
      } catch (error) {
        expect(codes).toContain((error as CaduceusError).code);
      }
      try {
        expect(readSchema(schema, "schema").check(value)).toHaveProperty("ok");
      } catch (error) {
        expect(codes).toContain((error as CaduceusError).code);
      }
    });
    expect(took).toBeLessThan(2 * mostMs);
  });

  test("a deep pattern is called what it is", () => {
    expect(() => readSchema(schemas["a pattern nested 20,000 deep"]![0], "schema")).toThrow(
      "Invalid value for schema.pattern: a pattern with 20000. Expected a regular expression with at most 250 groups within each other.",
    );
  });

  test("the same input ends the same way each time", () => {
    const check = () =>
      readSchema(schemas["2,000 patterns for 2,000 names"]![0], "schema").check(
        schemas["2,000 patterns for 2,000 names"]![1],
      );
    expect(check()).toEqual(check());
    expect(check()).toMatchObject({
      ok: false,
      problem: "value could not be checked in time: its schema takes too much work for this value.",
    });
  });

  test("5,000 properties are no problem, and neither are 500 tools", async () => {
    expect(readSchema(properties(5_000), "schema").enforced("refuse").unenforced).toEqual([]);
    const { model } = await scriptedModel({ answer: () => "Hello." });
    expect((await model.explain("Hi", { tools: tools(500) })).prompts[0]?.text).toContain("tool_499");
    await expect(model.reply("Hi", { tools: tools(2_000) })).rejects.toMatchObject({
      code: "CONSTRAINT_TOO_COMPLEX",
      message: expect.stringContaining("50000 values together") as string,
    });
    await model.close();
  });
});

describe("a server that gets all of them at once", () => {
  let server: Listening | undefined;

  afterEach(async () => {
    await server?.close({ graceMs: 0 });
  });

  // Writing a prompt of megabytes out token by token is much work for the scripted engine, whose tokens are characters.
  test.each([
    ["/v1/chat/completions", 4_000_000],
    ["/apply-template", 20_000],
  ])("%s: each is answered, with a status below 500, and /health between them", async (path, longest) => {
    const { model } = await scriptedModel({ answer: () => '{"a": 1}' });
    const { port, url } = (server = await listen(createHandler({ models: { m: model } }), { port: 0 }));
    expect(port).toBeGreaterThan(0);
    const post = async (body: object) => {
      const response = await fetch(url + path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "Hi" }], ...body }),
      });
      return { status: response.status, body: await response.text() };
    };
    const bodies = [
      ...Object.values(schemas).map(([schema]) => ({
        response_format: { type: "json_schema", json_schema: { name: "a", schema } },
      })),
      ...Object.values(schemas)
        .slice(0, 10)
        .map(([parameters]) => ({ tools: [{ type: "function", function: { name: "a", parameters } }] })),
      { tools: tools(2_000) },
      { tools: tools(500), n: 3 },
    ].filter((body) => JSON.stringify(body).length < longest);
    const loop = watchLoop();
    let isOver = false;
    const asked = (async () => {
      while (!isOver) expect((await fetch(`${url}/health`)).status).toBe(200);
    })();
    const answers = await Promise.all(bodies.map(post));
    isOver = true;
    await asked;
    for (const { status, body } of answers) {
      expect(status, body.slice(0, 300)).toBeLessThan(500);
      if (status !== 200)
        expect(
          ["unsupported_schema", "invalid_schema", "invalid_tool", "context_length_exceeded", "request_too_large"],
          body.slice(0, 300),
        ).toContain((JSON.parse(body) as { error: { code: string } }).error.code);
    }
    expect(answers.some(({ status }) => status === 200)).toBe(true);
    expect(await loop.longestMs()).toBeLessThan(mostDelayMs);
    loop.end();
    await model.close();
  });
});
