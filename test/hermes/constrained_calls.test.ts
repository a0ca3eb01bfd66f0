// Whatever the weights: what the engine's matcher lets through, the reply parser reads, and it is a call of a given
// tool.
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Engine, ToolConstraint } from "../../src/engine/engine.js";
import { parseReply } from "../../src/format/hermes/index.js";
import { greedy, openEngine, userTurn, write, type Written } from "../support/constrained.js";
import { hermesModel } from "../support/models.js";
import { randomTools, type Random, type RandomTool } from "../support/schemas/random_tools.js";
import { seeded } from "../support/seeded.mjs";

const imEnd = 32000;
const imStart = 32001;
/** What ends a string, an object or an array: random weights would go on to the limit in half of the replies. */
let closers: (readonly [token: number, bias: number])[];
let engine: Engine;
beforeAll(async () => {
  engine = await openEngine(await hermesModel("control", { tokenBias: {} }), {
    contextSize: 1024,
    cacheTokens: 12_288,
  });
  const tokens = await Promise.all(
    ['"', '"}', "}", "}}", "]", '"]'].map(async (text) =>
      [...(await engine.tokenize([{ text: `a${text}` }]))].slice(1),
    ),
  );
  closers = [...new Set(tokens.flat())].map((token) => [token, 4]);
});
afterAll(() => engine.close());

function randomConstraint(random: Random): ToolConstraint & { tools: readonly RandomTool[] } {
  return {
    kind: "tools",
    tools: randomTools(random),
    // Random weights never write a tag by themselves.
    mode: "required",
    parallel: random(2) === 0,
    order: (["name-first", "arguments-first", "either"] as const)[random(3)] as "either",
    bareFurtherCalls: random(2) === 0,
  };
}

async function randomRun(seed: number): Promise<{ constraint: ReturnType<typeof randomConstraint>; written: Written }> {
  const random = seeded(seed).below;
  const constraint = randomConstraint(random);
  const written = await write(engine, constraint, {
    prompt: userTurn(`Number ${seed}`),
    maxTokens: 200,
    stopTokens: [imStart],
    logProbabilities: random(4) === 0,
    // The turn ends soon where it may: a bias of 6 left half of the replies to their limit.
    sampling: {
      ...greedy,
      temperature: 1.5,
      topK: 0,
      topP: 1,
      minP: 0,
      seed,
      logitBias: [[imEnd, 30], [imStart, 7], ...closers],
    },
  });
  return { constraint, written };
}

test("500 constrained outputs of random weights parse, name a given tool and satisfy its schema", {
  timeout: 900_000,
}, async () => {
  const ajv = new Ajv2020({ strict: false });
  let complete = 0;
  let calls = 0;
  let further = 0;
  for (let seed = 0; complete < 500; seed += 32) {
    expect(seed).toBeLessThan(3000);
    const runs = await Promise.all(Array.from({ length: 32 }, (_, n) => randomRun(seed + n)));
    for (const { constraint, written } of runs) {
      const { text, end } = written;
      if (!end.constraint?.complete) {
        expect(end.finishReason).toBe("length");
        continue;
      }
      complete++;
      const reply = parseReply(text, { tools: constraint.tools, untaggedCalls: "accept" });
      const context = JSON.stringify({ text, constraint });
      expect(reply.malformed, context).toBeUndefined();
      expect(reply.incomplete, context).toBeUndefined();
      expect(reply.content, context).toBe("");
      expect(reply.calls.length, context).toBeGreaterThan(0);
      if (!constraint.parallel) expect(reply.calls.length, context).toBeLessThan(2);
      further += reply.calls.length - 1;
      for (const call of reply.calls) {
        calls++;
        // A tag that was left out is supplied, which counts as a repair.
        if (!constraint.bareFurtherCalls) expect(call.repaired, context).toBeUndefined();
        expect(call.problem, context).toBeUndefined();
        const tool = constraint.tools.find(({ name }) => name === call.name);
        expect(tool, context).toBeDefined();
        expect(ajv.validate(tool!.parameters, call.arguments), `${context} ${ajv.errorsText()}`).toBe(true);
      }
    }
  }
  expect(calls).toBeGreaterThanOrEqual(500);
  expect(further).toBeGreaterThan(20);
});

test("every part of a forced text comes back from its tokens", async () => {
  const { text, tokens, end } = await write(engine, {
    kind: "tools",
    tools: randomTools(seeded(5).below),
    mode: "required",
    parallel: false,
    order: "name-first",
    bareFurtherCalls: false,
  });
  expect(end.constraint?.forcedTokens).toBeGreaterThan(3);
  expect(await engine.detokenize(tokens)).toBe(text);
});
