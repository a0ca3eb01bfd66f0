// A model as the AI SDK's language model.
import type { Reply, Unenforced } from "../../index.js";
import { eventsOf, nameOf, resultOf, type TextModel } from "../answered.js";
import { readCall, type Call } from "./call_options.js";
import { messagesOf } from "./prompt.js";
import type { CallOptions, LanguageModelV3, LanguageModelV4, StreamPart, Warning } from "./sdk_types.js";
import { contentOf, finishOf, partsOf } from "./stream_parts.js";

/** How the AI SDK sees a model. */
export interface CaduceusSettings<Version extends "v3" | "v4" = "v3" | "v4"> {
  /**
   * Version of the AI SDK's specification that the model says it has. `ai` 6 and 7 take `"v3"`, `ai` 7 alone `"v4"`,
   * with the same features. Defaults to `"v3"`.
   */
  readonly specification?: Version | undefined;
  /** What the SDK calls the model. Defaults to the name in its file. */
  readonly modelId?: string | undefined;
}

/**
 * The model for `generateText`, `streamText`, agents and whatever else takes a language model.
 *
 * ```ts
 * import { generateText } from "ai";
 * import { load } from "caduceus";
 * import { caduceus } from "caduceus/ai-sdk";
 *
 * const model = await load("smollm2");
 * const { text } = await generateText({ model: caduceus(model), prompt: "Why is the sky blue?" });
 * ```
 *
 * Everything else that a reply takes goes into `providerOptions: { caduceus: { minP: 0.1 } }`. The model stays yours to
 * close.
 */
export function caduceus(model: TextModel, settings?: CaduceusSettings<"v3">): LanguageModelV3;
export function caduceus(model: TextModel, settings: CaduceusSettings<"v4">): LanguageModelV4;
export function caduceus(
  model: TextModel,
  { specification = "v3", modelId = nameOf(model) }: CaduceusSettings = {},
): LanguageModelV3 | LanguageModelV4 {
  const begin = (options: CallOptions) => {
    const call = readCall(options, model);
    return { call, reply: model.reply(messagesOf(options.prompt), call.options) as Reply };
  };
  const response = ({ id }: Reply) => ({ id, timestamp: new Date(), modelId });
  const languageModel: Omit<LanguageModelV3, "specificationVersion"> = {
    provider: "caduceus",
    modelId,
    supportedUrls: {},
    async doGenerate(options) {
      const { call, reply } = begin(options);
      const result = await resultOf(reply);
      return {
        content: contentOf(result),
        ...finishOf(result),
        warnings: warningsOf(call, reply),
        response: response(reply),
      };
    },
    async doStream(options) {
      const { call, reply } = begin(options);
      const events = eventsOf(reply);
      const parts = partsOf(events, {
        head: () => [
          { type: "stream-start", warnings: warningsOf(call, reply) },
          { type: "response-metadata", ...response(reply) },
        ],
        signal: options.abortSignal,
        raw: options.includeRawChunks ?? false,
      });
      const first = await parts.next();
      return { stream: streamOf(first, parts, () => events.leave()) };
    },
  };
  return { specificationVersion: specification, ...languageModel } as LanguageModelV3 | LanguageModelV4;
}

/** Those of the settings, and keywords that a strict tool's schema has and nothing enforces. */
function warningsOf({ warnings, strict }: Call, { unenforced }: Pick<Reply, "unenforced">): Warning[] {
  const broken = unenforced.filter((one: Unenforced) => one.tool !== undefined && strict.has(one.tool));
  return [
    ...warnings,
    ...broken.map(({ tool, keyword, path, reason }) => ({
      type: "unsupported" as const,
      feature: `strict of tool ${tool}`,
      details: `${keyword} at ${path} is not enforced: ${reason}`,
    })),
  ];
}

/** Nothing is read ahead of the SDK. */
function streamOf(
  first: IteratorResult<StreamPart, void>,
  parts: AsyncIterator<StreamPart, void>,
  leave: () => Promise<unknown>,
): ReadableStream<StreamPart> {
  let next: Promise<IteratorResult<StreamPart, void>> | undefined = Promise.resolve(first);
  return new ReadableStream<StreamPart>(
    {
      async pull(controller) {
        const step = await (next ?? parts.next());
        next = undefined;
        if (step.done) controller.close();
        else controller.enqueue(step.value);
      },
      cancel: async () => void (await leave()),
    },
    { highWaterMark: 0 },
  );
}
