// The routes. POST /chat answers a conversation with server-sent events, or with JSON if that is what is accepted.
import { once } from "node:events";
import express from "express";
import { statusOf } from "caduceus";
import { z } from "zod";
import { toolsFor } from "./tools.mjs";

const system = "You help the customers of a shop with their orders. Look an order up before you speak of it. Be brief.";

const Chat = z.object({
  messages: z
    .array(z.object({ role: z.enum(["user", "assistant"]), content: z.string().trim().min(1).max(8_000) }))
    .max(50)
    .refine((messages) => messages.at(-1)?.role === "user", "the last message is the user's"),
});

/** @param {Pick<import("caduceus").Model, "reply" | "stats">} model */
export function createApp(model) {
  const app = express().disable("x-powered-by");

  app.get("/health", (_request, response) => {
    const { running, queued } = model.stats();
    response.json({ running, queued });
  });

  app.post("/chat", express.json({ limit: "500kb" }), async (request, response) => {
    const { messages } = Chat.parse(request.body);
    const customer = customerOf(request);
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    const reply = model.reply([{ role: "system", content: system }, ...messages], {
      tools: toolsFor(customer),
      maxRounds: 4,
      maxTokens: 400,
      cacheScope: customer,
      queueTimeoutMs: 30_000,
      signal: gone.signal,
    });

    if (request.accepts(["text/event-stream", "json"]) === "json") {
      const { text, finishReason, usage } = await reply;
      response.json({ text, finishReason, usage });
      return;
    }
    // The status is sent with the first event: what is wrong before it still gets one of its own.
    for await (const event of reply) {
      const data = dataOf(event);
      if (data === undefined) continue;
      if (!response.headersSent) response.set({ "content-type": "text/event-stream", "cache-control": "no-cache" });
      const isFull = !response.write(eventText(event.type, data));
      if (isFull) await once(response, "drain", { signal: gone.signal });
    }
    response.end();
  });

  app.use(answerError);
  return app;
}

/** Stands for your log-in. @param {express.Request} request @returns {string} */
function customerOf(request) {
  return request.get("x-customer") ?? "anna";
}

/** What the client is told; undefined of what is not its business. @param {import("caduceus").ReplyEvent} event */
function dataOf(event) {
  switch (event.type) {
    case "text":
      return { text: event.text };
    case "tool-run":
      return { id: event.id, name: event.name, arguments: event.arguments };
    case "tool-result":
      return { id: event.id, ok: event.failure === undefined };
    case "finish":
      return { finishReason: event.stoppedBy ?? event.finishReason, usage: event.usage };
  }
}

/** @param {string} type @param {object} data */
const eventText = (type, data) => `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;

/** @type {express.ErrorRequestHandler} */
function answerError(error, _request, response, _next) {
  if (response.closed) return; // The client has gone, and the reply with it.
  const isInvalid = error instanceof z.ZodError;
  const status = isInvalid ? 400 : error.expose ? error.status : statusOf(error);
  if (status === 500) console.error(error);
  const message = isInvalid ? z.prettifyError(error) : status >= 500 ? "The server failed." : error.message;
  if (response.headersSent) {
    response.end(eventText("error", { error: message }));
    return;
  }
  if (status === 429 || status === 503) response.set("retry-after", "10");
  response.status(status).json({ error: message });
}
