// One request in the engine, from its prompt to its end. Owned and used by the engine thread only.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapter/adapter.h"
#include "constraint/run_constraint.h"
#include "sampling/sampler.h"
#include "scheduler/request.h"
#include "speculative/acceptance_rates.h"
#include "tokenizer/text_stream.h"
#include "tokenizer/tokenizer.h"

namespace caduceus {

using Clock = std::chrono::steady_clock;

inline double milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

class Run {
 public:
  enum class Phase { waiting, running, ended };

  Run(RunId id, RunRequest request, Clock::time_point submitted, std::shared_ptr<const AdapterSet> adapters = nullptr);

  // Called with the tokenized prompt: `tokens` holds all of it, what came before `after` included.
  void start(std::vector<Token> tokens, const llama_vocab* vocab, DrySamplers& dry_samplers);

  struct Step {
    std::string text;  // what can be shown now
    std::optional<FinishReason> finished;
  };
  // Takes a sampled token that is not the end of the turn.
  Step accept(Token token, const Tokenizer& tokenizer, uint32_t context_size);

  // Ends the run and frees all but its tokens, which later runs may continue. `text` is what was still held back as a
  // possible stop string.
  struct Ending {
    std::string text;
    RunEnd end;
  };
  Ending finish(FinishReason reason);

  // Number of tokens that have no cell yet. One, or a few that were forced: the run decodes. More: they are prefilled.
  uint32_t remaining() const { return static_cast<uint32_t>(tokens.size()) - computed; }
  bool needs_prefill() const { return remaining() > std::max(1u, std::min(generated_rows, most_generated_rows)); }

  const RunId id;
  RunRequest request;
  const bool deterministic;
  std::shared_ptr<const AdapterSet> adapters;  // null: the model alone
  const std::string adapter_key;
  const std::string cache_scope;  // the request's, and the adapters: runs of different ones never share cached tokens
  Phase phase = Phase::waiting;
  std::vector<Token> earlier;  // tokens of the run that it continues, while its prompt is tokenized
  std::vector<Token> tokens;   // prompt, then generated and forced tokens
  uint32_t computed = 0;       // number of `tokens` in the KV cache
  int sequence = -1;           // in the prefix cache; -1 while waiting and after the end
  bool paused = false;         // its reader is slow
  Clock::time_point paused_since{};
  std::unique_ptr<Sampler> sampler;

  // More rows than this in a decode batch would delay the other runs.
  static constexpr uint32_t most_generated_rows = 17;
  // Whether `min_tokens` is not reached, so that no token may end the turn.
  bool must_go_on() const { return usage.generated_tokens < request.min_tokens; }

  uint32_t generated_rows = 0;  // tokens added since the last computation, forced ones included
  uint32_t ahead =
      0;  // forced tokens at the end of `tokens` that were prefilled with the prompt and are not published yet
  std::vector<Token> take_ahead();
  std::optional<RunConstraint> constraint;
  ConstraintEnd constraint_end;

  std::vector<Token> drafted;              // in a decode: drafted tokens, by the draft model or else by prompt lookup
  std::vector<Token> looked_up;            // in a decode: by prompt lookup
  std::vector<float> draft_probabilities;  // of those that the draft model has drafted
  uint32_t draft_rows = 0;                 // drafted tokens in the cache beyond `computed`; none between two steps
  std::span<const Token> drafts() const { return std::span(drafted).first(draft_rows); }
  PromptLookupAcceptance lookup_acceptance;              // of prompt lookup
  std::optional<DraftModelAcceptance> draft_acceptance;  // of the draft model, once it could draft for this run
  int draft_sequence = -1;                               // of the draft model; -1 where it does not follow this run

  // Log probabilities of the prompt, if requested.
  uint32_t scored = 0;  // number of prompt positions scored so far
  ScoredTokens scores;  // until they are published
  bool scores_prompt() const { return request.prompt_log_probabilities && scored + 1 < usage.prompt_tokens; }
  bool wants_score(uint32_t place) const {
    return request.prompt_log_probabilities && place >= scored && place + 1 < usage.prompt_tokens;
  }

  uint32_t keep_tokens = 0;      // tokens of the prompt to keep on disk; 0 once that is done
  uint32_t restored_tokens = 0;  // loaded from the host cache or from disk
  Usage usage;
  const Clock::time_point submitted;
  std::optional<Clock::time_point> admitted;
  std::optional<Clock::time_point> first_token;
  std::optional<ScoredTokens> end_token;
  double prompt_ms = 0;

 private:
  Utf8Assembler utf8_;
  StopMatcher stops_;
  Clock::time_point last_token_;
};

}  // namespace caduceus
