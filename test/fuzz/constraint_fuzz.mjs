// Fuzzes constraints with hostile and broken schemas, patterns and grammars, on the tiny model with Hermes' vocabulary:
// each must be enforced or refused within bounds, a neighbor must go on meanwhile, and what comes out complete must be
// right. Usage, after a build: node test/fuzz/constraint_fuzz.mjs [CPU minutes, default 1] [seed]

import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { createAddonEngine } from "../../dist/engine/addon/addon_engine.js";
import { builtInDefaults } from "../../dist/model/loading/sampling.js";
import { parseReply } from "../../dist/format/hermes/index.js";
import { cachedModel } from "../support/gguf/make_model.mjs";
import { seeded } from "../support/seeded.mjs";

const minutes = Number(process.argv[2] ?? 1);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
/** A constraint may take that long, compiling and all of its tokens included, on a busy machine. */
const longestMs = 30_000;

const { below: random, pick } = seeded(seed);
const some = (most, make) => Array.from({ length: random(most + 1) }, make);

const counts = [0, 1, 2, 3, 17, 255, 1000, 65_536, 100_000, 2 ** 31, 2 ** 53, -1, 0.5, 1e300];
const numbers = [...counts, 0.1, -0.0001, 1e-9, -1e15, 123456789.123];
const strings = [
  "",
  "a",
  "é",
  "日本語",
  "👍",
  "\u0000",
  "\ud800",
  "</tool_call>",
  "<|im_end|>",
  '"',
  "\\",
  "\n",
  "x".repeat(300),
  "__proto__",
  "$ref",
  "name",
];
const patternParts = [
  "a",
  ".",
  "\\d",
  "\\w",
  "\\s",
  "[^a]",
  "[a-z]",
  "(?:ab|c)",
  "(?=a)",
  "(?<n>a)",
  "\\1",
  "\\b",
  "\\p{L}",
  "é",
  "^",
  "$",
  "|",
  "[]",
  "[",
  "(",
  "\\",
  "/",
  "\\/",
  '"',
  "\\u00e9",
  "(?i:a)",
];
const quantifiers = ["", "", "", "*", "+", "?", "{3}", "{0,1000}", "{1000}", "{2,}", "{99999}", "*?", "++"];

function pattern(depth = 0) {
  const parts = some(
    5,
    () => (depth < 4 && random(4) === 0 ? `(?:${pattern(depth + 1)})` : pick(patternParts)) + pick(quantifiers),
  );
  return parts.join("");
}

function schema(depth = 0) {
  if (depth > 5) return pick([true, false, {}, { type: "string", maxLength: 3 }]);
  const make = pick([
    () => ({ type: "string", minLength: pick(counts), maxLength: pick(counts) }),
    () => ({ type: "string", maxLength: random(20) }),
    () => ({ type: "string", pattern: pattern(), maxLength: 40 }),
    () => ({
      type: "string",
      format: pick([
        "date",
        "date-time",
        "time",
        "email",
        "uuid",
        "uri",
        "ipv4",
        "ipv6",
        "hostname",
        "duration",
        "regex",
        "nope",
      ]),
    }),
    () => ({
      type: pick(["integer", "number"]),
      [pick(["minimum", "exclusiveMinimum"])]: pick(numbers),
      [pick(["maximum", "exclusiveMaximum"])]: pick(numbers),
    }),
    // Larger ones make a state for each remainder, and gigabytes: src/schema leaves them to the check afterwards.
    () => ({
      type: "integer",
      multipleOf: pick(numbers.filter((number) => Math.abs(number) <= 10_000)),
      minimum: pick(numbers),
    }),
    () => ({ enum: some(8, () => pick([...strings, ...numbers, null, true, [], {}, { a: 1 }])) }),
    () => ({ enum: Array.from({ length: pick([10, 1000, 10_000]) }, (_, n) => `value ${(n * 7919) % 10_007}`) }),
    () => ({ const: pick([...strings, ...numbers, null, [1, "a", { b: null }]]) }),
    () => ({ type: "array", items: schema(depth + 1), minItems: random(3), maxItems: random(4) }),
    () => ({
      type: "array",
      prefixItems: some(3, () => schema(depth + 1)),
      items: schema(depth + 1),
      minItems: pick(counts),
      maxItems: pick(counts),
    }),
    () => object(depth),
    () => object(depth),
    () => ({ [pick(["anyOf", "oneOf", "allOf"])]: some(4, () => schema(depth + 1)) }),
    () => ({ allOf: [object(depth + 1), object(depth + 1)] }),
    () => ({ $ref: pick(["#", "#/$defs/a", "#/$defs/b", "#/nowhere", "http://example.com/x", "#/properties/a", ""]) }),
    () => ({
      [pick(["not", "if", "contains", "propertyNames", "unevaluatedProperties", "dependentSchemas", "x-guidance"])]:
        schema(depth + 1),
    }),
    () =>
      pick([
        true,
        false,
        {},
        { type: [] },
        { type: "nope" },
        { type: ["string", "null", "integer"] },
        null,
        5,
        "x",
        [],
      ]),
  ]);
  return make();
}

function object(depth) {
  const properties = {};
  for (const name of some(random(12) === 0 ? 200 : 4, () => pick(strings) + (random(2) ? random(100) : "")))
    properties[name] = schema(depth + 1);
  const names = Object.keys(properties);
  return {
    type: "object",
    properties,
    required: names.filter(() => random(2)).concat(random(8) ? [] : ["missing"]),
    additionalProperties: pick([false, false, true, schema(depth + 2)]),
    ...(random(6) ? {} : { patternProperties: { [pattern(3)]: schema(depth + 2) } }),
    ...(random(8) ? {} : { [pick(["minProperties", "maxProperties"])]: pick(counts) }),
  };
}

const root = () => {
  const made = schema();
  return typeof made === "object" && made !== null && !Array.isArray(made)
    ? { ...made, ...(random(2) ? {} : { $defs: { a: schema(1), b: schema(1) } }) }
    : made;
};

const larkParts = [
  '"a"',
  '""',
  "/a*/",
  '/[^"]+/',
  "start",
  "rule",
  "TEXT",
  "(",
  ")",
  "|",
  "?",
  "*",
  "+",
  "{3,5}",
  "{1000}",
  "\n",
  "\nrule: ",
  "\nTEXT: ",
  "\n%ignore /[ ]*/\n",
  '%json {"type": "string"}',
  "<[5]>",
  "<|im_end|>",
  "[",
  "]",
  "~",
  "->",
  ":",
  "//",
];
const lark = () =>
  pick(["start: ", "start: ", ""]) +
  Array.from({ length: random(random(20) === 0 ? 3000 : 20) }, () => pick(larkParts)).join(" ");

function constraint() {
  return pick([
    () => ({ kind: "json", schema: root() }),
    () => ({ kind: "json", schema: root() }),
    () => ({ kind: "regex", pattern: pattern() }),
    () => ({ kind: "lark", grammar: lark() }),
    () => ({
      kind: "tools",
      tools: some(4, (_, n) => ({ name: pick(strings) + n, parameters: random(3) ? object(2) : root() })),
      mode: pick(["auto", "required"]),
      parallel: random(2) === 0,
      order: pick(["name-first", "arguments-first", "either"]),
      bareFurtherCalls: random(2) === 0,
      ...(random(4) ? {} : { schema: root() }),
    }),
  ])();
}

const engine = await createAddonEngine({
  path: cachedModel({ shape: "tiny", added: "control", tokenBias: {} }),
  contextSize: 512,
  cacheTokens: 4096,
  kvType: "f16",
  gpuLayers: 0,
  prefixFolderBytes: 0,
  hostCacheBytes: 0,
});
const sampling = { ...builtInDefaults, temperature: 1.5, topK: 0, topP: 1, minP: 0, logitBias: [[32000, 6]] };
const prompt = [{ control: "<|im_start|>" }, { text: "user\nHello" }, { control: "<|im_end|>" }, { text: "\n" }];

async function write(more) {
  const run = engine.submit({
    prompt,
    sampling,
    maxTokens: 64,
    stop: [],
    stopTokens: [],
    logProbabilities: false,
    cacheScope: "",
    priority: 0,
    deterministic: false,
    ...more,
  });
  try {
    let text = "";
    for (let part = await run.next(); part; part = await run.next()) {
      if (part.type === "end") return { text, end: part };
      text += part.text;
    }
  } finally {
    run.release();
  }
}

const ajv = addFormats.default(new Ajv2020({ strict: false, validateFormats: false, logger: false }));
function check(given, { text, end }) {
  if (!end.constraint.complete) return "cut off";
  if (given.kind === "json") {
    const value = JSON.parse(text);
    let fits;
    try {
      fits = ajv.compile(given.schema);
    } catch {
      return "right";
    }
    // Only what was enforced is promised; the layer above knows what is not. Types are.
    let outcome;
    try {
      outcome = fits(value) ? "right" : "unenforced";
    } catch (error) {
      // Of a schema that leads back to itself in the same place ajv asks for ever.
      if (!(error instanceof RangeError)) throw error;
      outcome = "right";
    }
    // ajv would keep it for ever.
    if (typeof given.schema === "object") ajv.removeSchema(given.schema);
    return outcome;
  }
  if (given.kind === "tools" && given.mode === "required") {
    const reply = parseReply(text, { tools: given.tools.map(({ name }) => ({ name })) });
    if (!given.bareFurtherCalls) assert.equal(reply.malformed, undefined);
    assert.ok(reply.calls.length > 0);
  }
  return "right";
}

/** Of this process, so that what else the machine does is no slowness of ours. @param {NodeJS.CpuUsage} [since] */
function cpuMs(since) {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

const begun = process.cpuUsage();
const outcomes = {};
let slowest = 0;
let runs = 0;
while (cpuMs(begun) / 60_000 < minutes) {
  const given = Array.from({ length: 4 }, constraint);
  const started = process.cpuUsage();
  const neighbor = write({ maxTokens: 8 });
  const results = await Promise.all(
    given.map(async (one) => {
      const more = {
        constraint: one,
        logProbabilities: random(4) === 0,
        sampling: { ...sampling, seed: random(2 ** 31) },
        deterministic: random(20) === 0,
        thought: random(4) ? undefined : { open: true, maxTokens: random(8) },
      };
      try {
        const outcome = write(more);
        const written = random(10)
          ? await outcome
          : await Promise.race([outcome, new Promise((done) => setTimeout(done, 5))]);
        void outcome.catch(() => {});
        if (!written) return "left";
        const thought = more.thought ? /^[^]*?<\/think>\s*/ : "";
        return check(one, { ...written, text: written.text.replace(thought, "") });
      } catch (error) {
        if (
          error.name === "CaduceusError" &&
          /^CONSTRAINT_(INVALID|TOO_COMPLEX)$/.test(error.code) &&
          !error.message.includes("\n")
        )
          return error.code;
        process.stderr.write(`seed ${seed}: ${JSON.stringify(one)}\n`);
        throw error;
      }
    }),
  );
  assert.ok((await neighbor).end);
  const took = cpuMs(started);
  if (took > slowest) {
    slowest = took;
    if (took > longestMs)
      throw new Error(`seed ${seed}: ${Math.round(took)} ms of CPU for ${JSON.stringify(given).slice(0, 2000)}`);
  }
  for (const result of results) outcomes[result] = (outcomes[result] ?? 0) + 1;
  runs += given.length;
}
await engine.close();
process.stdout.write(
  `${runs} constraints, seed ${seed}: ${JSON.stringify(outcomes)}, slowest round ${Math.round(slowest)} ms of CPU\n`,
);
