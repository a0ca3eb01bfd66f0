// The body of a request: JSON in UTF-8, within its limits of size and time.
import { ApiError } from "./api_error.js";
import { Fields } from "./fields.js";

export interface BodyLimits {
  readonly maxBodyBytes: number;
  readonly bodyTimeoutMs: number;
}

export async function readBody(request: Request, limits: BodyLimits): Promise<Fields> {
  const type = request.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  // What a page of the web can send without asking first is none of these.
  if (type !== "application/json") throw new ApiError(415, "unsupported_media_type", "Expected the header Content-Type: application/json.", { headers: close });
  const encoding = request.headers.get("content-encoding")?.trim().toLowerCase();
  if (encoding !== undefined && encoding !== "identity") throw new ApiError(415, "unsupported_media_type", "Expected a body without Content-Encoding.", { headers: close });
  if (Number(request.headers.get("content-length") ?? 0) > limits.maxBodyBytes) throw tooLarge(limits);
  return new Fields(parse(await readBytes(request, limits)));
}

async function readBytes(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  const reader = request.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ApiError(408, "request_timeout", `The body did not arrive within ${limits.bodyTimeoutMs} ms.`, { headers: close })), limits.bodyTimeoutMs);
  });
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), late]);
      if (done) return Buffer.concat(chunks);
      size += value.byteLength;
      if (size > limits.maxBodyBytes) throw tooLarge(limits);
      chunks.push(value);
    }
  } catch (error) {
    void reader.cancel().catch(() => {});
    throw error instanceof ApiError ? error : new ApiError(400, "invalid_json", "The body broke off.", { cause: error, headers: close });
  } finally {
    clearTimeout(timer);
  }
}

function parse(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ApiError(400, "invalid_json", "Expected a body in UTF-8.");
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(400, "invalid_json", "Expected a body of JSON, which this is not.");
  }
}

// What is left of the body is not worth reading.
const close = { connection: "close" } as const;

function tooLarge({ maxBodyBytes }: BodyLimits): ApiError {
  return new ApiError(413, "request_too_large", `Expected a body of at most ${maxBodyBytes} bytes.`, { headers: close });
}
