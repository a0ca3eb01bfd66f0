// A streamed chat in Fastify 5. POST /chat with { "messages": [...] } answers with server-sent events.
// It takes `npm install fastify`.
import { Readable } from "node:stream";
import Fastify from "fastify";
import { load, statusOf } from "caduceus";

const model = await load(process.argv[2] ?? "smollm2");
const app = Fastify({ bodyLimit: 100_000, forceCloseConnections: "idle", keepAliveTimeout: 5_000 });

app.post("/chat", async (request, response) => {
  const gone = new AbortController();
  response.raw.on("close", () => gone.abort());
  const texts = model.reply(request.body?.messages, { maxTokens: 300, signal: gone.signal }).textStream[Symbol.asyncIterator]();
  // What is wrong with the request shows here, while there is still a status to say it with.
  const first = await texts.next();
  return response.type("text/event-stream").header("cache-control", "no-cache").send(Readable.from(events(first, texts)));
});

// Fastify reads from it only as fast as the client does, and leaves it when the client goes, which cancels the reply.
async function* events(next, texts) {
  try {
    for (; !next.done; next = await texts.next()) yield `data: ${JSON.stringify({ text: next.value })}\n\n`;
    yield "data: [DONE]\n\n";
  } catch (error) {
    yield `event: error\ndata: ${JSON.stringify({ error: error.message })}\n\n`;
  } finally {
    await texts.return();
  }
}

app.setErrorHandler((error, request, response) => {
  const status = error.statusCode ?? statusOf(error);   // what Fastify refuses has a status of its own
  return response.code(status).send({ error: status < 500 ? error.message : "The server failed." });
});

console.log(`${await app.listen({ port: Number(process.env.PORT ?? 8080), host: "127.0.0.1" })}/chat`);

process.once("SIGTERM", async () => {
  setTimeout(() => app.server.closeAllConnections(), Number(process.env.GRACE_MS ?? 7_000)).unref();
  await app.close();                    // takes no more requests; answers that are under way come to their end
  await model.close();
});
