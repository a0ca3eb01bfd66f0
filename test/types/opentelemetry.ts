// The types of `caduceus/opentelemetry`; compiled, never run.
import { metrics, trace } from "@opentelemetry/api";
import { BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import { expectTypeOf } from "vitest";
import { instrument } from "../../src/adapters/opentelemetry/index.js";
import type { DiagnosticsMessages, Message } from "../../src/index.js";

export function use(): void {
  expectTypeOf(instrument()).toEqualTypeOf<() => void>();
  instrument({ captureContent: true, tracerProvider: new BasicTracerProvider() })();
  instrument({ tracerProvider: trace.getTracerProvider(), meterProvider: metrics.getMeterProvider() });
  // @ts-expect-error there is no such option
  instrument({ content: true });
  expectTypeOf<DiagnosticsMessages["caduceus:reply:content"]["input"]>().toEqualTypeOf<
    readonly Message[] | undefined
  >();
}
