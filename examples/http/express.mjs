// A streamed chat in Express 5. POST /chat with { "messages": [...] } answers with server-sent events.
// It takes `npm install express`.
import { once } from "node:events";
import express from "express";
import { load, statusOf } from "caduceus";

const model = await load(process.argv[2] ?? "smollm2");
const app = express();

app.post("/chat", express.json({ limit: "100kb" }), async (request, response) => {
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  const reply = model.reply(request.body?.messages, { maxTokens: 300, signal: gone.signal });
  try {
    for await (const text of reply.textStream) {
      if (!response.headersSent) response.set({ "content-type": "text/event-stream", "cache-control": "no-cache" });
      const isFull = !response.write(`data: ${JSON.stringify({ text })}\n\n`);
      if (isFull) await once(response, "drain", { signal: gone.signal });
    }
    response.end("data: [DONE]\n\n");
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  }
});

app.use((error, request, response, next) => {
  const status = error.status ?? statusOf(error);   // what express refuses has a status of its own
  const body = { error: status < 500 ? error.message : "The server failed." };
  if (response.headersSent) response.end(`event: error\ndata: ${JSON.stringify(body)}\n\n`);
  else response.status(status).json(body);
});

const server = app.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/chat`));

process.once("SIGTERM", async () => {
  server.close();                       // takes no more requests
  setTimeout(() => server.closeAllConnections(), Number(process.env.GRACE_MS ?? 7_000)).unref();
  await once(server, "close");          // answers that are under way come to their end
  await model.close();
});
