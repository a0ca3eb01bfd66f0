// A typical tool loop: a question, two calls of twenty tools with their results, and an answer. The system turn with
// the tools is cached by both engines. A grammar makes llama-server generate the same tokens as Caduceus.
import { load } from "caduceus";
import { inTurn, ratio } from "../figures.mjs";
import { claim } from "../report.mjs";
import { open as openServer } from "../subjects/llama_server.mjs";

/** @typedef {{ prompt: string, text: string }} Turn what is new before it, and what was written */

const contextSize = 8192;
const things = [
  "orders",
  "customers",
  "invoices",
  "parcels",
  "refunds",
  "products",
  "suppliers",
  "shifts",
  "meetings",
  "contracts",
];

/**
 * Twenty tools as programs describe them, and twenty as short as they can be: what one token costs grows with what lies
 * before it.
 */
const toolSets = {
  described: things.flatMap((thing) => [
    {
      name: `find_${thing}`,
      description: `Finds ${thing} by what is known of them.`,
      parameters: {
        type: "object",
        properties: {
          text: { type: "string", maxLength: 40, description: `Words that the ${thing} contain` },
          state: { enum: ["open", "closed", "any"] },
          limit: { type: "integer", minimum: 1, maximum: 50 },
        },
        required: ["text", "state", "limit"],
        additionalProperties: false,
      },
    },
    {
      name: `update_${thing}`,
      description: `Changes one of the ${thing}.`,
      parameters: {
        type: "object",
        properties: {
          id: { type: "integer", minimum: 1, maximum: 99999 },
          state: { enum: ["open", "closed"] },
          note: { type: "string", maxLength: 40, description: "Why it is changed" },
          notify: { type: "boolean" },
        },
        required: ["id", "state", "note", "notify"],
        additionalProperties: false,
      },
    },
  ]),
  short: things.flatMap((thing) => [
    {
      name: `find_${thing}`,
      parameters: {
        type: "object",
        properties: { text: { type: "string", maxLength: 40 } },
        required: ["text"],
        additionalProperties: false,
      },
    },
    {
      name: `update_${thing}`,
      parameters: {
        type: "object",
        properties: { id: { type: "integer" }, state: { enum: ["open", "closed"] } },
        required: ["id", "state"],
        additionalProperties: false,
      },
    },
  ]),
};
const results = {
  find_orders: { found: [{ id: 5120, text: "two lamps, one broken", state: "open" }] },
  update_orders: { id: 5120, state: "closed", notified: true },
};

let series = 0;
const question = () =>
  `Ticket ${10_000 + Math.floor(Math.random() * 80_000)}-${10 + (series++ % 80)}: the order with the broken lamp was settled on the phone. Please close it and tell the customer.`;

/**
 * @param {import("caduceus").Model} model
 * @param {import("caduceus").ToolInput[]} tools
 * @returns {Promise<{ turns: Turn[], ms: number, promptTokens: number }>}
 */
async function ask(model, tools) {
  // The answer is 40 tokens of text, whatever the model would rather do.
  const markup = await Promise.all(["<", " <", "\n<"].map(async (text) => (await model.tokenize(text)).at(-1) ?? 0));
  const logitBias = [...model.info.endOfGenerationTokens, ...markup].map(
    (token) => /** @type {[number, number]} */ ([token, -Infinity]),
  );
  const chat = model.chat({ tools, temperature: 0, parallelToolCalls: false, maxTokens: 120 });
  /** @type {Turn[]} */
  const turns = [];
  let ms = 0;
  let promptTokens = 0;
  /** @type {string | import("caduceus").Message} */
  let input = question();
  for (const name of [.../** @type {const} */ (["find_orders", "update_orders"]), undefined]) {
    const begun = performance.now();
    /** @type {import("caduceus").Reply} */
    const reply = chat.send(input, name === undefined ? { maxTokens: 40, logitBias } : { toolChoice: { name } });
    const { text, toolCalls, usage } = await reply;
    promptTokens = usage.promptTokens;
    ms += performance.now() - begun;
    const [call] = toolCalls;
    const written =
      call === undefined
        ? text
        : `<tool_call>\n{"name": "${call.name}", "arguments": ${call.argumentsText}}\n</tool_call>`;
    turns.push({ prompt: (await reply.explain()).prompts[0]?.text ?? "", text: written });
    if (name !== undefined)
      input = { role: "tool", content: JSON.stringify(results[name]), tool_call_id: call?.id ?? "" };
  }
  chat.close();
  return { turns, ms, promptTokens };
}

/** @type {(settings: import("../main.mjs").Settings) => Promise<import("../report.mjs").Row[]>} */
export async function toolLoop({ model: file, threads, runs }) {
  const model = await load(file, { contextSize, cacheTokens: contextSize, threads, prefixFolder: false });
  const server = await openServer({ model: file, contextSize, sequences: 1, threads });
  try {
    const rows = [];
    for (const [name, functions] of Object.entries(toolSets)) {
      const tools = functions.map((one) => ({ type: /** @type {const} */ ("function"), function: one }));
      let { turns, promptTokens } = await ask(model, tools);
      const figures = await inTurn(runs, {
        caduceus: async () => {
          const asked = await ask(model, tools);
          ({ turns } = asked);
          return asked.ms;
        },
        "llama-server": () => repeat(server, turns),
      });
      rows.push({
        name: `two calls and an answer, twenty ${name} tools, ${promptTokens} tokens at the end`,
        unit: "ms",
        figures,
        claims: claim(
          "llama-server ≥ 2.2 × caduceus",
          ratio(figures, "llama-server", "caduceus"),
          (value) => value >= 2.2,
        ),
      });
    }
    return rows;
  } finally {
    await server.close();
    await model.close();
  }
}

/**
 * The same turns on llama-server, after a question of its own.
 * @param {Awaited<ReturnType<typeof openServer>>} server
 * @param {Turn[]} turns
 */
async function repeat(server, turns) {
  const begun = performance.now();
  const ticket = question().split(":")[0] ?? "";
  let prompt = "";
  for (const turn of turns) {
    prompt += turn.prompt.replace(/Ticket [\d-]+/, ticket);
    const tokens = await server.generate({
      prompt,
      tokens: 200,
      slot: 0,
      onText: () => {},
      grammar: `root ::= ${JSON.stringify(turn.text)}`,
    });
    if (tokens < 5) throw new Error(`llama-server wrote ${tokens} tokens of ${JSON.stringify(turn.text)}.`);
    prompt += turn.text;
  }
  return performance.now() - begun;
}
