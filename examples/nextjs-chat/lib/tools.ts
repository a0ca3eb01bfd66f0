import { tool, type InferUITools, type UIDataTypes, type UIMessage } from "ai";
import { z } from "zod";

const temperatures = { Oslo: 4, Paris: 21, Rome: 26 };

export const tools = {
  get_weather: tool({
    description: "The weather in a city now",
    inputSchema: z.object({ city: z.enum(["Oslo", "Paris", "Rome"]) }),
    execute: async ({ city }) => ({ celsius: temperatures[city] }),
  }),
};

/** A message as the page gets it, with typed calls. */
export type ChatMessage = UIMessage<unknown, UIDataTypes, InferUITools<typeof tools>>;
