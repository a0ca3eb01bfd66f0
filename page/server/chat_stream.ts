// A streamed chat completion, chunk by chunk.
import { readError, request } from "./client.js";

export interface ChatChunk {
  readonly choices: readonly {
    readonly delta: {
      readonly content?: string | null;
      readonly reasoning_content?: string;
      readonly tool_calls?: readonly {
        readonly index: number;
        readonly id?: string;
        readonly function?: { readonly name?: string; readonly arguments?: string };
      }[];
    };
    readonly finish_reason: "stop" | "length" | "tool_calls" | null;
  }[];
  readonly usage?: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly prompt_tokens_details: { readonly cached_tokens: number };
  } | null;
}

/**
 * Leaving the loop, or the signal, closes the connection, which stops the generation. Throws errors that the server
 * reports.
 */
export async function* streamChat(body: object, signal: AbortSignal): AsyncGenerator<ChatChunk, void, undefined> {
  const response = await request(
    "v1/chat/completions",
    { ...body, stream: true, stream_options: { include_usage: true } },
    signal,
  );
  for await (const data of readEvents(response.body!)) {
    if (data === "[DONE]") return;
    const chunk = JSON.parse(data) as ChatChunk;
    if ("error" in chunk) throw readError(chunk);
    yield chunk;
  }
  throw new Error("The connection broke off before the answer was whole.");
}

/** The data of server-sent events, each on one line, as the server writes them. */
async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop()!;
      for (const line of lines) if (line.startsWith("data: ")) yield line.slice(6);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
