// An application of your own with OpenAI's API inside it, under /llm: any client of OpenAI works with the base URL it prints.
// It takes `npm install hono @hono/node-server`.
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { load } from "caduceus";
import { createHandler } from "caduceus/server";

const model = await load(process.argv[2] ?? "hermes-2-pro");
const handler = createHandler({ models: { hermes: model }, apiKeys: process.env.API_KEYS?.split(",") });

const app = new Hono();
app.get("/", (context) => context.text("Ask me at /llm/v1."));
app.mount("/llm", handler.fetch);

// To this machine alone, unless HOST says otherwise.
const server = serve({ fetch: app.fetch, hostname: process.env.HOST ?? "127.0.0.1", port: Number(process.env.PORT ?? 8080), overrideGlobalObjects: false }, ({ address, port }) => {
  console.log(`http://${address}:${port}/llm/v1`);
});

process.once("SIGTERM", async () => {
  await handler.close();                // refuses what comes, and lets what is under way come to its end
  server.close();
  await model.close();
});
