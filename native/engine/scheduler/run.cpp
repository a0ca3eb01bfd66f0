#include "scheduler/run.h"

#include <limits>
#include <utility>

namespace caduceus {

namespace {

// No other scope has the same one, whatever a request calls its own: those that begin with the mark get another.
std::string scope_of(const std::string& adapter_key, const std::string& scope) {
  constexpr char mark = '\1';
  if (adapter_key.empty() && !scope.starts_with(mark)) return scope;
  return mark + adapter_key + mark + scope;
}

}  // namespace

Run::Run(RunId id, RunRequest request_, Clock::time_point submitted, std::shared_ptr<const AdapterSet> adapters_)
    : id(id),
      request(std::move(request_)),
      deterministic(request.deterministic),
      adapters(std::move(adapters_)),
      adapter_key(key_of(adapters)),
      cache_scope(scope_of(adapter_key, request.cache_scope)),
      submitted(submitted),
      stops_(request.stop),
      last_token_(submitted) {}

void Run::start(std::vector<Token> prompt, const llama_vocab* vocab, DrySamplers& dry_samplers) {
  tokens = std::move(prompt);
  usage.prompt_tokens = static_cast<uint32_t>(tokens.size());
  sampler = std::make_unique<Sampler>(request.sampling, vocab, &dry_samplers);
  // Penalties count the prompt's tokens too, as llama.cpp's own tools do.
  for (const Token token : tokens) sampler->accept(token);
  request.prompt.clear();
  if (!request.prompt_log_probabilities) return;
  // The first token has no log probability, since nothing comes before it.
  scores.tokens.push_back(tokens.front());
  scores.log_probabilities.push_back(std::numeric_limits<float>::quiet_NaN());
  scores.top.resize(request.top_log_probabilities, {-1, std::numeric_limits<float>::quiet_NaN()});
}

std::vector<Token> Run::take_ahead() {
  const auto begin = tokens.end() - static_cast<std::ptrdiff_t>(std::exchange(ahead, 0));
  std::vector<Token> taken(begin, tokens.end());
  tokens.erase(begin, tokens.end());
  return taken;
}

Run::Step Run::accept(Token token, const Tokenizer& tokenizer, uint32_t context_size) {
  last_token_ = Clock::now();
  if (!first_token) first_token = last_token_;
  tokens.push_back(token);
  ++generated_rows;
  sampler->accept(token);
  ++usage.generated_tokens;
  Step step;
  const std::string piece = tokenizer.piece(token);
  if (constraint && constraint->has_place()) {
    const auto [free, waiting] = constraint->place();
    step.text = stops_.push(utf8_.push(std::string_view(piece).substr(0, free)), waiting);
    if (free < piece.size()) step.text += stops_.pass(utf8_.push(std::string_view(piece).substr(free)));
  } else {
    step.text = stops_.push(utf8_.push(piece));
  }
  if (stops_.matched()) {
    step.finished = FinishReason::stop;
  } else if (usage.generated_tokens >= request.max_tokens.value_or(UINT32_MAX) || tokens.size() >= context_size) {
    step.finished = FinishReason::length;
  }
  return step;
}

Run::Ending Run::finish(FinishReason reason) {
  Ending ending;
  const auto now = Clock::now();
  if (!stops_.matched()) {
    // A possible beginning of a call is text if the model has ended. If the output was cut off, it stays undecided.
    const bool waits =
        constraint && constraint->is_lazy() && (reason != FinishReason::stop || constraint->is_behind_call());
    ending.text = stops_.push(utf8_.flush(), waits ? constraint->place().waiting : 0);
    if (!stops_.matched()) ending.text += stops_.flush();
  }
  RunEnd& end = ending.end;
  end.reason = reason;
  end.stop_string = stops_.matched();
  end.end_token = std::move(end_token);
  end.usage = usage;
  if (request.constraint) {
    // A stop string removes text that the grammar has taken, except with a lazy grammar.
    if (constraint && reason != FinishReason::error)
      constraint_end.complete = ahead == 0 && (stops_.matched() ? constraint->is_lazy() : constraint->whole());
    end.constraint = constraint_end;
  }
  end.timings.queue_ms = milliseconds(admitted.value_or(now) - submitted);
  end.timings.prompt_ms = prompt_ms;
  if (first_token) {
    end.timings.first_token_ms = milliseconds(*first_token - submitted);
    end.timings.generation_ms = milliseconds(last_token_ - *first_token);
    if (usage.generated_tokens > 1 && end.timings.generation_ms > 0) {
      end.timings.tokens_per_second = (usage.generated_tokens - 1) * 1000.0 / end.timings.generation_ms;
    }
  }
  take_ahead();
  phase = Phase::ended;
  sampler.reset();
  constraint.reset();
  scores = {};
  request = {};
  adapters.reset();
  return ending;
}

}  // namespace caduceus
