// The part of the engine that does speculative decoding: drafted tokens are computed in the batch of the certain ones,
// and accepted where the run's own sampler and constraint choose the same.
#include <algorithm>

#include "scheduler/engine.h"
#include "speculative/ngram_draft.h"

namespace caduceus {
namespace {

// Tokens that the draft model drafts for one run at a time.
constexpr uint32_t most_modeled = 8;
// Fewer tokens are computed without asking whether the run is long enough for that to pay.
constexpr uint32_t few_behind = 8;
// Computations of the draft model before it is known what it takes, so that nothing but its budget limits them.
constexpr uint64_t few_measured = 16;
// Tokens that a run is expected to generate at least. From then on, as many as it has generated.
constexpr uint32_t first_expected = 48;

}  // namespace

bool Engine::ends_turn(const Run& run, Token token) const {
  const auto& stops = run.request.stop_tokens;
  return tokenizer_.is_end_of_generation(token) || std::find(stops.begin(), stops.end(), token) != stops.end();
}

// Number of tokens that may be drafted for a run. 0 where forced tokens are pending, or where the request asks for
// something at every token.
uint32_t Engine::most_drafts(const Run& run) const {
  if (run.remaining() != 1 || run.ahead > 0 || run.request.log_probabilities) return 0;
  // Each accepted token is followed by one more, which needs a cell too.
  const auto size = static_cast<uint32_t>(run.tokens.size());
  const uint32_t left = std::min(run.request.max_tokens.value_or(UINT32_MAX) - run.usage.generated_tokens,
                                 context_->context_size() - size);
  return std::max(left, 1u) - 1;
}

// Drafts by prompt lookup what follows the run's last token. Tokens that end the turn, or that the constraint refuses,
// are not computed.
std::vector<Token> Engine::look_up(Run& run) const {
  std::vector<Token> tokens = ngram_draft(run.tokens, std::min(most_drafts(run), DraftPolicy::most_drafts));
  tokens.erase(std::find_if(tokens.begin(), tokens.end(), [&](Token token) { return ends_turn(run, token); }),
               tokens.end());
  if (run.constraint && !tokens.empty()) tokens.resize(run.constraint->allowed(tokens));
  return tokens;
}

// Adds the drafts that pay to a batch. They use free cells only.
void Engine::draft(DecodeContext& ctx, const std::vector<Run*>& batch) {
  if (!ctx.drafts.is_on() || (!prompt_lookup_ && !draft_model_)) return;
  uint32_t rows = 0;
  for (Run* run : batch) {
    rows += run->remaining();
    run->looked_up = prompt_lookup_ ? look_up(*run) : std::vector<Token>();
  }
  const bool modeled = draft_model_ && !ctx.deterministic && draft_with_model(ctx, batch, rows);
  struct Candidate {
    double chance;
    Run* run;
  };
  std::vector<Candidate> candidates;
  for (Run* run : batch) {
    const bool by_model = !run->drafted.empty();
    if (!by_model) run->drafted = run->looked_up;
    double chance = 1;
    for (size_t i = 0; i < run->drafted.size(); ++i) {
      chance *= by_model ? run->draft_acceptance->chance(run->draft_probabilities[i]) : run->lookup_acceptance.value();
      candidates.push_back({chance, run});
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.chance > b.chance; });
  candidates.resize(std::min<size_t>(candidates.size(), ctx.cache.free() - rows));
  std::vector<double> chances;
  for (const Candidate& candidate : candidates) chances.push_back(candidate.chance);
  const uint32_t count = ctx.drafts.choose(rows, chances, modeled);
  for (uint32_t i = 0; i < count; ++i) {
    Run& run = *candidates[i].run;
    ++run.draft_rows;
    if (!run.draft_probabilities.empty()) ++totals_.model_drafted_tokens;
  }
  totals_.drafted_tokens += count;
}

// Lets the draft model draft for the runs for which that is expected to pay, more than prompt lookup does, and to see
// now and then whether it would. False when it did nothing.
bool Engine::draft_with_model(DecodeContext& ctx, const std::vector<Run*>& batch, uint32_t rows) {
  DraftModel& model = *draft_model_;
  const bool must_pay = ctx.drafts.must_pay();
  // Steps without drafts are measured first, for comparison.
  if (model.failed() || (must_pay && !ctx.drafts.is_known(rows))) return false;
  struct Follower {
    Run* run;
    uint32_t longest;   // tokens that may be drafted
    uint32_t most;      // tokens to draft
    double gain = 0;    // milliseconds of a step
    double row_ms = 0;  // to verify one of these tokens
    uint32_t behind = 1;
  };
  std::vector<Follower> followers;
  for (Run* run : batch) {
    const uint32_t most = std::min(most_drafts(*run), most_modeled);
    if (most == 0 || !model.can_read(*run, most)) continue;
    if (!run->draft_acceptance) run->draft_acceptance = model.acceptance;
    followers.push_back({.run = run, .longest = most, .most = most});
  }
  if (followers.empty()) return false;

  const double step_ms = ctx.drafts.times().expected(rows);
  const double token_ms = step_ms / rows;
  model.guess_row(step_ms * static_cast<double>(model.context().model().info().size_bytes) /
                  static_cast<double>(model_info().size_bytes));
  double draft_ms = 0;
  // The fewer runs are drafted for, the more it costs for each.
  for (size_t count = followers.size(); must_pay && count > 0;) {
    const auto together = static_cast<uint32_t>(count);
    draft_ms = model.expected_ms(together) / together;
    for (Follower& one : followers) {
      one.gain = -1;
      for (uint32_t length = 1; length <= one.longest; ++length) {
        const double row_ms = ctx.drafts.row_ms(rows, together * length);
        const double gain = one.run->draft_acceptance->gain(token_ms, row_ms, draft_ms, length);
        if (gain > one.gain) one.gain = gain, one.most = length, one.row_ms = row_ms;
        // Longer ones are tried once it is known what this one takes.
        if (!ctx.drafts.is_known(rows + together * length)) break;
      }
      double chance = 1, found = 0;
      for (size_t i = 0; i < one.run->looked_up.size(); ++i)
        found += std::max(0.0, (chance *= one.run->lookup_acceptance.value()) * token_ms - one.row_ms);
      one.gain -= found;
    }
    const auto paying = static_cast<size_t>(
        std::count_if(followers.begin(), followers.end(), [](const Follower& one) { return one.gain > 0; }));
    // Measured times may say that fewer pay together, and more of those again: going down only, it ends.
    if (paying >= count) break;
    count = paying;
  }
  bool trial = false;
  if (must_pay && std::erase_if(followers, [](const Follower& one) { return one.gain <= 0; }) > 0 &&
      followers.empty()) {
    if (!model.trials.due()) return false;
    trial = true;
    Run* shortest = nullptr;
    for (Run* run : batch) {
      if (run->draft_acceptance && most_drafts(*run) > 0 && (!shortest || run->tokens.size() < shortest->tokens.size()))
        shortest = run;
    }
    if (!shortest || !model.can_read(*shortest, 1)) return false;
    followers.push_back({.run = shortest, .longest = 1, .most = 1});
  }

  for (Follower& one : followers) one.behind = model.behind(*one.run).value_or(UINT32_MAX);
  std::sort(followers.begin(), followers.end(),
            [](const Follower& a, const Follower& b) { return a.behind < b.behind; });
  const double read_ms = model.expected_ms(StepTimes::most_rows) / StepTimes::most_rows;
  // What runs are far behind is read in pieces that take about as long as a step.
  uint32_t left = std::min(model.most_rows(), 2 * static_cast<uint32_t>(followers.size()) + 16 +
                                                  static_cast<uint32_t>(std::min(step_ms / read_ms, 1e6)));
  double cost_ms = 0;
  std::vector<DraftModel::Order> orders;
  for (const Follower& one : followers) {
    if (one.behind == UINT32_MAX || left == 0) break;
    if (must_pay) {
      const double reading_ms = (one.behind - 1) * read_ms;
      const uint32_t expected = std::max(first_expected, one.run->usage.generated_tokens);
      if (!trial && model.steps() >= few_measured && one.behind > few_behind &&
          reading_ms > one.gain * std::min(expected, most_drafts(*one.run)))
        continue;
      cost_ms += reading_ms + draft_ms;
      if (!model.budget.allows(cost_ms)) break;
    }
    orders.push_back({one.run, std::min(one.behind, left), one.most});
    left -= orders.back().rows;
  }
  if (orders.empty()) return false;

  model.draft(std::move(orders), [&](Run& run, Token token, float probability) {
    if (ends_turn(run, token)) return false;
    run.drafted.push_back(token);
    if (run.constraint && run.constraint->allowed(run.drafted) < run.drafted.size()) {
      run.drafted.pop_back();
      return false;
    }
    run.draft_probabilities.push_back(probability);
    if (!must_pay) return true;
    double chance = 1;
    for (const float one : run.draft_probabilities) chance *= run.draft_acceptance->chance(one);
    const auto follower =
        std::find_if(followers.begin(), followers.end(), [&](const Follower& one) { return one.run == &run; });
    return run.draft_acceptance->gain(token_ms, follower->row_ms, draft_ms, 1, chance) > 0;
  });
  totals_.draft_steps = model.steps();
  model.budget.spent(model.take_ms());
  if (trial)
    model.trials.tried();
  else
    model.trials.paid();
  return true;
}

// The run's first draft is in the row after `row`, whose token has been chosen. While the chosen token equals the
// draft, the next one is chosen from the draft's row.
void Engine::confirm(DecodeContext& ctx, Run& run, int row) {
  const auto drafted = std::exchange(run.drafted, {});
  const auto probabilities = std::exchange(run.draft_probabilities, {});
  const bool by_model = !probabilities.empty();
  const uint32_t computed = run.draft_rows;
  const uint32_t first = run.computed;
  for (uint32_t i = 0; i < drafted.size(); ++i) {
    const bool accepted = run.remaining() > 0 && run.tokens[run.computed] == drafted[i];
    if (by_model) {
      run.draft_acceptance->observe(probabilities[i], accepted);
      draft_model_->acceptance.observe(probabilities[i], accepted);
    } else {
      run.lookup_acceptance.observe(accepted);
    }
    if (!accepted || i == computed || run.phase == Run::Phase::ended) break;
    ++run.computed;
    ++totals_.accepted_drafts;
    if (by_model) ++totals_.model_accepted_drafts;
    --run.draft_rows;
    // Tokens forced after it may be in the next rows too.
    if (run.remaining() == 0) {
      run.generated_rows = 0;
      sample(ctx, run, row + 1 + static_cast<int>(i));
    }
  }
  // Whether prompt lookup would have been right is seen at no cost.
  const auto looked_up = std::exchange(run.looked_up, {});
  for (uint32_t i = 0; by_model && i < looked_up.size() && first + i < run.tokens.size(); ++i) {
    const bool accepted = run.tokens[first + i] == looked_up[i];
    run.lookup_acceptance.observe(accepted);
    if (!accepted) break;
  }
  drop_drafts(run);
}

// What a decode with the draft model's tokens took and saved; `before` are the totals before it.
void Engine::account_drafts(const DecodeContext& ctx, const Stats& before, double took) {
  if (!draft_model_ || ctx.deterministic) return;
  const auto drafted = totals_.drafted_tokens - before.drafted_tokens;
  const auto modeled = totals_.model_drafted_tokens - before.model_drafted_tokens;
  const auto rows = static_cast<uint32_t>(rows_.size() - drafted);
  const StepTimes& times = ctx.drafts.times();
  const double step_ms = times.expected(rows);
  DraftBudget& budget = draft_model_->budget;
  // Not what was measured this time, which other programs may have delayed.
  const double whole_ms = std::min(took, times.expected(static_cast<uint32_t>(rows_.size())));
  budget.computed(whole_ms, step_ms);
  if (modeled == 0) return;
  budget.spent(std::max(0.0, whole_ms - step_ms) * static_cast<double>(modeled) / static_cast<double>(drafted));
  budget.saved(static_cast<double>(totals_.model_accepted_drafts - before.model_accepted_drafts) * step_ms / rows);
}

// Removes rejected drafts from the cache, before anything else reads it.
void Engine::drop_drafts(Run& run) {
  if (std::exchange(run.draft_rows, 0) > 0) context_of(run).cache.truncate(run.sequence, run.computed);
}

}  // namespace caduceus
