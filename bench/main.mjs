// `npm run bench`: ratios against llama.cpp's own tools and the other packages for Node, taken in turn on this machine.
// Absolute figures are noise here.
//
//   npm run bench -- [--rows decode,streams,…] [--runs N] [--model PATH | --shape 7b] [--json FILE] [--markdown FILE]
//   npm run bench -- --shape 7b|narrow --types all|Q4_0,… [--minutes 25] [--json FILE] [--markdown FILE]
//
// `--shape 7b` is a generated model of the default 7B's size: fewer rows of fewer tokens, some 12 minutes. With
// `--types` it is made in each of the quantizations that Hermes 2 Pro is published in (types.mjs).
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import path from "node:path";
import { command } from "../scripts/setup/command.mjs";
import { setUp } from "../scripts/setup.mjs";
import { testModels } from "../scripts/setup/steps.mjs";
import { SetupError } from "../scripts/setup/run_logged.mjs";
import { describeMachine, waitUntilQuiet } from "./machine.mjs";
import { printTable } from "./report.mjs";

/**
 * @typedef {object} Settings
 * @property {string} model
 * @property {number} threads
 * @property {number} runs
 * @property {boolean} large its tokens are few, as they take long
 */

const names = /** @type {const} */ ([
  "decode",
  "prefill",
  "streams",
  "intruder",
  "firstToken",
  "fullCache",
  "busyMain",
  "cancel",
  "footprint",
  "loadBlock",
  "compiling",
  "constrainedToken",
  "forcedCall",
  "toolLoop",
  "promptLookup",
  "draftModel",
  "portable",
  "embeddings",
  "isolated",
  "connected",
  "adapters",
]);
const namesOfLarge = /** @type {const} */ (["footprint", "prefill", "decode", "streams"]);

/** @returns {Promise<Record<typeof names[number], (settings: Settings) => Promise<import("./report.mjs").Row[]>>>} */
async function allRows() {
  // Only now: they need the built library.
  const [
    oneStream,
    streams,
    firstToken,
    underLoad,
    footprint,
    constrained,
    toolLoop,
    promptLookup,
    draftModel,
    portable,
    embeddings,
    isolated,
    connected,
    adapters,
  ] = await Promise.all([
    import("./rows/one_stream.mjs"),
    import("./rows/streams.mjs"),
    import("./rows/first_token.mjs"),
    import("./rows/under_load.mjs"),
    import("./rows/footprint.mjs"),
    import("./rows/constrained.mjs"),
    import("./rows/tool_loop.mjs"),
    import("./rows/prompt_lookup.mjs"),
    import("./rows/draft_model.mjs"),
    import("./rows/portable.mjs"),
    import("./rows/embeddings.mjs"),
    import("./rows/isolated.mjs"),
    import("./rows/connected.mjs"),
    import("./rows/adapters.mjs"),
  ]);
  return {
    ...oneStream,
    ...streams,
    ...firstToken,
    ...underLoad,
    ...footprint,
    ...constrained,
    ...toolLoop,
    ...promptLookup,
    ...draftModel,
    ...portable,
    ...embeddings,
    ...isolated,
    ...connected,
    ...adapters,
  };
}

const { values } = parseArgs({
  options: {
    rows: { type: "string" },
    runs: { type: "string" },
    model: { type: "string", default: "smollm2" },
    shape: { type: "string" },
    types: { type: "string" },
    minutes: { type: "string", default: "25" },
    json: { type: "string" },
    markdown: { type: "string" },
    help: { type: "boolean", short: "h" },
  },
});

await command(async () => {
  if (values.help) {
    process.stdout.write(
      `npm run bench -- [--rows ${names.join(",")}] [--runs 5] [--model PATH | --shape 7b] [--json FILE] [--markdown FILE]\n` +
        `With --shape 7b: --rows ${namesOfLarge.join(",")} --runs 1.\n` +
        `npm run bench -- --shape 7b|narrow --types all|Q4_0,… [--minutes 25] [--json FILE] [--markdown FILE]\n`,
    );
    return;
  }
  if (values.types !== undefined) return typesOf(values.types);
  const large = values.shape !== undefined;
  const chosen = values.rows?.split(",") ?? (large ? namesOfLarge : names);
  const unknown = chosen.find((name) => !names.some((known) => known === name));
  if (unknown !== undefined)
    throw new SetupError(`Invalid value for --rows: ${unknown}. Expected rows among ${names.join(", ")}.`);
  const runs = Number(values.runs ?? (large ? 1 : 5));
  if (!Number.isInteger(runs) || runs < 1)
    throw new SetupError(`Invalid value for --runs: ${values.runs}. Expected a whole number of at least 1.`);
  if (values.shape !== undefined && values.shape !== "7b")
    throw new SetupError(`Invalid value for --shape: ${values.shape}. Expected 7b.`);

  await setUp("bench");
  const { resolveModel } = await import("../dist/files/index.js");
  const model = values.shape
    ? await (await testModels()).cachedModel({ shape: "7b", added: "control" })
    : (await resolveModel(values.model)).path;
  const { load } = await import("caduceus");
  const loaded = await load(model, { contextSize: 512 });
  const { threads, matrixKernels } = loaded.info;
  await loaded.close();

  const machine = describeMachine();
  process.stderr.write(
    `${machine.summary}, ${threads} threads, kernels: ${matrixKernels}, model ${path.basename(model)}\n`,
  );
  const rows = await allRows();
  /** @type {import("./report.mjs").Row[]} */
  const results = [];
  for (const name of chosen) {
    await waitUntilQuiet();
    process.stderr.write(`${name} …\n`);
    const measured = await rows[/** @type {typeof names[number]} */ (name)]({ model, threads, runs, large });
    process.stderr.write(printTable(measured));
    results.push(...measured);
    // After each row: what is measured stays, whatever comes later.
    if (values.json)
      await writeFile(
        values.json,
        `${JSON.stringify({ machine, threads, kernels: matrixKernels, model: path.basename(model), rows: results }, null, 2)}\n`,
      );
    if (values.markdown) await writeFile(values.markdown, printTable(results));
  }
  process.stdout.write(printTable(results));
  if (results.some((row) => row.claims.some(({ met }) => !met))) process.exitCode = 1;
});

/** @param {string} types */
async function typesOf(types) {
  const { shape, json, markdown } = values;
  if (shape !== "7b" && shape !== "narrow")
    throw new SetupError(`Invalid value for --shape: ${shape ?? "none"}. Expected 7b or narrow with --types.`);
  const minutes = Number(values.minutes);
  if (!(minutes > 0))
    throw new SetupError(`Invalid value for --minutes: ${values.minutes}. Expected a number above 0.`);
  await setUp("types");
  const { benchTypes } = await import("./types.mjs");
  process.stderr.write(`${describeMachine().summary}\n`);
  const { table, failed } = await benchTypes({ shape, types, json, minutes });
  process.stdout.write(table);
  if (markdown) await writeFile(markdown, table);
  if (failed) process.exitCode = 1;
}
