// Read by Next.js' server before the example: the small model is the example's, has to call its tool where it is asked
// about the weather, which it would seldom do by itself, and the end of each reply is written to standard error.
import { subscribe } from "node:diagnostics_channel";
import path from "node:path";
import { pathToFileURL } from "node:url";

const { load } = await import(pathToFileURL(path.resolve("node_modules/caduceus/dist/index.js")).href);
subscribe("caduceus:reply:end", ({ error, finishReason }) => {
  console.error(`reply ended: ${error?.name ?? finishReason}`);
});
globalThis.caduceusModel = load(process.env.MODEL, { contextSize: 4096, prefixFolder: false }).then((model) => {
  const reply = model.reply.bind(model);
  model.reply = (messages, options) => {
    const { role, content } = messages.at(-1);
    const mustCall = role === "user" && JSON.stringify(content).includes("weather");
    return reply(messages, mustCall ? { ...options, toolChoice: "required" } : { ...options, toolChoice: "none" });
  };
  return model;
});
