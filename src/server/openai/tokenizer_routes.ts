// The model's tokenizer, as vLLM serves it: for clients that count or cut tokens themselves, such as EleutherAI's
// lm-eval.
import { Hono } from "hono";
import { plainEndpoint, type PlainServices } from "../answers/plain_endpoint.js";
import { invalid, type Fields } from "../fields/read_fields.js";
import type { RequestContext } from "../request_context.js";
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
  const alone = <T>(requestContext: RequestContext, work: () => Promise<T>): Promise<T> => {
    const mine = last.then(() => {
      requestContext.signal.throwIfAborted();
      return work();
    });
    last = mine.catch(() => {});
    return mine;
  };
  const ask = plainEndpoint(services);
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
