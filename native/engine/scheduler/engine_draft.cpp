// The engine's part that drafts: tokens that are likely to come next are computed with the certain ones, and kept where
// the run's own sampler and constraint choose just them.
#include <algorithm>

#include "scheduler/engine.h"
#include "speculative/ngram_draft.h"

namespace caduceus {

// What is guessed to come after the run's last token. Nothing where forced tokens are on their way, or where what is
// asked for comes with every token.
std::vector<Token> Engine::guess(const Run& run) const {
  if (run.remaining() != 1 || run.ahead > 0 || run.request.log_probabilities) return {};
  // Each guess that comes true is followed by a token that must have its place too.
  const auto size = static_cast<uint32_t>(run.tokens.size());
  const uint32_t left = std::min(run.request.max_tokens.value_or(UINT32_MAX) - run.usage.generated_tokens,
                                 context_->context_size() - size);
  std::vector<Token> tokens = ngram_draft(run.tokens, std::min(std::max(left, 1u) - 1, DraftPolicy::most_drafts));
  // The end of a turn is not computed.
  const auto& stops = run.request.stop_tokens;
  const auto end = std::find_if(tokens.begin(), tokens.end(), [&](Token token) {
    return tokenizer_.is_end_of_generation(token) || std::find(stops.begin(), stops.end(), token) != stops.end();
  });
  tokens.erase(end, tokens.end());
  return tokens;
}

// Guesses for all of a batch, and rows for those that pay. They take free cells only.
void Engine::draft(DecodeContext& ctx, const std::vector<Run*>& batch) {
  if (!ctx.drafts.is_on()) return;
  struct Candidate {
    double chance;
    Run* run;
  };
  std::vector<Candidate> candidates;
  uint32_t rows = 0;
  for (Run* run : batch) {
    rows += run->remaining();
    run->guesses = guess(*run);
    double chance = 1;
    for (size_t i = 0; i < run->guesses.size(); ++i) candidates.push_back({chance *= run->draft_chance.value(), run});
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.chance > b.chance; });
  candidates.resize(std::min<size_t>(candidates.size(), ctx.cache.free() - rows));
  std::vector<double> chances;
  for (const Candidate& candidate : candidates) chances.push_back(candidate.chance);
  const uint32_t count = ctx.drafts.choose(rows, chances);
  for (uint32_t i = 0; i < count; ++i) ++candidates[i].run->draft_rows;
  totals_.drafted_tokens += count;
}

// The run's first draft lies in the row after `row`, whose token has been chosen. As long as that is what was guessed,
// the next one is chosen by the draft's row.
void Engine::confirm(DecodeContext& ctx, Run& run, int row) {
  const auto guesses = std::exchange(run.guesses, {});
  const uint32_t computed = run.draft_rows;
  for (uint32_t i = 0; i < guesses.size(); ++i) {
    const bool came_true = run.remaining() > 0 && run.tokens[run.computed] == guesses[i];
    run.draft_chance.observe(came_true);
    if (!came_true || i == computed || run.phase == Run::Phase::ended) break;
    ++run.computed;
    ++totals_.accepted_drafts;
    --run.draft_rows;
    // Tokens that are forced after it may lie in the next rows too.
    if (run.remaining() == 0) {
      run.generated_rows = 0;
      sample(ctx, run, row + 1 + static_cast<int>(i));
    }
  }
  drop_drafts(run);
}

// What is not certain leaves the cache, before anyone else looks at it.
void Engine::drop_drafts(Run& run) {
  if (std::exchange(run.draft_rows, 0) > 0) context_of(run).cache.truncate(run.sequence, run.computed);
}

}  // namespace caduceus
