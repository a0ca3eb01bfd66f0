// The engine's part that concerns constraints: getting them compiled, and choosing tokens by them.
#include "engine.h"
#include "error.h"

namespace caduceus {

// To the queue, once the run's constraint is compiled.
void Engine::start(Run& run) {
  if (!run.request.constraint) return enqueue(run);
  if (!compiler_) {
    compiler_ = std::make_unique<ConstraintCompiler>(tokenizer_, ConstraintCompiler::Limits{}, [this](ConstraintCompiler::Answer answer) { push(std::move(answer)); });
  }
  const ConstraintSpec& spec = *run.request.constraint;
  auto grammar = compiler_->find(spec);
  if (!grammar) return compiler_->compile(run.id, spec);
  run.constraint.emplace(std::move(grammar), spec, tokenizer_, run.request.stop_tokens);
  enqueue(run);
}

// The compiler has answered.
void Engine::constrain(ConstraintCompiler::Answer answer) {
  const auto it = runs_.find(answer.run);
  if (it == runs_.end() || it->second->phase == Run::Phase::ended) return;
  Run& run = *it->second;
  if (!answer.grammar) return fail(run, answer.error_code, answer.error_message);
  run.constraint_end.compile_ms = answer.took_ms;
  try {
    run.constraint.emplace(std::move(answer.grammar), *run.request.constraint, tokenizer_, run.request.stop_tokens);
    enqueue(run);
  } catch (const EngineError& error) {
    fail(run, error.code(), error.what());
  }
}

// The next token; LLAMA_TOKEN_NULL when no token has a finite logit. Most tokens that are sampled are allowed, and checking
// one takes 2 us where a mask of all takes 17 and more: only a refused one costs that.
Token Engine::choose(Run& run, std::span<const float> logits) {
  const Token token = run.sampler->sample(logits, scratch_);
  if (token == LLAMA_TOKEN_NULL || !run.constraint || run.constraint->take(token)) return token;
  ++run.constraint_end.rejected_tokens;
  ++totals_.rejected_tokens;
  run.constraint->mask(mask_);
  const Token allowed = run.sampler->sample(logits, scratch_, mask_);
  if (allowed == LLAMA_TOKEN_NULL) throw EngineError("CONSTRAINT_INVALID", "No token that the constraint allows next can be chosen: all of them are banned, or the vocabulary has none.");
  if (!run.constraint->take(allowed)) throw EngineError("CONSTRAINT_INVALID", "The constraint contradicts itself on the next token.");
  return allowed;
}

// Appends what the constraint leaves no choice about; it is computed together with the next decode. False when there is nothing.
bool Engine::force(Run& run) {
  // Of tokens that nobody computes by themselves there are no probabilities.
  if (!run.constraint || !run.request.jump_forward || run.request.log_probabilities) return false;
  bool any = false;
  for (auto tokens = run.constraint->forced(); !tokens.empty(); tokens = run.constraint->forced()) {
    any = true;
    for (const Token token : tokens) {
      if (!run.constraint->take(token)) throw EngineError("CONSTRAINT_INVALID", "The constraint contradicts itself on the next token.");
      ++run.constraint_end.forced_tokens;
      ++totals_.forced_tokens;
      if (!append(run, token, std::nullopt)) return true;
    }
  }
  return any;
}

}  // namespace caduceus
