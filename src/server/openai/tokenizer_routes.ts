// The model's tokenizer, as vLLM serves it: for clients that count or cut tokens themselves, such as EleutherAI's
// lm-eval.
import { Hono } from "hono";
import { plainEndpoint, type PlainServices } from "../answers/plain_endpoint.js";
import { describe } from "../../errors.js";
import { ApiError, retryAfter } from "../api_error.js";
import { invalid } from "../fields/read_fields.js";
import { writesBos } from "./echo.js";

/**
 * Of a text that takes long to tokenize. Each holds some times its size meanwhile, and cannot be stopped: there is one
 * at a time.
 */
const longText = 2 ** 16;

export function tokenizerRoutes(services: PlainServices): Hono {
  const { models, keys } = services;
  const routes = new Hono();
  let last: Promise<unknown> = Promise.resolve();
  /** When the long ones before it are done, and if somebody still waits for it. */
  const alone = <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
    const mine = last.then(() => {
      signal.throwIfAborted();
      return work();
    });
    last = mine.catch(() => {});
    return mine;
  };
  const ask = plainEndpoint(services);

  routes.post(
    "/tokenize",
    ask(async ({ body, signal, hold }) => {
      const prompt = body.required("prompt", body.text);
      const { model, tokens: texts } = await hold();
      const read = () => model.tokenize([{ control: prompt }]);
      const tokens = [...(await (prompt.length < longText ? read() : alone(signal, read)))];
      const hasOwnBos = tokens[0] === model.info.bosToken && !(await writesBos(prompt, { model, tokens: texts }));
      if (hasOwnBos && body.boolean("add_special_tokens") === false) tokens.shift();
      return { tokens, count: tokens.length, max_model_len: model.info.contextSize };
    }),
  );

  routes.post(
    "/detokenize",
    ask(async ({ body, signal, hold }) => {
      const tokens = body.required("tokens", body.list);
      if (!tokens.every((token) => Number.isInteger(token))) throw invalid("tokens", "an array of token ids", tokens);
      const { model } = await hold();
      const write = () => model.detokenize(tokens as number[], { special: true });
      return { prompt: await (tokens.length < longText ? write() : alone(signal, write)) };
    }),
  );

  routes.get("/tokenizer_info", async (context) => {
    keys.check(context.req.raw.headers);
    const { name, state } = models.state(context.req.query("model") ?? models.only());
    // Pages of the web can send a GET without asking first: it loads nothing.
    if (state !== "loaded")
      throw new ApiError(
        503,
        state === "loading" ? "model_loading" : "model_unavailable",
        `The model ${describe(name)} is not loaded. POST /v1/models/load loads it.`,
        { headers: retryAfter },
      );
    const { model, tokens, release } = await models.acquire(name, { signal: context.req.raw.signal });
    const { bosToken, eosToken, chatTemplate, contextSize } = model.info;
    const textOf = async (token: number | undefined) =>
      token === undefined ? null : (await tokens.of([token]))[0]!.text;
    try {
      return context.json({
        bos_token: await textOf(bosToken),
        eos_token: await textOf(eosToken),
        chat_template: chatTemplate ?? null,
        model_max_length: contextSize,
      });
    } finally {
      release();
    }
  });
  return routes;
}
