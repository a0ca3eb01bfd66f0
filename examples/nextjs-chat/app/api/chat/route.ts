import { convertToModelMessages, safeValidateUIMessages, stepCountIs, streamText } from "ai";
import { CaduceusError } from "caduceus";
import { caduceus } from "caduceus/ai-sdk";
import { loadModel } from "@/lib/model";
import { tools, type ChatMessage } from "@/lib/tools";

const largestBody = 500_000;

export async function POST(request: Request) {
  if (!(Number(request.headers.get("content-length")) <= largestBody)) return new Response(null, { status: 413 });
  const body = await request.json().catch(() => undefined);
  const validated = await safeValidateUIMessages<ChatMessage>({ messages: body?.messages, tools });
  if (!validated.success) return new Response("These are no messages of a chat.", { status: 400 });

  const result = streamText({
    model: caduceus(await loadModel()),
    system: "You are a helpful assistant. Answer in a few sentences.",
    messages: await convertToModelMessages(validated.data, { tools }),
    tools,
    stopWhen: stepCountIs(4),
    maxOutputTokens: 500,
    abortSignal: request.signal, // the stop button, and a page that is closed
    providerOptions: { caduceus: { contextOverflow: "drop-oldest" } },
  });
  return result.toUIMessageStreamResponse({
    // Errors of others may say what is nobody's business.
    onError: (error) => (error instanceof CaduceusError ? error.message : "The server failed."),
  });
}
