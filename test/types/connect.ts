// The types of models on servers; compiled, never run.
import { expectTypeOf } from "vitest";
import { connect, type ConnectOptions, type Model, type ServerKind, type ServerStats } from "../../src/index.js";

export async function connecting(): Promise<void> {
  expectTypeOf(connect("http://127.0.0.1:8000")).resolves.toEqualTypeOf<Model>();
  await connect(new URL("https://models.example.com"), {
    model: "hermes",
    apiKey: undefined,
    engine: "vllm" satisfies ServerKind,
    headers: { "x-tenant": "a" },
    format: "hermes",
    maxConnections: 8,
    retries: 0,
    firstTokenTimeoutMs: 1_000,
    signal: AbortSignal.timeout(1_000),
  } satisfies ConnectOptions);
  const model = await connect(["http://127.0.0.1:8000", "http://127.0.0.1:8001"]);
  expectTypeOf(model.stats().servers).toEqualTypeOf<readonly ServerStats[] | undefined>();
  // @ts-expect-error no such server
  await connect("http://127.0.0.1:8000", { engine: "sglang" });
  // @ts-expect-error that is where the model is loaded
  await connect("http://127.0.0.1:8000", { threads: 4 });
}
