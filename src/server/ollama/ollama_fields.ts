// Every field that Ollama documents for chats and completions, with those of `options`.
import { FieldTable, honored, nothing, refused, type FieldEntry } from "../fields/field_table.js";
import { fieldsOf } from "../openai/openai_fields.js";

const ofModel = [
  "num_ctx",
  "num_batch",
  "num_gpu",
  "main_gpu",
  "use_mmap",
  "use_mlock",
  "num_thread",
  "numa",
  "low_vram",
  "f16_kv",
  "vocab_only",
  "logits_all",
  "embedding_only",
];

const shared: readonly FieldEntry[] = [
  honored("model", "a configured name, with or without `:latest`; may be missing if there is only one model"),
  honored("stream", "`false`: one object in place of lines of JSON"),
  honored("format", '`"json"` or a JSON Schema'),
  honored("think", "whether the model thinks first; `low`, `medium`, `high` and `max` do"),
  honored(
    "keep_alive",
    "how long the model [stays loaded](#several-models) without use: seconds or a text such as `5m`; below 0 is for ever; 0 without a prompt unloads it",
  ),
  honored("logprobs", "true or false; not together with tools"),
  honored("top_logprobs", "0 to 20, together with `logprobs`"),
  honored("options.temperature", "0 to 2"),
  honored("options.top_p", "0 to 1"),
  honored("options.min_p", "0 to 1"),
  honored("options.top_k", "0 and -1 turn it off"),
  honored("options.typical_p", "1 is off"),
  honored("options.seed", "every number is a seed"),
  honored("options.num_predict", "maximum number of generated tokens; 0, -1 and -2 mean no limit"),
  honored("options.stop", "up to 16 strings"),
  honored("options.repeat_penalty", "1 is off"),
  honored("options.repeat_last_n", "number of last tokens that the penalties count; -1 counts all"),
  honored("options.frequency_penalty", "-2 to 2"),
  honored("options.presence_penalty", "-2 to 2"),
  ...["mirostat", "mirostat_tau", "mirostat_eta"].map((name) => honored(`options.${name}`, "Mirostat")),

  refused("images", "the model only reads text.", [[]]),
  refused("template", "load the model with another template.", [""]),
  refused("_debug_render_only", "use /apply-template.", [false]),
  refused("options.tfs_z", "tail-free sampling is not supported.", [1]),
  ...["temperature", "top_p", "top_k", "min_p", "seed", "stop", "num_predict", "num_ctx"].map((name) =>
    refused(name, "put it into options."),
  ),
  refused("options.max_tokens", "use num_predict."),

  ...ofModel.map((name) => nothing(`options.${name}`, "decided when the model is loaded")),
  nothing("options.num_keep", "the context is never shifted: the answer ends when it is full"),
  nothing("options.draft_num_predict", "it only speeds an answer up"),
  nothing("options.penalize_newline", "penalties count every token"),
  nothing("shift", "the context is never shifted: the answer ends when it is full"),
];

const others = [fieldsOf.chat.own, fieldsOf.completions.own].flat();
const note = "it is a field of chat completions.";

export const ollamaChatFields = new FieldTable(
  [
    honored("messages", "the conversation; empty: nothing is generated"),
    honored("tools", "functions"),
    honored(
      "truncate",
      "`false`: a conversation that does not fit is refused; otherwise its oldest turns are left out",
    ),
    ...shared,
    refused("prompt", "use messages, or /api/generate."),
  ],
  others,
  note,
);

export const ollamaGenerateFields = new FieldTable(
  [
    honored("prompt", "the user's message; empty: nothing is generated"),
    honored("system", "the system message"),
    honored(
      "suffix",
      "the text after a gap: the model writes what stands between the prompt and it, without a template; markup in neither is read",
    ),
    honored("raw", "`true`: the prompt is used as it is (markup in it becomes control tokens)"),
    ...shared,
    refused("context", "use /api/chat with messages.", [[]]),
    ...["width", "height", "steps"].map((name) => refused(name, "the model only writes text.")),
    refused("messages", "use /api/chat.", [[]]),
    refused("tools", "use /api/chat.", [[]]),
    nothing("truncate", "a prompt that does not fit is refused"),
  ],
  others,
  note,
);
