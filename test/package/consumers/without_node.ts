// A program whose compiler knows nothing of Node: what `AbortSignal` is, the library DOM says.
import { load, tool } from "caduceus";
import { parseReply } from "caduceus/hermes";
import { createHandler, listen } from "caduceus/server";

const weather = tool({
  name: "get_weather",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
});

export async function cities(signal: AbortSignal): Promise<string[]> {
  await using model = await load("smollm2", { signal });
  const found: string[] = [];
  for await (const event of model.reply("Hi", { tools: [weather], signal })) {
    if (event.type === "tool-call" && event.name === "get_weather") found.push(event.arguments.city);
  }
  await (await listen(createHandler({ models: { a: model } }))).close();
  return [...found, parseReply("").content];
}
