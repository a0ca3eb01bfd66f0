// A request to llama-server's `/infill`, in the library's words.
import type { PromptsRequest } from "../answers/requests.js";
import { checkFields } from "../fields/check_fields.js";
import { FieldTable, honored, nothing, refused } from "../fields/field_table.js";
import { readSamplingFields } from "../fields/generation_fields.js";
import { Fields, invalid } from "../fields/read_fields.js";
import { samplingFields } from "../fields/sampling_field_list.js";
import { fieldsOf } from "../openai/openai_fields.js";
import { requestFields } from "../request_fields.js";

export interface InfillRequest extends PromptsRequest {
  /** Paths of the fields that the answer is to have; undefined: all. */
  readonly responseFields: readonly string[] | undefined;
}

export const infillFields = new FieldTable(
  [
    honored("model", "a configured name; may be missing if there is only one model"),
    honored("input_prefix", "the text before the gap; markup in it is not read"),
    honored("input_suffix", "the text after the gap; markup in it is not read"),
    honored("input_extra", "other files, each with `text` and optionally `filename`; at most 1,000"),
    honored("prompt", "more of the text before the gap"),
    honored("stream", "server-sent events"),
    honored("n_predict", "maximum number of generated tokens; -1 means no limit"),
    honored("max_tokens", "used if `n_predict` is missing"),
    honored("stop", "up to 16 strings"),
    honored("response_fields", "names of the fields that the answer is to have, with `/` for those within another"),
    ...samplingFields,
    refused("n_probs", "use completions with suffix and logprobs.", [0]),
    refused("grammar", "use completions with suffix and grammar.", [""]),
    refused("json_schema", "use completions with suffix and json_schema."),
    refused("n_indent", "use completions with suffix and guided_regex.", [0]),
    nothing("samplers", "the order is always llama.cpp's default, and samplers are on or off by their parameters"),
    nothing("t_max_prompt_ms", "`n_predict` limits what is written"),
    nothing("t_max_predict_ms", "`n_predict` limits what is written"),
    nothing("cache_prompt", "prompts are always cached, by their prefixes"),
    nothing("id_slot", "there are no slots"),
    nothing("n_cache_reuse", "prompts are always cached, by their prefixes"),
    nothing("n_keep", "the context is never shifted: the answer ends when it is full"),
  ],
  fieldsOf.completions.own,
  "it is a field of completions.",
);

export function readInfillRequest(body: Fields): InfillRequest {
  checkFields(body, infillFields);
  const prefix = body.required("input_prefix", body.text);
  return {
    ...readSamplingFields(body, { maxTokens: ["n_predict", "max_tokens"], leastTokens: 0, stop: "stop" }),
    n: 1,
    stream: body.boolean("stream") ?? false,
    prompts: [prefix + (body.text("prompt") ?? "")],
    completeOptions: {
      suffix: body.required("input_suffix", body.text),
      contextFiles: (body.list("input_extra") ?? []).map((value, index) => {
        const file = new Fields(value, `input_extra[${index}]`);
        return { name: file.text("filename"), text: file.required("text", file.text) };
      }),
    },
    strict: new Set(),
    fields: requestFields(body.names()),
    responseFields: readResponseFields(body),
  };
}

function readResponseFields(body: Fields): readonly string[] | undefined {
  const list = body.list("response_fields");
  if (list === undefined || list.length === 0) return undefined;
  if (list.every((name) => typeof name === "string")) return list;
  throw invalid("response_fields", "an array of names", list);
}
