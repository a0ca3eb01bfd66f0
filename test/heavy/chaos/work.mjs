// What clients of a fleet do, each thing marked so that the servers' side can be compared with it.
import { tool } from "caduceus";

/**
 * `begunAt`: when its first output came, in milliseconds since 1970; 0 if there was none.
 * @typedef {{ begunAt: number, code?: string, hung?: true }} Outcome
 */

const parameters = /** @type {const} */ ({
  type: "object",
  properties: { city: { enum: ["Rome", "Oslo"] } },
  required: ["city"],
});
const tools = [tool({ name: "weather", description: "Tells the weather.", parameters })];
const exactly = (/** @type {number} */ tokens) => ({ maxTokens: tokens, minTokens: tokens });

/** @type {ReadonlyArray<(model: import("caduceus").Model, text: string) => import("caduceus").Reply<any, any>>} */
const kinds = [
  (model, text) => model.reply(text, exactly(60)),
  (model, text) => model.complete(text, exactly(20)),
  (model, text) => model.reply(text, { tools, toolChoice: "required", parallelToolCalls: false, maxTokens: 200 }),
  (model, text) => model.reply(text, { schema: parameters, maxTokens: 200 }),
  (model, text) => model.reply(text, { ...exactly(30), logProbabilities: true }),
];

/**
 * One reply of some kind, read to its end, or left in the middle.
 * @param {import("caduceus").Model} model
 * @param {number} mark
 * @param {{ kind?: number, leaves?: boolean, limitMs: number, onBegin?: () => void }} options
 * @returns {Promise<Outcome>}
 */
export async function ask(model, mark, { kind = mark % kinds.length, leaves = false, limitMs, onBegin }) {
  let begunAt = 0;
  const work = (async () => {
    const reply = /** @type {(typeof kinds)[number]} */ (kinds[kind])(model, `mark-${mark}- ${"word ".repeat(30)}`);
    try {
      for await (const event of reply) {
        if (event.type !== "text" && event.type !== "tool-call-start" && event.type !== "finish") continue;
        if (begunAt === 0) onBegin?.();
        begunAt ||= Date.now();
        if (leaves) break;
      }
      return { begunAt };
    } catch (error) {
      // What is no error of the library has no code that could be right.
      return { begunAt, code: /** @type {any} */ (error)?.code ?? `no code: ${error}` };
    }
  })();
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const limit = new Promise((resolve) => (timer = setTimeout(resolve, limitMs)));
  const outcome = await Promise.race([work, limit.then(() => /** @type {Outcome} */ ({ begunAt, hung: true }))]);
  clearTimeout(timer);
  return outcome;
}
