// A streamed chat as a route of Next.js: save it as app/api/chat/route.js and keep `caduceus` out of the bundle, with
// `serverExternalPackages: ["caduceus"]` in next.config.mjs.
import { CaduceusError, load } from "caduceus";

// While you develop, Next.js loads this file again and again: the model stays.
const model = (globalThis.caduceusModel ??= load(process.env.MODEL ?? "smollm2"));

export const runtime = "nodejs";

export async function POST(request) {
  try {
    const { messages } = await request.json();
    const texts = (await model).reply(messages, { maxTokens: 300, signal: request.signal }).textStream[Symbol.asyncIterator]();
    // What is wrong with the request shows here, while there is still a status to say it with.
    const first = await texts.next();
    return new Response(ReadableStream.from(events(first, texts)), { headers: { "content-type": "text/event-stream", "cache-control": "no-cache" } });
  } catch (error) {
    const isTheirs = error instanceof SyntaxError || error instanceof CaduceusError;
    return Response.json({ error: isTheirs ? error.message : "The server failed." }, { status: isTheirs ? 400 : 500 });
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
