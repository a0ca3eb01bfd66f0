// Reads and discards the rest of a refused request's body, within limits. A server that answers and closes at once
// resets the connection of a client that is still sending, which then does not see the answer.

export interface DrainLimits {
  readonly maxBytes: number;
  readonly maxMs: number;
}

const limits: DrainLimits = { maxBytes: 64 * 2 ** 20, maxMs: 5_000 };

/**
 * A response's body that is there at once and ends when the request has been read. Undefined where nothing is left to
 * read.
 */
export function withUnreadBody(
  request: Request,
  bytes: Uint8Array<ArrayBuffer>,
  most: DrainLimits = limits,
): ReadableStream<Uint8Array<ArrayBuffer>> | undefined {
  const { body } = request;
  // Whoever has read it to its end, or wants no more of it, holds its lock.
  if (body === null || body.locked) return undefined;
  const reader = body.getReader();
  return new ReadableStream({
    start: (controller) => controller.enqueue(bytes),
    // Asked for more than the answer, which is on its way then.
    async pull(controller) {
      await drain(reader, most);
      controller.close();
    },
    cancel: () => void reader.cancel().catch(() => {}),
  });
}

async function drain(reader: ReadableStreamDefaultReader<Uint8Array>, { maxBytes, maxMs }: DrainLimits): Promise<void> {
  const end = () => void reader.cancel().catch(() => {});
  const timer = setTimeout(end, maxMs); // The read that waits then ends.
  try {
    for (let size = 0; size <= maxBytes; ) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.byteLength;
    }
  } catch {
    // The client has gone.
  } finally {
    clearTimeout(timer);
    end();
  }
}
