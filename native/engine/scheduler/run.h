// One request on its way through the engine. Owned and touched by the engine thread only.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "constraint/run_constraint.h"
#include "sampling/sampler.h"
#include "scheduler/request.h"
#include "speculative/draft_policy.h"
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

  Run(RunId id, RunRequest request, Clock::time_point submitted);

  // The prompt is known: `tokens` holds all of it, what came before `after` included.
  void start(std::vector<Token> tokens, const llama_vocab* vocab, DrySamplers& dry_samplers);

  struct Step {
    std::string text;  // what can be shown now
    std::optional<FinishReason> finished;
  };
  // Takes a sampled token that is not the end of the turn.
  Step accept(Token token, const Tokenizer& tokenizer, uint32_t context_size);

  // Ends the run and frees all but its tokens, which later runs may continue. `text` is what was still held back.
  struct Ending {
    std::string text;
    RunEnd end;
  };
  Ending finish(FinishReason reason);

  // Rows that have no cell yet. One, or a few that were forced: the run decodes; more: it reads them like its prompt.
  uint32_t remaining() const { return static_cast<uint32_t>(tokens.size()) - computed; }
  bool reads_prompt() const { return remaining() > std::max(1u, std::min(generated_rows, most_generated_rows)); }

  const RunId id;
  RunRequest request;
  const bool exact;  // must come out the same to the bit each time
  Phase phase = Phase::waiting;
  std::vector<Token> earlier;  // of the run it goes on from, while its prompt is tokenized
  std::vector<Token> tokens;   // prompt, then what was generated or is certain to be
  uint32_t computed = 0;       // of these, how many lie in the cache
  int sequence = -1;           // in the prefix cache; -1 while waiting and after the end
  bool paused = false;         // waits for its reader
  Clock::time_point paused_since{};
  std::unique_ptr<Sampler> sampler;

  // More rows than these in a decode batch would hold up the other runs.
  static constexpr uint32_t most_generated_rows = 17;
  // No token ends the turn yet.
  bool must_go_on() const { return usage.generated_tokens < request.min_tokens; }

  uint32_t generated_rows = 0;  // tokens added since the last computation, forced ones included
  uint32_t ahead = 0;           // at the end of `tokens`: how the output must begin, not given out yet
  std::vector<Token> take_ahead();
  std::optional<RunConstraint> constraint;
  ConstraintEnd constraint_end;

  std::vector<Token> guesses;  // in a decode: what may come after `tokens`
  uint32_t draft_rows = 0;     // of these, how many lie in the cache beyond `computed`; none between two steps
  std::span<const Token> drafts() const { return std::span(guesses).first(draft_rows); }
  DraftChance draft_chance;

  // Of the prompt, where its log probabilities were asked for.
  uint32_t scored = 0;  // so many of its places have told what comes next
  ScoredTokens scores;  // until they are given out
  bool scores_prompt() const { return request.prompt_log_probabilities && scored + 1 < usage.prompt_tokens; }
  bool wants_score(uint32_t place) const {
    return request.prompt_log_probabilities && place >= scored && place + 1 < usage.prompt_tokens;
  }

  uint32_t keep_tokens = 0;      // of the prompt, to be kept on disk; until that is done
  uint32_t restored_tokens = 0;  // that came back from memory or disk
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
