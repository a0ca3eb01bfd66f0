// A streamed chat over node:http. POST /chat with { "messages": [...] } answers with server-sent events.
import { once } from "node:events";
import { createServer } from "node:http";
import { text as readText } from "node:stream/consumers";
import { load, statusOf } from "caduceus";

const model = await load(process.argv[2] ?? "smollm2");
const largestBody = 100_000;

const server = createServer(async (request, response) => {
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  try {
    if (request.method !== "POST" || request.url !== "/chat") return response.writeHead(404).end();
    if (!(Number(request.headers["content-length"]) <= largestBody)) return response.writeHead(413).end();
    const { messages } = JSON.parse(await readText(request)) ?? {};
    const reply = model.reply(messages, { maxTokens: 300, signal: gone.signal });
    for await (const text of reply.textStream) {
      if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
      const isFull = !response.write(`data: ${JSON.stringify({ text })}\n\n`);
      if (isFull) await once(response, "drain", { signal: gone.signal });
    }
    response.end("data: [DONE]\n\n");
  } catch (error) {
    if (gone.signal.aborted) return;
    const status = error instanceof SyntaxError ? 400 : statusOf(error);
    const body = JSON.stringify({ error: status < 500 ? error.message : "The server failed." });
    if (response.headersSent) response.end(`event: error\ndata: ${body}\n\n`);
    else response.writeHead(status, { "content-type": "application/json" }).end(body);
  }
});

server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/chat`));

process.once("SIGTERM", async () => {
  server.close();                       // takes no more requests
  setTimeout(() => server.closeAllConnections(), Number(process.env.GRACE_MS ?? 7_000)).unref();
  await once(server, "close");          // answers that are under way come to their end
  await model.close();
});
