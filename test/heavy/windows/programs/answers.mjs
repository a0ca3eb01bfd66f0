// Each kind of reply, of the default model; prints what came of it, and which libraries are loaded.
import { load, tool } from "caduceus";

const model = await load("smollm2", { contextSize: 1024, prefixFolder: false });
const { text } = await model.reply("Why is the sky blue?", { temperature: 0, maxTokens: 20 });
const properties = { color: { enum: ["red", "blue"] }, big: { type: "boolean" } };
const schema = { type: "object", properties, required: ["color", "big"], additionalProperties: false };
const { value } = await model.reply("What is the sky like?", { schema });
let asked;
const weather = tool({
  name: "get_weather",
  description: "The weather in a city now",
  parameters: { type: "object", properties: { city: { enum: ["Paris", "Rome"] } }, required: ["city"] },
  execute: (input) => {
    asked = input;
    return { celsius: 21 };
  },
});
await model.reply("How warm is it in Paris?", { tools: [weather], toolChoice: "required", maxTokens: 60 });
const failure = await model.reply("word ".repeat(900), { signal: AbortSignal.timeout(20) }).then(
  () => "none",
  (error) => error.name,
);
const { matrixKernels, path } = model.info;
await model.close();
const modules = process.report.getReport().sharedObjects.filter((name) => name.includes("caduceus"));
console.log(JSON.stringify({ text, value, asked, failure, matrixKernels, path, modules }));
