// A program of OpenAI's Agents SDK, the same for each of its versions.
import { Agent, run, setTracingDisabled, type Model } from "@openai/agents";
import { load } from "caduceus";
import { caduceusModel } from "caduceus/openai-agents";

setTracingDisabled(true);
await using model = await load(process.argv[2]!);
const agent = new Agent({ name: "Helper", model: caduceusModel(model, { maxTokens: 3 }) });
const { rawResponses } = await run(agent, "Why is the sky blue?");
console.log(`${rawResponses[0]?.usage.outputTokens} tokens`);

export const plain: Model = caduceusModel(model);
// @ts-expect-error the declarations are found, and are not all `any`
export const wrong = (): Model => caduceusModel(model, { tools: [] });
