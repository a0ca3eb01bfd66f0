// The server as a function from Request to Response, over a scripted model; what its tests share. Each test has a
// handler of its own, and fails where the handler met an error that the test did not take from `errors`.
import { afterEach, beforeEach, expect } from "vitest";
import { createHandler, type Handler, type HandlerOptions } from "../../../src/server/index.js";
import type { ScriptedEngine } from "../../support/engines/scripted_engine.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";

export let handler: Handler;
export let engine: ScriptedEngine;
export const errors: unknown[] = [];

/** In the place of the handler that the test began with. */
export async function open(
  options: Omit<HandlerOptions, "models"> = {},
  script: Parameters<typeof scriptedModel>[0] = { answer: () => "Hello there.", constrained: true },
): Promise<void> {
  const scripted = await scriptedModel(script);
  engine = scripted.engine;
  serve({ models: { m: scripted.model }, ...options });
}

/** The same with models of the test's own. */
export function serve(options: HandlerOptions): void {
  handler = createHandler({ onError: (error) => errors.push(error), ...options });
}

beforeEach(() => open());
afterEach(() => expect(errors.splice(0)).toEqual([]));

export const url = "http://localhost";
export const hi = { model: "m", messages: [{ role: "user", content: "Hi" }] };

export function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return handler.fetch(
    new Request(url + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    }),
  );
}

export async function errorOf(response: Response | Promise<Response>) {
  const { status } = await response;
  const { error } = (await (await response).json()) as {
    error: { code: string; param: string | null; message: string; type: string };
  };
  return { status, ...error };
}
