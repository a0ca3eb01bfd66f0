// The part of the engine that computes: decode and prefill batches, and what follows from their logits.
#include <algorithm>
#include <cmath>

#include "platform/error.h"
#include "sampling/log_probabilities.h"
#include "scheduler/engine.h"

namespace caduceus {
namespace {

EngineError unusable() {
  return EngineError("ENGINE_FAILED",
                     "The model gave no usable probabilities for the next token; its file may be damaged.");
}

EngineError no_token(const Run& run, std::span<const float> logits) {
  const std::string option = what_leaves_no_token(run.request.sampling, logits);
  if (option.empty()) return unusable();
  return EngineError::argument(option, "what leaves a token to choose", "what makes every token impossible");
}

}  // namespace

bool Engine::decode(DecodeContext& ctx) {
  const std::vector<Run*> batch = ctx.scheduler.next_to_decode();
  if (batch.empty()) return false;

  const Stats totals = totals_;
  draft(ctx, batch);
  rows_.clear();
  for (const Run* run : batch) {
    auto at = static_cast<llama_pos>(run->computed);
    for (const Token token : std::span(run->tokens).subspan(run->computed))
      rows_.push_back({token, at++, run->sequence, false});
    rows_.back().output = true;
    for (const Token token : run->drafts()) rows_.push_back({token, at++, run->sequence, true});
  }
  use_adapters(ctx, *batch.front());
  const auto before = Clock::now();
  const int result = ctx.context.decode(rows_);
  if (result == 2) return true;  // interrupted, because the engine stops
  if (result != 0) {
    for (Run* run : batch) fail(*run, ctx.context.failure());
    return true;
  }
  int row = -1;
  for (Run* run : batch) {
    row += static_cast<int>(run->remaining());
    const uint32_t drafts = run->draft_rows;
    ctx.cache.append(run->sequence, std::span(run->tokens).subspan(run->computed));
    ctx.cache.append(run->sequence, run->drafts());
    run->computed += run->remaining();
    run->generated_rows = 0;
    sample(ctx, *run, row);
    confirm(ctx, *run, row);
    row += static_cast<int>(drafts);
  }
  const double took = milliseconds(Clock::now() - before);
  ctx.drafts.measured(static_cast<uint32_t>(rows_.size()), took);
  account_drafts(ctx, totals, took);
  ctx.decode_ms = ctx.decode_ms == 0 ? took : 0.8 * ctx.decode_ms + 0.2 * took;
  return true;
}

bool Engine::prefill(DecodeContext& ctx) {
  // After a cancellation has interrupted several prompts, the next one is prefilled alone, so that cancellations of
  // others cannot delay it again and again.
  const auto pieces =
      ctx.scheduler.next_to_prefill(ctx.prefill_rows(), ctx.deterministic || std::exchange(ctx.interrupted, false));
  if (pieces.empty()) return false;

  rows_.clear();
  for (const auto& [run, count] : pieces) {
    for (uint32_t at = run->computed; at < run->computed + count; ++at) {
      rows_.push_back({run->tokens[at], static_cast<llama_pos>(at), run->sequence,
                       at + 1 == run->tokens.size() || run->wants_score(at)});
    }
  }
  use_adapters(ctx, *pieces.front().run);
  const auto before = Clock::now();
  std::vector<RunId> ids;
  for (const auto& piece : pieces) ids.push_back(piece.run->id);
  const int result = interruptibly(std::move(ids), [&] { return ctx.context.decode(rows_); });
  if (result == 0) score_prompts(ctx, pieces);
  const double took = milliseconds(Clock::now() - before);
  for (const auto& piece : pieces) {
    // Forced tokens are prefilled in the same way.
    if (piece.run->usage.generated_tokens == 0) piece.run->prompt_ms += took;
  }
  if (result == 2) {
    ctx.interrupted = pieces.size() > 1;
    for (const auto& piece : pieces) rewind(ctx, *piece.run);
    return true;
  }
  if (result != 0) {
    for (const auto& piece : pieces) fail(*piece.run, ctx.context.failure());
    return true;
  }
  if (draft_model_ && !ctx.deterministic) draft_model_->budget.computed(took, ctx.decode_ms);
  const double per_row = took / static_cast<double>(rows_.size());
  ctx.prefill_row_ms = ctx.prefill_row_ms == 0 ? per_row : 0.5 * ctx.prefill_row_ms + 0.5 * per_row;
  int row = 0;
  for (const auto& [run, count] : pieces) {
    ctx.cache.append(run->sequence, std::span(run->tokens).subspan(run->computed, count));
    run->computed += count;
    row += static_cast<int>(count);
    if (run->remaining() > 0) continue;
    run->generated_rows = 0;
    sample(ctx, *run, row - 1);
  }
  return true;
}

// Finds out how much of an interrupted computation is in the cache, which only llama.cpp knows. The cancellation or
// stop that interrupted it is the next command.
void Engine::rewind(DecodeContext& ctx, Run& run) {
  const llama_pos last = llama_memory_seq_pos_max(llama_get_memory(ctx.context.get()), run.sequence);
  const uint32_t whole = std::min(run.computed, static_cast<uint32_t>(last + 1));
  ctx.cache.truncate(run.sequence, whole);
  run.computed = whole;
}

// Log probabilities of the prompt's tokens from the rows just computed. Counts as part of the prefill, so that the next
// chunks become smaller accordingly.
void Engine::score_prompts(DecodeContext& ctx, const std::vector<Scheduler::Piece>& pieces) {
  int row = 0;
  for (const auto& [run, count] : pieces) {
    for (uint32_t at = run->computed; at < run->computed + count; ++at, ++row) {
      if (!run->wants_score(at)) continue;
      const auto logits = ctx.context.logits(row);
      if (logits.empty()) continue;
      LogProbabilities(logits).score(run->tokens[at + 1], run->request.top_log_probabilities, run->scores);
      run->scored = at + 1;
    }
  }
}

// Publishes the prompt's log probabilities once all of it has been prefilled; false when that ended the run.
bool Engine::give_scores(Run& run) {
  if (!run.scores.tokens.empty()) {
    const auto& values = run.scores.log_probabilities;
    if (values.size() != run.usage.prompt_tokens ||
        std::any_of(values.begin() + 1, values.end(), [](float value) { return std::isnan(value); }))
      throw unusable();
    output_.add_prompt(run.id, std::exchange(run.scores, {}));
  }
  if (run.request.max_tokens != 0u) return true;
  finish(run, FinishReason::length);
  return false;
}

void Engine::sample(DecodeContext& ctx, Run& run, int row) {
  if (run.keep_tokens > 0) keep_prefix(run);
  try {
    if (!give_scores(run)) return;
    if (run.ahead > 0 && !catch_up(run)) return;
    const auto logits = ctx.context.logits(row);
    const Token token = logits.empty() ? LLAMA_TOKEN_NULL : choose(run, logits);
    if (token == LLAMA_TOKEN_NULL) throw no_token(run, logits);
    ScoredTokens scored;
    if (run.request.log_probabilities)
      LogProbabilities(logits).score(token, run.request.top_log_probabilities, scored);
    else
      scored.tokens.push_back(token);
    const auto& stops = run.request.stop_tokens;
    if (tokenizer_.is_end_of_generation(token) || std::find(stops.begin(), stops.end(), token) != stops.end()) {
      if (!run.first_token) run.first_token = Clock::now();
      if (run.request.log_probabilities) run.end_token = std::move(scored);
      return finish(run, FinishReason::stop);
    }
    if (append(run, scored)) force(run);
  } catch (...) {
    fail(run, EngineError::current());
  }
}

// Publishes a token; false when that ended the run. `more`: the constraint has already taken further tokens.
bool Engine::append(Run& run, const ScoredTokens& token, bool more) {
  const Run::Step step = run.accept(token.tokens.front(), tokenizer_, context_->context_size());
  ++totals_.generated_tokens;
  output_.add(run.id, step.text, token);
  // A complete output ends the run with `stop`, even where a limit is reached too.
  const bool whole = run.constraint && !more && run.constraint->done();
  if (!step.finished && !whole) return true;
  finish(run, whole ? FinishReason::stop : *step.finished);
  return false;
}

}  // namespace caduceus
