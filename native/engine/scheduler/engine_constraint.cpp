// The part of the engine that handles constraints: compiling them, and choosing tokens by them.
#include <algorithm>
#include <cmath>

#include "platform/error.h"
#include "scheduler/engine.h"

namespace caduceus {
namespace {

EngineError contradiction() {
  return EngineError("CONSTRAINT_INVALID", "The constraint contradicts itself on the next token.");
}

// Tokens that are not sampled have no log probabilities, so a run that asks for them samples every token.
bool appends_forced_tokens(const Run& run) { return run.constraint && !run.request.log_probabilities; }

}  // namespace

// Queues the run once its constraint is compiled.
void Engine::start(Run& run) {
  if (!run.request.constraint) {
    if (run.request.thought)
      run.constraint.emplace(nullptr, ConstraintSpec{}, tokenizer_, run.request.stop_tokens, run.request.thought);
    return enqueue(run);
  }
  if (!compiler_) {
    compiler_ =
        std::make_unique<ConstraintCompiler>(tokenizer_, ConstraintCompiler::Limits{},
                                             [this](ConstraintCompiler::Answer answer) { push(std::move(answer)); });
  }
  const ConstraintSpec& spec = *run.request.constraint;
  auto grammar = compiler_->find(spec);
  if (!grammar) return compiler_->compile(run.id, spec, run.request.cache_scope);
  constrain(run, std::move(grammar));
}

// Handles the compiler's answer.
void Engine::take_grammar(ConstraintCompiler::Answer answer) {
  const auto it = runs_.find(answer.run);
  if (it == runs_.end() || it->second->phase == Run::Phase::ended) return;
  Run& run = *it->second;
  if (answer.error) return fail(run, *answer.error);
  run.constraint_end.compile_ms = answer.took_ms;
  try {
    constrain(run, std::move(answer.grammar));
  } catch (...) {
    fail(run, EngineError::current());
  }
}

// Queues the run. The forced tokens at the beginning of the output are prefilled with the prompt, which saves a step;
// they are published after it.
void Engine::constrain(Run& run, std::shared_ptr<const Grammar> grammar) {
  run.constraint.emplace(std::move(grammar), *run.request.constraint, tokenizer_, run.request.stop_tokens,
                         run.request.thought);
  if (appends_forced_tokens(run)) {
    const size_t most =
        std::min<size_t>(run.tokens.size() + run.request.max_tokens.value_or(UINT32_MAX), context_->context_size());
    for (auto tokens = run.constraint->forced(); !tokens.empty() && run.tokens.size() < most;
         tokens = run.constraint->forced()) {
      for (size_t i = 0; i < tokens.size() && run.tokens.size() < most; ++i) {
        if (!run.constraint->take(tokens[i])) throw contradiction();
        run.tokens.push_back(tokens[i]);
        ++run.ahead;
      }
    }
  }
  enqueue(run);
}

// Publishes the forced tokens that were prefilled with the prompt; false when that ended the run.
bool Engine::catch_up(Run& run) {
  const std::vector<Token> ahead = run.take_ahead();
  for (size_t i = 0; i < ahead.size(); ++i) {
    if (!give_forced(run, ahead[i], i + 1 < ahead.size())) return false;
  }
  run.generated_rows = 0;
  return true;
}

// Samples the next token; LLAMA_TOKEN_NULL when no token has a finite logit. Before `min_tokens`, no token ends the
// turn unless the constraint allows nothing else.
Token Engine::choose(Run& run, std::span<const float> logits) {
  if (!run.must_go_on()) return choose_among(run, logits, false);
  going_on_.assign(logits.begin(), logits.end());
  for (const Token token : tokenizer_.ends_of_generation()) going_on_[static_cast<size_t>(token)] = -INFINITY;
  for (const Token token : run.request.stop_tokens) {
    if (tokenizer_.is_token(token)) going_on_[static_cast<size_t>(token)] = -INFINITY;
  }
  const Token token = choose_among(run, going_on_, true);
  return token == LLAMA_TOKEN_NULL ? choose_among(run, logits, false) : token;
}

// Samples first and checks afterwards: most sampled tokens are allowed, and checking one takes 2 us where a mask takes
// 17 or more. Only a refused token needs the mask, and samplers that learn from their choice. With `may_fail`, having
// no allowed token also gives LLAMA_TOKEN_NULL.
Token Engine::choose_among(Run& run, std::span<const float> logits, bool may_fail) {
  if (!run.constraint || !run.sampler->learns()) {
    const Token token = run.sampler->sample(logits, scratch_);
    if (token == LLAMA_TOKEN_NULL || !run.constraint || run.constraint->take(token)) return token;
    ++run.constraint_end.rejected_tokens;
    ++totals_.rejected_tokens;
  }
  run.constraint->mask(mask_);
  const Token allowed = run.sampler->sample(logits, scratch_, mask_);
  if (allowed == LLAMA_TOKEN_NULL && may_fail) return allowed;
  if (allowed == LLAMA_TOKEN_NULL)
    throw EngineError(
        "CONSTRAINT_INVALID",
        "No token that the constraint allows next can be chosen: all of them are banned, or the vocabulary has none.");
  if (!run.constraint->take(allowed)) throw contradiction();
  return allowed;
}

// Appends the tokens that the constraint forces; they are computed with the next decode.
void Engine::force(Run& run) {
  if (!appends_forced_tokens(run)) return;
  for (auto tokens = run.constraint->forced(); !tokens.empty(); tokens = run.constraint->forced()) {
    for (const Token token : tokens) {
      if (!run.constraint->take(token)) throw contradiction();
      if (!give_forced(run, token, false)) return;
    }
  }
}

bool Engine::give_forced(Run& run, Token token, bool more) {
  ++run.constraint_end.forced_tokens;
  ++totals_.forced_tokens;
  return append(run, {.tokens = {token}, .log_probabilities = {}, .top = {}}, more);
}

}  // namespace caduceus
