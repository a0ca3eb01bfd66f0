// The model's tokenizer, as vLLM serves it: for clients that count or cut tokens themselves, such as EleutherAI's lm-eval.
import { type Context, Hono } from "hono";
import type { ApiKeys } from "./api_keys.js";
import { writesBos } from "./echo.js";
import { invalid, type Fields } from "./fields.js";
import type { BodyReader } from "./read_body.js";
import type { ServedModels } from "./served_models.js";

export function tokenizerRoutes(models: ServedModels, keys: ApiKeys, bodies: BodyReader): Hono {
  const routes = new Hono();
  const read = (context: Context) => bodies.read(context.req.raw, context.env);
  const modelOf = (body: Fields) => models.find(body.text("model") ?? models.only());

  routes.post("/tokenize", async (context) => {
    keys.check(context.req.raw.headers);
    const body = await read(context);
    const { model, tokens: texts } = modelOf(body);
    const prompt = body.required("prompt", body.text);
    const tokens = [...await model.tokenize([{ control: prompt }])];
    const hasOwnBos = tokens[0] === model.info.bosToken && !(await writesBos(prompt, { model, tokens: texts }));
    if (hasOwnBos && body.boolean("add_special_tokens") === false) tokens.shift();
    return context.json({ tokens, count: tokens.length, max_model_len: model.info.contextSize });
  });

  routes.post("/detokenize", async (context) => {
    keys.check(context.req.raw.headers);
    const body = await read(context);
    const tokens = body.required("tokens", body.list);
    if (!tokens.every((token) => Number.isInteger(token))) throw invalid("tokens", "an array of token ids", tokens);
    return context.json({ prompt: await modelOf(body).model.detokenize(tokens as number[], { special: true }) });
  });

  routes.get("/tokenizer_info", async (context) => {
    keys.check(context.req.raw.headers);
    const { model, tokens } = models.find(context.req.query("model") ?? models.only());
    const { bosToken, eosToken, chatTemplate, contextSize } = model.info;
    const name = async (token: number | undefined) => (token === undefined ? null : (await tokens.of([token]))[0]!.text);
    return context.json({ bos_token: await name(bosToken), eos_token: await name(eosToken), chat_template: chatTemplate ?? null, model_max_length: contextSize });
  });
  return routes;
}
