// A streamed chat as a route of Next.js: save it as app/api/chat/route.js and keep `caduceus` out of the bundle, with
// `serverExternalPackages: ["caduceus"]` in next.config.mjs.
import { load, statusOf } from "caduceus";

/** Loaded by the first request: while you develop, Next.js reads this file again and again, and once more when it builds. */
function loadOnce() {
  globalThis.caduceusModel ??= load(process.env.MODEL ?? "smollm2");
  globalThis.caduceusModel.catch(() => delete globalThis.caduceusModel);
  return globalThis.caduceusModel;
}

export const runtime = "nodejs";

export async function POST(request) {
  try {
    if (!(Number(request.headers.get("content-length")) <= 100_000)) return new Response(null, { status: 413 });
    const { messages } = (await request.json()) ?? {};
    const texts = (await loadOnce()).reply(messages, { maxTokens: 300, signal: request.signal }).textStream[Symbol.asyncIterator]();
    // What is wrong with the request shows here, while there is still a status to say it with.
    const first = await texts.next();
    return new Response(ReadableStream.from(events(first, texts)), { headers: { "content-type": "text/event-stream", "cache-control": "no-cache" } });
  } catch (error) {
    const status = error instanceof SyntaxError ? 400 : statusOf(error);
    return Response.json({ error: status < 500 ? error.message : "The server failed." }, { status });
  }
}

async function* events(next, texts) {
  const encoder = new TextEncoder();
  try {
    for (; !next.done; next = await texts.next()) yield encoder.encode(`data: ${JSON.stringify({ text: next.value })}\n\n`);
    yield encoder.encode("data: [DONE]\n\n");
  } finally {
    await texts.return();
  }
}
