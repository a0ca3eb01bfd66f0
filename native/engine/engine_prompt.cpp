// The engine's part from a request to tokens in the queue: reading its prompt, and prefixes that are kept on disk.
#include <algorithm>

#include "engine.h"
#include "error.h"

namespace caduceus {
namespace {

// Shorter prefixes are computed about as soon as they are read from a disk.
constexpr uint32_t worth_keeping = 128;

}  // namespace

std::vector<Token> Engine::read_prompt(Run& run) {
  const RunRequest& request = run.request;
  std::vector<Token> tokens;
  if (request.after) {
    const auto before = runs_.find(*request.after);
    if (before == runs_.end() || before->second->phase != Run::Phase::ended) {
      throw EngineError("INVALID_ARGUMENT", "Expected the id of an earlier run that has ended for after but received " + std::to_string(*request.after) + ".");
    }
    tokens = before->second->tokens;
  }
  // A prompt far beyond the context is refused without tokenising it: that would hold up every other run.
  size_t bytes = 0;
  for (const PromptPart& part : request.prompt) {
    if (const auto* text = std::get_if<TextPart>(&part)) bytes += text->text.size();
    if (const auto* control = std::get_if<ControlPart>(&part)) bytes += control->text.size();
  }
  refuse_if_too_long(tokens.size() + bytes / tokenizer_.longest_piece(), "at least ");
  const auto before = tokens.empty() ? std::nullopt : std::optional(tokens.back());
  const size_t earlier = tokens.size();
  const auto added = tokenizer_.tokenize(request.prompt, before);
  tokens.insert(tokens.end(), added.begin(), added.end());
  if (tokens.empty()) throw EngineError("INVALID_ARGUMENT", "Expected at least one token for prompt but received none.");
  refuse_if_too_long(tokens.size(), "");
  for (const auto& [token, bias] : request.sampling.logit_bias) {
    if (!tokenizer_.is_token(token)) throw EngineError("INVALID_ARGUMENT", "Expected token ids of this model for logitBias but received " + std::to_string(token) + ".");
  }
  if (request.top_log_probabilities > static_cast<uint32_t>(tokenizer_.size())) {
    throw EngineError("INVALID_ARGUMENT", "Expected at most " + std::to_string(tokenizer_.size()) + " for topLogProbabilities, all tokens there are, but received " + std::to_string(request.top_log_probabilities) + ".");
  }
  if (folder_ && request.keep_prefix && !run.exact) {
    // Tokens may reach across the last part's end; those that do are not of the prefix.
    const size_t parts = std::min<size_t>(*request.keep_prefix, request.prompt.size());
    const auto first = tokenizer_.tokenize({request.prompt.begin(), request.prompt.begin() + static_cast<std::ptrdiff_t>(parts)}, before);
    const auto [end, _] = std::mismatch(first.begin(), first.end(), added.begin(), added.end());
    run.keep_tokens = static_cast<uint32_t>(earlier + static_cast<size_t>(end - first.begin()));
  }
  return tokens;
}

void Engine::refuse_if_too_long(size_t tokens, const char* at_least) const {
  const uint32_t limit = context_->context_size();
  if (tokens < limit) return;
  throw EngineError("CONTEXT_FULL", std::string("The prompt has ") + at_least + std::to_string(tokens) + " tokens, but the context holds " + std::to_string(limit) +
                                        " and needs room for one more; shorten it by " + std::to_string(tokens - limit + 1) + " or raise contextSize.");
}

// Into the queue; by way of the folder where that may spare the reading of much.
void Engine::enqueue(Run& run) {
  const std::string& scope = run.request.cache_scope;
  if (!folder_ || run.exact || run.scores_prompt() || run.tokens.size() <= worth_keeping) return lane_of(run).scheduler.enqueue(run);
  const auto usable = std::span<const Token>(run.tokens).first(run.tokens.size() - 1);
  const uint32_t known = shared_->cache.longest(usable, scope);
  if (usable.size() - known < worth_keeping) return shared_->scheduler.enqueue(run);
  folder_->find(run.id, {usable.begin(), usable.end()}, scope, known + worth_keeping - 1);
}

void Engine::open_exact_lane() {
  if (exact_) return;
  exact_context_ = std::make_unique<Context>(*context_);
  exact_ = std::make_unique<Lane>(*exact_context_, 0, Drafts::never, true);
}

// The folder has answered.
void Engine::adopt(PrefixFolder::Found found) {
  const auto it = runs_.find(found.run);
  if (it == runs_.end() || it->second->phase == Run::Phase::ended) return;
  Run& run = *it->second;
  const auto prefix = std::span<const Token>(run.tokens).first(found.length);
  // Another run may have brought it in meanwhile.
  if (found.length > shared_->cache.longest(prefix, run.request.cache_scope) &&
      shared_->cache.adopt(prefix, found.saved, run.request.cache_scope, found.state.bytes())) {
    run.restored_tokens += found.length;
  }
  try {
    shared_->scheduler.enqueue(run);
  } catch (const EngineError& error) {
    fail(run, error.code(), error.what());
  }
}

// The prompt has been read: what of it is worth it goes to the folder.
void Engine::keep_prefix(Run& run) {
  const uint32_t length = std::exchange(run.keep_tokens, 0);
  if (length < worth_keeping) return;
  const auto prefix = std::span<const Token>(run.tokens).first(length);
  const std::string& scope = run.request.cache_scope;
  if (folder_->contains(prefix, scope)) return;
  SavedState state = shared_->cache.save(run.sequence, length);
  if (state.size > 0) folder_->keep({prefix.begin(), prefix.end()}, scope, std::move(state));
}

}  // namespace caduceus
