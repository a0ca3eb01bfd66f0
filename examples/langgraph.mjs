// A LangGraph agent with two tools on a model in this process: node langgraph.mjs [MODEL]
import { HumanMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { createReactAgent } from "@langchain/langgraph/prebuilt";
import { load } from "caduceus";
import { ChatCaduceus } from "caduceus/langchain";
import { z } from "zod";

const cities = { paris: { celsius: 21, offset: 1 }, tokyo: { celsius: 27, offset: 9 } };
const city = z.object({ city: z.enum(Object.keys(cities)) });
const weather = tool(({ city }) => `${cities[city].celsius} degrees Celsius`, {
  name: "get_weather",
  description: "The temperature in a city now",
  schema: city,
});
const time = tool(({ city }) => `${(new Date().getUTCHours() + cities[city].offset) % 24} o'clock`, {
  name: "get_time",
  description: "The hour in a city now",
  schema: city,
});

const model = await load(process.argv[2] ?? "hermes-2-pro");
const llm = new ChatCaduceus({ model, maxTokens: 300 });
const agent = createReactAgent({ llm, tools: [weather, time] });
const question = new HumanMessage("How warm is it in Tokyo, and how late?");
// A small model may go round in circles: the limit ends it.
const { messages } = await agent.invoke({ messages: [question] }, { recursionLimit: 12 }).catch((error) => {
  if (error.name === "GraphRecursionError") return { messages: [] };
  throw error;
});
for (const message of messages) {
  for (const { name, args } of message.tool_calls ?? []) console.log("→", name, args);
  if (message.text !== "") console.log(`${message.getType()}: ${message.text}`);
}
await model.close();
