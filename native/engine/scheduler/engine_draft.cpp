// The part of the engine that does speculative decoding: drafted tokens are computed in the batch of the certain ones,
// and accepted where the run's own sampler and constraint choose the same.
#include <algorithm>

#include "scheduler/engine.h"
#include "speculative/ngram_draft.h"

namespace caduceus {

// Drafts what follows the run's last token. Empty where forced tokens are pending, or where the request asks for
// something at every token.
std::vector<Token> Engine::propose(const Run& run) const {
  if (run.remaining() != 1 || run.ahead > 0 || run.request.log_probabilities) return {};
  // Each accepted token is followed by one more, which needs a cell too.
  const auto size = static_cast<uint32_t>(run.tokens.size());
  const uint32_t left = std::min(run.request.max_tokens.value_or(UINT32_MAX) - run.usage.generated_tokens,
                                 context_->context_size() - size);
  std::vector<Token> tokens = ngram_draft(run.tokens, std::min(std::max(left, 1u) - 1, DraftPolicy::most_drafts));
  // Tokens that end the turn are not computed.
  const auto& stops = run.request.stop_tokens;
  const auto end = std::find_if(tokens.begin(), tokens.end(), [&](Token token) {
    return tokenizer_.is_end_of_generation(token) || std::find(stops.begin(), stops.end(), token) != stops.end();
  });
  tokens.erase(end, tokens.end());
  return tokens;
}

// Adds the drafts that pay to a batch. They use free cells only.
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
    run->drafted = propose(*run);
    double chance = 1;
    for (size_t i = 0; i < run->drafted.size(); ++i) candidates.push_back({chance *= run->draft_chance.value(), run});
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

// The run's first draft is in the row after `row`, whose token has been chosen. While the chosen token equals the
// draft, the next one is chosen from the draft's row.
void Engine::confirm(DecodeContext& ctx, Run& run, int row) {
  const auto drafted = std::exchange(run.drafted, {});
  const uint32_t computed = run.draft_rows;
  for (uint32_t i = 0; i < drafted.size(); ++i) {
    const bool accepted = run.remaining() > 0 && run.tokens[run.computed] == drafted[i];
    run.draft_chance.observe(accepted);
    if (!accepted || i == computed || run.phase == Run::Phase::ended) break;
    ++run.computed;
    ++totals_.accepted_drafts;
    --run.draft_rows;
    // Tokens forced after it may be in the next rows too.
    if (run.remaining() == 0) {
      run.generated_rows = 0;
      sample(ctx, run, row + 1 + static_cast<int>(i));
    }
  }
  drop_drafts(run);
}

// Removes rejected drafts from the cache, before anything else reads it.
void Engine::drop_drafts(Run& run) {
  if (std::exchange(run.draft_rows, 0) > 0) context_of(run).cache.truncate(run.sequence, run.computed);
}

}  // namespace caduceus
