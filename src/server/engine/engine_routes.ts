// The engine itself, for `connect` in another process: what it is asked there crosses as it is, and so do its answers.
import { Hono } from "hono";
import type { GenerateServices } from "../answers/generate_endpoint.js";
import { generateEndpoint } from "../answers/generate_endpoint.js";
import { plainEndpoint } from "../answers/plain_endpoint.js";
import type { Fields } from "../fields/read_fields.js";
import { AnswerStream } from "../http/event_stream.js";
import { dataStream } from "../http/stream_forms.js";
import { inContext } from "../api_error.js";
import { requestFields, type RequestFields } from "../request_fields.js";
import type { Service } from "../service.js";
import { checkTokens, readParts, readRun, readTokens, type RunRequest } from "./run_request.js";

/** Goes up where the two sides would misunderstand each other. */
const protocol = 1;

interface EngineRequest {
  readonly run: RunRequest;
  readonly stream: true;
  readonly fields: RequestFields;
}

export function engineRoutes(services: GenerateServices): Hono {
  const routes = new Hono();
  const ask = plainEndpoint(services);
  const generate = generateEndpoint(services);

  routes.post(
    "/v1/engine",
    ask(async ({ hold }) => {
      const { name, model } = await hold();
      const { info, capabilities } = model.engine;
      // The path is nobody's business; the name is known anyway.
      return { protocol, info: { ...info, path: name }, capabilities };
    }),
  );
  routes.post(
    "/v1/engine/run",
    generate<EngineRequest>({
      read: (body, cacheScope) => ({
        run: readRun(body, cacheScope),
        stream: true,
        fields: requestFields(body.names()),
      }),
      answer: async ({ run }, service) => new AnswerStream(pieces(run, service), dataStream),
      waiting: dataStream,
    }),
  );
  routes.post(
    "/v1/engine/tokenize",
    ask(async ({ body, signal, hold }) => {
      const parts = readParts(body, "prompt");
      const { model } = await hold();
      return { tokens: [...(await model.engine.tokenize(parts, signal))] };
    }),
  );
  routes.post(
    "/v1/engine/detokenize",
    ask(async ({ body, hold }) => {
      const { tokens, model } = await readKnown(body, hold);
      return { text: await model.detokenize(tokens, { special: body.boolean("special") ?? false }) };
    }),
  );
  routes.post(
    "/v1/engine/token-bytes",
    ask(async ({ body, hold }) => {
      const { tokens, model } = await readKnown(body, hold);
      return { bytes: (await model.tokenBytes(tokens)).map((bytes) => Buffer.from(bytes).toString("base64")) };
    }),
  );
  routes.post(
    "/v1/engine/embed",
    ask(async ({ body, signal, hold }) => {
      const second = body.value("second") === undefined ? undefined : readParts(body, "second");
      const text = readParts(body, "text");
      const request = {
        text,
        second,
        whole: body.boolean("whole"),
        pooling: body.choice("pooling", ["mean", "cls", "last"]),
        truncate: body.boolean("truncate") ?? false,
      };
      const { model } = await hold();
      const { values, tokens, truncated } = await model.engine.embed(request, signal);
      return { values: [...values], tokens, truncated };
    }),
  );
  return routes;
}

async function readKnown(body: Fields, hold: () => Promise<{ readonly model: Service["model"] }>) {
  const tokens = body.required("tokens", (name) => readTokens(body, name));
  const { model } = await hold();
  return { tokens, model };
}

/** What the engine gives, in JSON: numbers that JSON does not have are null. */
async function* pieces(
  request: RunRequest,
  { model, requestContext, onFinish }: Service,
): AsyncGenerator<object, void, undefined> {
  checkTokens(request, model);
  const run = model.engine.submit(request);
  const cancel = () => run.cancel();
  requestContext.signal.addEventListener("abort", cancel, { once: true });
  try {
    for (;;) {
      const piece = await run.next();
      requestContext.begun();
      if (piece === undefined) return;
      if (piece.type !== "end") yield lists(piece);
      else {
        onFinish(piece);
        yield { ...piece, ...(piece.endToken === undefined ? {} : { endToken: lists(piece.endToken) }) };
      }
    }
  } catch (error) {
    throw inContext(error, model.info.contextSize);
  } finally {
    requestContext.signal.removeEventListener("abort", cancel);
    run.cancel();
    // Until the engine has stopped.
    while ((await run.next().catch(() => undefined)) !== undefined);
    run.release();
    requestContext.end();
  }
}

/** Packed arrays as arrays of JSON. */
const lists = (scored: object) =>
  Object.fromEntries(
    Object.entries(scored).map(([name, value]) => [
      name,
      ArrayBuffer.isView(value) ? [...(value as Float32Array)] : value,
    ]),
  );
