// With which HTTP status a server answers a request that failed.
import type { CaduceusError, ErrorCode } from "../errors.js";

/** Of all other codes it is 500. */
const statuses = new Map<ErrorCode, number>(
  Object.entries({
    INVALID_ARGUMENT: 400,
    INVALID_MESSAGES: 400,
    INVALID_SCHEMA: 400,
    INVALID_TOOL: 400,
    CONSTRAINT_INVALID: 400,
    CONSTRAINT_TOO_COMPLEX: 400,
    CONTEXT_FULL: 400,
    TEMPLATE_FAILED: 400,
    TOOLS_UNSUPPORTED: 400,
    UNSUPPORTED: 400,
    READER_TOO_SLOW: 408,
    QUEUE_FULL: 429,
    QUEUE_TIMEOUT: 503,
    MODEL_CLOSED: 503,
    ENGINE_CRASHED: 503,
    OUT_OF_MEMORY: 503,
    ACCESS_DENIED: 503,
    UPSTREAM_UNREACHABLE: 503,
    UPSTREAM_FAILED: 503,
    UPSTREAM_TIMEOUT: 503,
    UPSTREAM_INVALID: 503,
  } satisfies Partial<Record<ErrorCode, number>>) as [ErrorCode, number][],
);

/**
 * The HTTP status for a request whose reply failed with `error`, as `caduceus/server` has it: 400 if the request is
 * what is wrong, 408 if the client read too slowly, 429 and 503 if a later try may succeed, 500 for everything else.
 * With 4xx the error's message is meant for the client; with 500 and 503 it may be about the server's own files and
 * addresses. An HTTP handler says `response.statusCode = statusOf(error)`.
 */
export function statusOf(error: unknown): number {
  const code = codeOf(error);
  return (code && statuses.get(code)) ?? 500;
}

/** Known by its name, because a program may have two copies of this library. */
function codeOf(error: unknown): ErrorCode | undefined {
  try {
    return error instanceof Error && error.name === "CaduceusError" ? (error as CaduceusError).code : undefined;
  } catch {
    // Anything can be thrown, and looking at it may throw as well.
    return undefined;
  }
}
