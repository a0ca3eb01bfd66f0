// The model's tokenizer, as vLLM serves it: for clients that count or cut tokens themselves, such as EleutherAI's
// lm-eval.
import { type Context, Hono } from "hono";
import { toApiError } from "../api_error.js";
import type { ApiKeys } from "../http/api_keys.js";
import { writesBos } from "./echo.js";
import { type ConcurrencyLimiter, type RequestContext, newRequestId } from "../request_context.js";
import { invalid, type Fields } from "../fields/read_fields.js";
import type { BodyReader } from "../http/read_body.js";
import { requestFields } from "../request_fields.js";
import type { ServedModels } from "../served_models.js";

/**
 * Of a text that takes long to tokenize. Each holds some times its size meanwhile, and cannot be stopped: there is one
 * at a time.
 */
const longText = 2 ** 16;

export interface TokenizerServices {
  readonly models: ServedModels;
  readonly keys: ApiKeys;
  readonly bodies: BodyReader;
  readonly limiter: ConcurrencyLimiter;
  readonly replyTimeoutMs: number;
}

export function tokenizerRoutes({ models, keys, bodies, limiter, replyTimeoutMs }: TokenizerServices): Hono {
  const routes = new Hono();
  let last: Promise<unknown> = Promise.resolve();
  /** When the long ones before it are done, and if somebody still waits for it. */
  const alone = <T>(requestContext: RequestContext, work: () => Promise<T>): Promise<T> => {
    const mine = last.then(() => {
      requestContext.signal.throwIfAborted();
      return work();
    });
    last = mine.catch(() => {});
    return mine;
  };
  /** With a place in the queue, as what generates. */
  const ask =
    (answer: (body: Fields, requestContext: RequestContext) => Promise<object>) => async (context: Context) => {
      keys.check(context.req.raw.headers);
      limiter.checkOpen();
      const body = await bodies.read(context.req.raw, context.env);
      const requestContext = limiter.enter(newRequestId(), context.req.raw.signal, replyTimeoutMs);
      try {
        return context.json(await answer(body, requestContext));
      } catch (error) {
        throw requestContext.cancellation ?? toApiError(error, requestFields(body.names()));
      } finally {
        requestContext.end();
      }
    };
  const modelOf = (body: Fields) => models.find(body.text("model") ?? models.only());

  routes.post(
    "/tokenize",
    ask(async (body, requestContext) => {
      const { model, tokens: texts } = modelOf(body);
      const prompt = body.required("prompt", body.text);
      const read = () => model.tokenize([{ control: prompt }]);
      const tokens = [...(await (prompt.length < longText ? read() : alone(requestContext, read)))];
      const hasOwnBos = tokens[0] === model.info.bosToken && !(await writesBos(prompt, { model, tokens: texts }));
      if (hasOwnBos && body.boolean("add_special_tokens") === false) tokens.shift();
      return { tokens, count: tokens.length, max_model_len: model.info.contextSize };
    }),
  );

  routes.post(
    "/detokenize",
    ask(async (body, requestContext) => {
      const tokens = body.required("tokens", body.list);
      if (!tokens.every((token) => Number.isInteger(token))) throw invalid("tokens", "an array of token ids", tokens);
      const write = () => modelOf(body).model.detokenize(tokens as number[], { special: true });
      return { prompt: await (tokens.length < longText ? write() : alone(requestContext, write)) };
    }),
  );

  routes.get("/tokenizer_info", async (context) => {
    keys.check(context.req.raw.headers);
    const { model, tokens } = models.find(context.req.query("model") ?? models.only());
    const { bosToken, eosToken, chatTemplate, contextSize } = model.info;
    const name = async (token: number | undefined) =>
      token === undefined ? null : (await tokens.of([token]))[0]!.text;
    return context.json({
      bos_token: await name(bosToken),
      eos_token: await name(eosToken),
      chat_template: chatTemplate ?? null,
      model_max_length: contextSize,
    });
  });
  return routes;
}
