// The part of the engine that prepares requests: tokenizing prompts, and loading prefixes that are kept on disk.
#include <algorithm>

#include "platform/error.h"
#include "scheduler/engine.h"

namespace caduceus {
namespace {

// Shorter prefixes take as long to load from a disk as to compute.
constexpr uint32_t worth_keeping = 128;

// Prompts up to this size are tokenized on the engine's thread, which delays the others: by less than 2 ms for all but
// the slowest pre-tokenizers. Each bracket may begin markup at which the text is divided.
constexpr size_t quick_bytes = 8'192;
constexpr size_t quick_brackets = 64;
constexpr size_t quick_parts = 256;

// Saving a prefix and writing it takes time from requests, so it waits until there has been none for a while; where
// there always is one, it is done beside them in the end, of so many prefixes at most.
constexpr auto quiet = std::chrono::milliseconds(500);
constexpr auto latest = std::chrono::seconds(10);
constexpr size_t most_kept = 16;

// Cells that cached sequences may hold beside running ones, at most a quarter of all: each 2,000 cost 0.07 ms of a
// token's 5.3 with our attention, 0.45 of 7.4 with ggml's (SmolLM2, 2 threads).
constexpr uint32_t warm_cells = 2048;

// Tokens of a prompt that is too long are counted up to here, for the error message.
constexpr uint32_t counted_contexts = 4;

struct PromptSize {
  size_t bytes = 0;
  size_t brackets = 0;
};

PromptSize measure(const std::vector<PromptPart>& prompt) {
  PromptSize size;
  for (const PromptPart& part : prompt) {
    const auto* text = std::get_if<TextPart>(&part);
    const auto* control = std::get_if<ControlPart>(&part);
    size.bytes += text ? text->text.size() : control ? control->text.size() : 0;
    if (text && size.bytes <= quick_bytes)
      size.brackets += static_cast<size_t>(
          std::count_if(text->text.begin(), text->text.end(), [](char c) { return c == '<' || c == '[' || c == ']'; }));
  }
  return size;
}

}  // namespace

// Tokenizes the prompt: at once if that takes a millisecond or two, else on the reader's thread.
void Engine::read_prompt(Run& run) {
  RunRequest& request = run.request;
  if (request.after) {
    const auto before = runs_.find(*request.after);
    if (before == runs_.end() || before->second->phase != Run::Phase::ended)
      throw EngineError::argument("after", "the id of an earlier run that has ended", std::to_string(*request.after));
    run.earlier = before->second->tokens;
  }
  for (const auto& [text, bias] : std::exchange(request.sampling.text_bias, {})) {
    for (const Token token : tokenizer_.tokenize_alone(text)) request.sampling.logit_bias.emplace_back(token, bias);
  }
  for (const auto& [token, bias] : request.sampling.logit_bias) {
    if (!tokenizer_.is_token(token))
      throw EngineError::argument("logitBias", "token ids of this model", std::to_string(token));
  }
  if (request.top_log_probabilities > static_cast<uint32_t>(tokenizer_.size())) {
    throw EngineError::argument("topLogProbabilities",
                                "at most " + std::to_string(tokenizer_.size()) + ", the size of the vocabulary",
                                std::to_string(request.top_log_probabilities));
  }
  // A prompt far beyond the context is refused without tokenizing it.
  const PromptSize size = measure(request.prompt);
  refuse_if_too_long(run.earlier.size() + size.bytes / tokenizer_.longest_piece(), "at least ");
  PromptReader::Job job{run.id,
                        std::move(request.prompt),
                        run.earlier.empty() ? std::nullopt : std::optional(run.earlier.back()),
                        {},
                        SIZE_MAX,
                        {}};
  request.prompt.clear();
  if (folder_ && request.keep_prefix && !run.deterministic) job.kept_parts = *request.keep_prefix;
  if (size.bytes <= quick_bytes && size.brackets <= quick_brackets && job.prompt.size() <= quick_parts)
    return take_prompt(PromptReader::read_now(tokenizer_, std::move(job)));
  job.most_tokens = size_t{counted_contexts} * context_->context_size();
  job.done = [this](PromptReader::Answer answer) { push(std::move(answer)); };
  reader_.read(std::move(job));
}

// Handles the reader's answer.
void Engine::take_prompt(PromptReader::Answer answer) {
  const auto it = runs_.find(answer.id);
  if (it == runs_.end() || it->second->phase == Run::Phase::ended) return;
  Run& run = *it->second;
  try {
    if (answer.error) throw *answer.error;
    std::vector<Token> tokens = std::move(run.earlier);
    run.earlier.clear();
    if (answer.kept > 0) run.keep_tokens = static_cast<uint32_t>(tokens.size() + answer.kept);
    tokens.insert(tokens.end(), answer.tokens.begin(), answer.tokens.end());
    if (tokens.empty()) throw EngineError::argument("prompt", "at least one token", "no token");
    refuse_if_too_long(tokens.size(), answer.too_long ? "at least " : "");
    run.start(std::move(tokens), context_->model().vocab(), dry_samplers_);
    start(run);
  } catch (...) {
    fail(run, EngineError::current());
  }
}

// Any thread.
uint32_t Engine::tokenize(std::vector<PromptPart> parts) {
  uint32_t id;
  {
    std::lock_guard lock(commands_mutex_);
    id = new_id();
  }
  reader_.read({id, std::move(parts), {}, {}, SIZE_MAX, [this](PromptReader::Answer answer) {
                  {
                    std::lock_guard lock(tokenized_mutex_);
                    tokenized_.push_back(std::move(answer));
                  }
                  wake_();
                }});
  return id;
}

std::vector<PromptReader::Answer> Engine::take_tokenized() {
  std::lock_guard lock(tokenized_mutex_);
  return std::exchange(tokenized_, {});
}

void Engine::refuse_if_too_long(size_t tokens, const char* at_least) const {
  const uint32_t limit = context_->context_size();
  if (tokens < limit) return;
  throw EngineError("CONTEXT_FULL", std::string("The prompt has ") + at_least + std::to_string(tokens) +
                                        " tokens, but the context holds " + std::to_string(limit) +
                                        " and needs room for one more; shorten it by " +
                                        std::to_string(tokens - limit + 1) + ".");
}

// Queues the run, after a lookup in the prefix folder where that may save a long prefill.
void Engine::enqueue(Run& run) {
  const std::string& scope = run.cache_scope;
  if (!folder_ || run.deterministic || run.scores_prompt() || run.tokens.size() <= worth_keeping)
    return context_of(run).scheduler.enqueue(run);
  const auto usable = std::span<const Token>(run.tokens).first(run.tokens.size() - 1);
  const uint32_t known = shared_->cache.longest(usable, scope);
  if (usable.size() - known < worth_keeping) return shared_->scheduler.enqueue(run);
  folder_->find(run.id, {usable.begin(), usable.end()}, scope, known + worth_keeping - 1);
}

void Engine::open_deterministic_context() {
  if (deterministic_) return;
  deterministic_llama_context_ = std::make_unique<Context>(*context_);
  deterministic_ = std::make_unique<DecodeContext>(*deterministic_llama_context_, 0, Drafts::never, true);
}

// Handles the folder's answer.
void Engine::load_prefix(PrefixFolder::LookupResult hit) {
  const auto it = runs_.find(hit.run);
  if (it == runs_.end() || it->second->phase == Run::Phase::ended) return;
  Run& run = *it->second;
  const auto prefix = std::span<const Token>(run.tokens).first(hit.length);
  // Another run may have computed it meanwhile.
  if (hit.length > shared_->cache.longest(prefix, run.cache_scope) &&
      shared_->cache.load_prefix(prefix, hit.saved, run.cache_scope, hit.state.bytes())) {
    run.restored_tokens += hit.length;
  }
  try {
    shared_->scheduler.enqueue(run);
  } catch (...) {
    fail(run, EngineError::current());
  }
}

// Called when the prompt has been prefilled. Its part to be kept goes to the folder when nobody waits for it.
void Engine::keep_prefix(Run& run) {
  const uint32_t length = std::exchange(run.keep_tokens, 0);
  if (length < worth_keeping) return;
  const auto prefix = std::span<const Token>(run.tokens).first(length);
  const std::string& scope = run.cache_scope;
  if (std::any_of(keeping_.begin(), keeping_.end(),
                  [&](const Kept& other) { return other.scope == scope && std::ranges::equal(other.tokens, prefix); }))
    return;
  if (keeping_.size() == most_kept) keeping_.pop_front();
  keeping_.push_back({{prefix.begin(), prefix.end()}, scope, Clock::now()});
}

void Engine::keep_next() {
  const Kept next = std::move(keeping_.front());
  keeping_.pop_front();
  if (folder_->contains(next.tokens, next.scope)) return;
  SavedState state = shared_->cache.save(next.tokens, next.scope);
  if (state.size > 0) folder_->keep(next.tokens, next.scope, std::move(state));
}

std::optional<Clock::time_point> Engine::keep_at() const {
  if (keeping_.empty()) return std::nullopt;
  return quiet_since_ ? *quiet_since_ + quiet : keeping_.front().since + latest;
}

bool Engine::tidy(Clock::time_point now) {
  bool busy = false, awaited = false;
  each_context([&](const DecodeContext& ctx) {
    busy |= !ctx.scheduler.running().empty();
    awaited |= ctx.scheduler.prefilling() > 0 || !ctx.scheduler.waiting().empty();
  });
  if (busy || awaited)
    quiet_since_.reset();
  else if (!quiet_since_)
    quiet_since_ = now;
  if (awaited) return false;
  if (const auto at = keep_at(); at && now >= *at) {
    keep_next();
    return true;
  }
  return shared_->cache.evict_idle(std::min(warm_cells, shared_->cache.capacity() / 4), !busy);
}

}  // namespace caduceus
