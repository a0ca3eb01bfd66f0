// A request to the model in the Agents SDK's own tracing, where that is on.
import { createGenerationSpan, type ModelRequest, type ModelResponse } from "@openai/agents";
import { describeThrown } from "../../errors.js";

export class ModelTrace {
  readonly #span: ReturnType<typeof createGenerationSpan> | undefined;
  /** Whether what is said may be in the trace. */
  readonly #hasData: boolean;

  constructor({ tracing, modelSettings }: ModelRequest, model: string) {
    this.#hasData = tracing === true;
    if (tracing === false) return;
    const { temperature, topP, maxTokens } = modelSettings;
    this.#span = createGenerationSpan({
      data: { model, model_config: { temperature, top_p: topP, max_tokens: maxTokens } },
    });
    this.#span.start();
  }

  finish({ usage, output }: ModelResponse): void {
    if (this.#span === undefined) return;
    this.#span.spanData.usage = { input_tokens: usage.inputTokens, output_tokens: usage.outputTokens };
    if (this.#hasData) this.#span.spanData.output = output;
  }

  fail(error: unknown): void {
    this.#span?.setError({ message: "The model failed", data: this.#hasData ? { error: describeThrown(error) } : {} });
  }

  end(): void {
    this.#span?.end();
  }
}
