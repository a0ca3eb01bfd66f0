// Requests and their output as plain values. Mirrors src/engine/engine.ts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "llama.h"
#include "platform/error.h"

namespace caduceus {

using Token = llama_token;
using RunId = uint32_t;

struct TextPart {
  std::string text;
};  // never read as markup
struct ControlPart {
  std::string text;
};  // special tokens in it become those tokens
struct TokensPart {
  std::vector<Token> tokens;
};
using PromptPart = std::variant<TextPart, ControlPart, TokensPart>;

// llama.cpp's DRY penalty: a token that would continue a repetition costs multiplier * base ^ (length -
// allowed_length).
struct Dry {
  float multiplier = 0.0f;  // 0 is off
  float base = 1.75f;
  int32_t allowed_length = 2;
  int32_t last_n = -1;  // how many tokens it looks at; 0 is off, -1 the whole context
  std::vector<std::string> sequence_breakers;

  bool is_on() const { return multiplier != 0.0f && base >= 1.0f && last_n != 0; }
  friend bool operator==(const Dry&, const Dry&) = default;
};

struct Sampling {
  float temperature = 0.8f;
  int32_t top_k = 40;
  float top_p = 0.95f;
  float min_p = 0.05f;
  float repeat_penalty = 1.0f;
  float frequency_penalty = 0.0f;
  float presence_penalty = 0.0f;
  int32_t penalty_last_n = 64;
  Dry dry;
  float top_n_sigma = 0.0f;  // 0 is off
  float typical_p = 1.0f;    // 1 is off
  float xtc_probability = 0.0f;
  float xtc_threshold = 0.1f;
  float dynatemp_range = 0.0f;
  float dynatemp_exponent = 1.0f;
  int32_t mirostat = 0;  // 1 and 2 sample by mirostat, which replaces the samplers that remove candidates
  float mirostat_tau = 5.0f;
  float mirostat_eta = 0.1f;
  float adaptive_target = -1.0f;  // below 0 is off
  float adaptive_decay = 0.9f;
  std::optional<uint32_t> seed;
  std::vector<std::pair<Token, float>> logit_bias;
  // The same for each token of a text; the engine moves them to `logit_bias`.
  std::vector<std::pair<std::string, float>> text_bias;
};

// A constraint on the output, as text for its compiler. src/engine/addon/grammar.ts writes it.
struct ConstraintSpec {
  enum class Kind { lark = 0, json = 1, regex = 2, calls = 3 };  // calls: Lark, and its texts are JSON between tags
  Kind kind = Kind::lark;
  std::string text;

  // Makes the grammar lazy: the output is free until a call begins. Then the grammar applies to the end of the call.
  struct Trigger {
    std::string tag;       // "<tool_call>": calls begin with it, white space and `{`, with which the grammar begins
    bool further = false;  // after a call the output is free again; else it ends there
    bool bare = false;     // directly after a call, the next one needs no opening tag
    // Without a tag: the texts with which calls, and the grammar, may begin.
    std::vector<std::string> openings;
    std::vector<std::string> start_openings;  // the same, at the beginning of the output only
  };
  std::optional<Trigger> trigger;
};

// What may come before the rest of the output: text between two tags, which the constraint and stop strings do not
// apply to.
struct ThoughtSpec {
  bool open = false;                   // the prompt ends inside it
  std::optional<uint32_t> max_tokens;  // then its end is forced
  std::string opening = "<think>";     // neither is empty, nor begins or ends with white space
  std::string closing = "</think>";
  std::string answer = {};             // with which a constrained answer begins behind a thought: a channel's name
  std::string end = "\n</think>\n\n";  // what is forced at the limit, from the thought's end to the answer's text
};

// An adapter by the id that `Engine::add_adapter` gave.
struct AdapterUse {
  uint32_t id;
  float scale;
};

struct RunRequest {
  std::vector<PromptPart> prompt;
  std::optional<RunId> after;
  Sampling sampling;
  std::optional<uint32_t> max_tokens;
  uint32_t min_tokens = 0;        // before these, no token ends the turn, if the constraint allows another
  std::vector<std::string> stop;  // not applied inside the calls of a lazy constraint
  std::vector<Token> stop_tokens;
  bool log_probabilities = false;         // of the tokens that are generated
  bool prompt_log_probabilities = false;  // of the prompt's tokens, all of which are computed for it
  uint32_t top_log_probabilities = 0;     // number of most likely tokens reported with each
  std::string cache_scope;
  std::vector<AdapterUse> adapters;
  int32_t priority = 0;
  std::optional<double> queue_timeout_ms;
  std::optional<uint32_t> keep_prefix;  // number of the prompt's first parts to keep on disk
  std::optional<ConstraintSpec> constraint;
  std::optional<ThoughtSpec> thought;
  bool deterministic = false;  // computed apart from others: the same request gives the same bits
  uint32_t gather_ms = 0;      // of text that may wait for more
};

struct Usage {
  uint32_t prompt_tokens = 0;
  uint32_t cached_tokens = 0;
  uint32_t generated_tokens = 0;
};

struct Timings {
  double queue_ms = 0;
  double prompt_ms = 0;
  double first_token_ms = 0;
  double generation_ms = 0;
  double tokens_per_second = 0;
};

// Whether the constrained output is complete, and what the constraint cost.
struct ConstraintEnd {
  bool complete = false;
  uint32_t forced_tokens = 0;
  uint32_t rejected_tokens = 0;
  double compile_ms = 0;
};

struct TokenProbability {
  Token token;
  float log_probability;
};

// Tokens with their log probabilities, if requested.
struct ScoredTokens {
  std::vector<Token> tokens;
  std::vector<float> log_probabilities;  // one for each
  std::vector<TokenProbability> top;     // the most likely tokens at each place, in order; as many as requested

  void append(const ScoredTokens& more) {
    tokens.insert(tokens.end(), more.tokens.begin(), more.tokens.end());
    log_probabilities.insert(log_probabilities.end(), more.log_probabilities.begin(), more.log_probabilities.end());
    top.insert(top.end(), more.top.begin(), more.top.end());
  }
};

enum class FinishReason { stop, length, cancelled, error };

struct RunEnd {
  FinishReason reason = FinishReason::stop;
  std::optional<std::string> stop_string;
  std::optional<ScoredTokens> end_token;  // the token that ended the turn, if log probabilities were requested
  Usage usage;
  Timings timings;
  std::optional<ConstraintEnd> constraint;
  std::optional<EngineError> error;  // set when reason is error
};

// What one run has produced since its output was last taken.
struct RunOutput : ScoredTokens {
  RunId id = 0;
  std::string text;  // whole code points
  ScoredTokens
      prompt;  // set once, after the prefill, if its log probabilities were requested; the first token has none
  std::optional<RunEnd> end;
};

struct Stats {
  uint32_t running = 0;
  uint32_t queued = 0;
  uint32_t paused = 0;
  uint32_t cache_tokens = 0;
  uint32_t cache_tokens_used = 0;
  uint32_t cached_sequences = 0;
  uint64_t host_cache_bytes = 0;
  uint32_t draft_cache_tokens_used = 0;  // of the draft model's KV cache
  uint32_t threads = 0;                  // in use at the moment
  uint64_t adapter_bytes = 0;
  uint64_t prompt_tokens = 0;
  uint64_t cached_tokens = 0;
  uint64_t restored_tokens = 0;
  uint64_t generated_tokens = 0;
  uint64_t forced_tokens = 0;          // generated tokens that were forced
  uint64_t rejected_tokens = 0;        // sampled, and refused by a constraint
  uint64_t drafted_tokens = 0;         // proposed by speculative decoding, and computed
  uint64_t accepted_drafts = 0;        // drafted tokens that were accepted
  uint64_t model_drafted_tokens = 0;   // of the drafted tokens, those by a draft model
  uint64_t model_accepted_drafts = 0;  // of those, the accepted ones
  uint64_t draft_steps = 0;            // computations of the draft model
  uint64_t adapter_changes = 0;        // of what a context computes with
  uint64_t steps = 0;
};

}  // namespace caduceus
