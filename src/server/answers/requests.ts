// What every API asks for, in the library's words: the answers to a conversation, or continuations of raw prompts. An
// endpoint reads its request into one of these, and writes the events of the answers in its own form.
import type { CompleteOptions, GenerationOptions, Message, Model, ReplyOptions } from "../../index.js";
import { adaptersOf, type LoraChoice } from "../fields/adapter_fields.js";
import { cacheScopeOf, seedOf } from "../fields/generation_fields.js";
import type { RequestFields } from "../request_fields.js";
import type { Service } from "../service.js";
import { beginInTurns, turn, turnsOf } from "../turns.js";
import { readAnswers, type AnswerEvent } from "./answers.js";

/** What both kinds of requests say of generation. */
export interface GenerationRequest {
  /** How many answers to each prompt. */
  readonly n: number;
  readonly stream: boolean;
  readonly seed: number | undefined;
  /** Requests with other salts never share cached tokens; empty without one. */
  readonly cacheSalt: string;
  readonly lora: readonly LoraChoice[] | undefined;
  readonly options: Omit<GenerationOptions, "seed" | "signal" | "cacheScope" | "requestId" | "adapter">;
  readonly fields: RequestFields;
}

/** A conversation to be answered. */
export interface ConversationRequest extends GenerationRequest {
  readonly messages: readonly Message[];
  readonly replyOptions: Pick<
    ReplyOptions,
    | "tools"
    | "toolChoice"
    | "parallelToolCalls"
    | "schema"
    | "regex"
    | "grammar"
    | "logProbabilities"
    | "topLogProbabilities"
    | "reasoning"
    | "continueFinalMessage"
    | "contextOverflow"
  >;
  /** Clients send `reasoning` whatever the model is: it has no effect on one without thoughts. */
  readonly reasoningIsWish?: boolean;
  /** Whose schemas must be enforced to the last keyword: names of tools, and undefined for the answer. */
  readonly strict: ReadonlySet<string | undefined>;
}

/** A text, in which markup is read unless a suffix follows it, or token ids. */
export type RawPrompt = string | readonly number[];

/** Prompts to be continued. */
export interface PromptsRequest extends GenerationRequest {
  readonly prompts: readonly RawPrompt[];
  readonly completeOptions: Pick<
    CompleteOptions,
    | "schema"
    | "regex"
    | "grammar"
    | "logProbabilities"
    | "promptLogProbabilities"
    | "topLogProbabilities"
    | "suffix"
    | "contextFiles"
  >;
  readonly strict: ReadonlySet<undefined>;
}

type Answers = AsyncGenerator<AnswerEvent, void, undefined>;

/** The options with which a conversation is answered, read in time slices. Nothing has begun then. */
export function replyOptionsOf(
  { options, replyOptions, reasoningIsWish = false }: ConversationRequest,
  { model, requestContext }: Service,
) {
  const { reasoning } = replyOptions;
  return model.readAhead(
    {
      ...options,
      ...replyOptions,
      reasoning: reasoningFor(reasoning, model.capabilities, reasoningIsWish),
      // Calls are the client's to answer, those of unknown tools too.
      maxRounds: 1,
    },
    turnsOf(requestContext.signal),
  );
}

/** Clients name an effort whatever the model is: one that knows none thinks as it does. */
function reasoningFor(
  reasoning: ReplyOptions["reasoning"],
  capabilities: Pick<Model["capabilities"], "reasoning" | "reasoningEffort">,
  isWish: boolean,
): ReplyOptions["reasoning"] {
  if (isWish && !capabilities.reasoning) return undefined;
  if (typeof reasoning !== "object" || capabilities.reasoningEffort) return reasoning;
  return reasoning.maxTokens === undefined ? "on" : { maxTokens: reasoning.maxTokens };
}

/** Begins the answers to a conversation. */
export async function answerConversation(request: ConversationRequest, service: Service): Promise<Answers> {
  const { model, requestContext } = service;
  requestContext.expect(request.n);
  const given = await replyOptionsOf(request, service);
  await turn();
  const replies = await beginInTurns(request.n, (index) =>
    model.reply(request.messages, { ...given, ...ownOptions(request, service, index, request.n) }),
  );
  return readAnswers(replies, service, request.strict);
}

/** Begins the continuations of all prompts, those of the first prompt first. */
export async function continuePrompts(request: PromptsRequest, service: Service): Promise<Answers> {
  const { model, requestContext } = service;
  const { prompts, n } = request;
  const count = prompts.length * n;
  requestContext.expect(count);
  const given = await model.readAhead(
    { ...request.options, ...request.completeOptions },
    turnsOf(requestContext.signal),
  );
  await turn();
  const replies = await beginInTurns(count, (index) => {
    const prompt = prompts[Math.floor(index / n)]!;
    return model.complete(typeof prompt === "string" ? prompt : [{ tokens: prompt }], {
      ...given,
      ...ownOptions(request, service, index, count),
    });
  });
  return readAnswers(replies, service, request.strict);
}

/** Of one of `count` answers. */
const ownOptions = (
  { seed, cacheSalt, lora, n }: GenerationRequest,
  { cacheScope, model, requestContext, requestId }: Service,
  index: number,
  count: number,
) => ({
  seed: seedOf(seed, index % n),
  cacheScope: cacheScopeOf(cacheScope, cacheSalt),
  adapter: adaptersOf(lora, model),
  signal: requestContext.signal,
  requestId: requestId(index, count),
});
