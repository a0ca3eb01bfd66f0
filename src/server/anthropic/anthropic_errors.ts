// Errors in Anthropic's form.
import type { ApiError } from "../api_error.js";

const types: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  408: "timeout_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
  504: "timeout_error",
};

/** `details` has the server's own code, and the field where one is meant. */
export function anthropicError({ status, message, code, param }: ApiError): object {
  const type = types[status] ?? (status >= 500 ? "api_error" : "invalid_request_error");
  // By which Anthropic's client knows to send whole conversations.
  const details =
    param === "thread"
      ? { error_code: "thread_unsupported_request", unsupported: [param] }
      : { error_code: code, ...(param === null ? {} : { param }) };
  return { type: "error", error: { type, message, details } };
}
