// A program of LangChain, the same for each of its versions.
import type { Embeddings } from "@langchain/core/embeddings";
import type { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { load, type Model } from "caduceus";
import { CaduceusEmbeddings, ChatCaduceus } from "caduceus/langchain";
import { z } from "zod";

await using model = await load(process.argv[2]!);
const llm = new ChatCaduceus({ model, maxTokens: 3 });
const { response_metadata } = await llm.invoke("Why is the sky blue?");
console.log(response_metadata["finish_reason"]);

export const chat: BaseChatModel = llm;
export const embeddings = (other: Model): Embeddings => new CaduceusEmbeddings({ model: other });
const answer = new ChatCaduceus({ model }).withStructuredOutput(z.object({ city: z.enum(["Paris", "Rome"]) }));
const { city } = await answer.invoke("Where is the Louvre?");
export const typed: "Paris" | "Rome" = city;
// @ts-expect-error the declarations are found, and are not all `any`
export const wrong: number = city;
