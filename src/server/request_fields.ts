// Where in the body of a request stands what the library calls by the name of an option: never a name that the client
// did not send.

/** A place in the body; of a request for which nobody gives one, options are not named to the client. */
export interface RequestFields {
  /**
   * The field that an option's path (`tools[0].parameters`, `logitBias[0][0]`) comes from; undefined where the client
   * sent none.
   */
  of(param: string): string | undefined;
}

/** Of those that have other names: in the order in which they are read. An option that is not here has no field. */
const fieldsOfOptions: Readonly<Record<string, readonly string[]>> = {
  prompt: ["input_prefix", "prompt"],
  tokens: ["tokens"],
  messages: ["messages"],
  stop: ["stop"],
  maxTokens: ["max_completion_tokens", "max_tokens", "n_predict"],
  minTokens: ["min_tokens"],
  stopTokens: ["stop_token_ids"],
  logitBias: ["logit_bias"],
  logProbabilities: ["logprobs"],
  topLogProbabilities: ["top_logprobs", "logprobs"],
  promptLogProbabilities: ["echo"],
  cacheScope: ["cache_salt"],
  deterministic: ["deterministic"],
  seed: ["seed"],
  suffix: ["suffix", "input_suffix"],
  contextFiles: ["input_extra"],
  texts: ["input"],
  dimensions: ["dimensions"],
  query: ["query"],
  documents: ["documents", "texts"],
  topN: ["top_n"],
  drySequenceBreakers: ["dry_sequence_breakers"],
  toolChoice: ["tool_choice"],
  reasoning: [
    "chat_template_kwargs",
    "enable_thinking",
    "reasoning_effort",
    "thinking_budget_tokens",
    "reasoning_budget_tokens",
    "thinking_token_budget",
  ],
};

/** Options whose value is the very one that the client sent, entry by entry. */
const sameWithin = new Set(["texts", "documents", "messages", "stop", "stopTokens", "drySequenceBreakers", "tokens"]);

/**
 * @param given the names of the fields that the client sent
 * @param constraint the field that the schema, expression or grammar of the answer came from
 * @param tools the places in the request of the tools that the library was given, where not all were
 */
export function requestFields(given: readonly string[], constraint?: string, tools?: readonly number[]): RequestFields {
  const names = new Set(given);
  return {
    of(param) {
      const [, option = "", rest = ""] = /^(\w+)(.*)$/s.exec(param) ?? [];
      if (option === "schema" || option === "regex" || option === "grammar") return constraint;
      if (option === "tools") return names.has("tools") ? toolField(rest, tools) : undefined;
      const field = fieldsOfOptions[option]?.find((name) => names.has(name));
      return field === undefined ? undefined : field + (sameWithin.has(option) ? rest : "");
    },
  };
}

function toolField(rest: string, tools: readonly number[] | undefined): string {
  const [, index, within = ""] = /^\[(\d+)\](.*)$/s.exec(rest) ?? [];
  if (index === undefined) return "tools";
  const tool = `tools[${tools?.[Number(index)] ?? index}]`;
  return within === "" || within.startsWith(".function") ? tool + within : `${tool}.function${within}`;
}

/** Where a request of another form has what the library is given in OpenAI's. */
export interface Places {
  /** The field that holds them all. */
  readonly conversation: string;
  /** Of each message. */
  readonly messages: readonly string[];
  /** Of each tool; `within` is empty or begins with a dot. */
  readonly tools?: readonly string[];
  /** What the form calls the schema of a tool. */
  readonly parameters?: string;
  /** Of the answer's schema or grammar. */
  readonly constraint?: string | undefined;
  /** Of options. */
  readonly options?: Readonly<Record<string, string>>;
}

/** Fields of a request that was translated. Options that are not in `places` have the names they have everywhere. */
export function translatedFields(given: readonly string[], places: Places): RequestFields {
  const others = requestFields(given, places.constraint);
  return {
    of(param) {
      const [, option = "", index = "", within = ""] = /^(\w+)(?:\[(\d+)\])?(.*)$/s.exec(param) ?? [];
      if (option === "messages") return index === "" ? places.conversation : places.messages[Number(index)];
      if (option !== "tools") return places.options?.[option] ?? others.of(param);
      const tool = places.tools?.[Number(index)];
      const rest = within.replace(/^\.function/, "");
      if (tool === undefined || places.parameters === undefined) return tool;
      return tool + rest.replace(/^\.parameters/, `.${places.parameters}`);
    },
  };
}
