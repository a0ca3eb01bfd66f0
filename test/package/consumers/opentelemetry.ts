// A program with OpenTelemetry's API, and no SDK: nothing is recorded, and nothing is in the way.
import { trace } from "@opentelemetry/api";
import { load } from "caduceus";
import { instrument, type InstrumentOptions } from "caduceus/opentelemetry";

const options: InstrumentOptions = { captureContent: false, tracerProvider: trace.getTracerProvider() };
const stop: () => void = instrument(options);
await using model = await load(process.argv[2]!);
const { usage } = await model.reply("Why is the sky blue?", { maxTokens: 3 });
console.log(`${usage.generatedTokens} tokens`);
stop();
// @ts-expect-error the declarations are found, and are not all `any`
export const wrong = () => instrument({ captureContent: "yes" });
