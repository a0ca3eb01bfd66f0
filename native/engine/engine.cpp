#include "engine.h"

#include <algorithm>

#include "error.h"
#include "runtime.h"

namespace caduceus {
namespace {

// Branches may hold so many cells beside what runs: each 2,000 cost 0.45 ms of a token's 7.4 (SmolLM2, 2 threads).
constexpr uint32_t warm_cells = 512;

// The unified cache knows 256 sequences; recurrent memory only n_seq_max.
int last_sequence(const Model& model) {
  return (model.can_rewind() ? static_cast<int>(llama_max_parallel_sequences()) : static_cast<int>(max_running)) - 1;
}

Run::Ending failed(Run& run, const std::string& code, const std::string& message) {
  Run::Ending ending = run.finish(FinishReason::error);
  ending.text.clear();
  ending.end.error_code = code;
  ending.end.error_message = message;
  return ending;
}

}  // namespace

Engine::Engine(std::unique_ptr<Context> context, std::function<void()> wake)
    : context_(std::move(context)),
      tokenizer_(context_->model().vocab()),
      outbox_(std::move(wake)),
      memory_(context_->get()),
      store_(context_->branch_memory()),
      cache_(memory_, store_, context_->cache_tokens(), last_sequence(context_->model()), context_->model().can_rewind()),
      scheduler_(cache_, {.context_size = context_->context_size(), .running = max_running}) {
  update_stats();
  thread_ = std::thread([this] { loop(); });
}

Engine::~Engine() { close(); }

// -- any thread --

RunId Engine::submit(RunRequest request) {
  RunId id;
  {
    std::lock_guard lock(commands_mutex_);
    if (stopping_) throw EngineError("MODEL_CLOSED", "The model is closed.");
    if (!failure_.empty()) throw EngineError("ENGINE_FAILED", failure_);
    id = next_id_++;
    outbox_.open(id);
    commands_.push_back(Submit{id, std::move(request), Clock::now()});
  }
  commands_ready_.notify_one();
  return id;
}

void Engine::push(Command command) {
  {
    std::lock_guard lock(commands_mutex_);
    commands_.push_back(std::move(command));
  }
  commands_ready_.notify_one();
}

void Engine::cancel(RunId id) {
  {
    std::lock_guard lock(commands_mutex_);
    commands_.push_back(Cancel{id});
    if (prefilling_ == id) context_->interrupt = true;
  }
  commands_ready_.notify_one();
}

void Engine::pause(RunId id) { outbox_.pause(id); }

void Engine::resume(RunId id) {
  outbox_.resume(id);
  push(Resume{});
}

void Engine::release(RunId id) {
  outbox_.forget(id);
  {
    std::lock_guard lock(commands_mutex_);
    commands_.push_back(Release{id});
    if (prefilling_ == id) context_->interrupt = true;
  }
  commands_ready_.notify_one();
}

Stats Engine::stats() const {
  std::lock_guard lock(stats_mutex_);
  return stats_;
}

void Engine::close() {
  {
    std::lock_guard lock(commands_mutex_);
    stopping_ = true;
    context_->interrupt = true;
  }
  commands_ready_.notify_one();
  std::lock_guard lock(close_mutex_);
  if (thread_.joinable()) thread_.join();
}

// -- engine thread --

void Engine::loop() {
  std::string code = "MODEL_CLOSED";
  std::string message = "The model was closed while this run was under way.";
  try {
    const AssertionGuard guard;
    while (take_commands()) tick();
  } catch (const std::exception& error) {
    // The context may be in any state: every run ends here, and every later one is refused.
    code = "ENGINE_FAILED";
    message = std::string("The engine cannot go on; load the model again. ") + error.what();
    std::lock_guard lock(commands_mutex_);
    failure_ = message;
  }
  // Runs submitted between the last look and the end of this thread are among the commands.
  std::vector<Command> left;
  {
    std::lock_guard lock(commands_mutex_);
    left.swap(commands_);
  }
  for (auto& [_, run] : runs_) {
    if (run->phase == Run::Phase::ended) continue;
    outbox_.end(run->id, "", failed(*run, code, message).end);
    scheduler_.remove(*run, false);
  }
  for (Command& command : left) {
    if (auto* submit = std::get_if<Submit>(&command)) {
      Run run(submit->id, {}, submit->submitted);
      outbox_.end(run.id, "", failed(run, code, message).end);
    }
  }
  update_stats();
  outbox_.publish();
}

void Engine::tick() {
  const auto now = Clock::now();
  scheduler_.update_parked([this](RunId id) { return outbox_.held(id); }, now);
  for (const auto& [run, code, message] : scheduler_.expired(now)) fail(*run, code, message);
  bool worked = scheduler_.admit(now);
  worked |= decode();
  worked |= prefill();
  // Beside others at work one branch a tick goes; while nobody works they all do, but for the newest.
  worked |= cache_.cool(warm_cells, !worked);
  ++totals_.ticks;
  update_stats();
  outbox_.publish();
  if (!worked) wait_for_commands();
}

bool Engine::take_commands() {
  std::vector<Command> commands;
  bool stopping;
  {
    std::lock_guard lock(commands_mutex_);
    commands.swap(commands_);
    stopping = stopping_;
  }
  for (Command& command : commands) {
    if (auto* submit = std::get_if<Submit>(&command)) {
      begin(std::move(*submit));
    } else if (auto* cancel = std::get_if<Cancel>(&command)) {
      cancel_now(cancel->id);
    } else if (auto* release = std::get_if<Release>(&command)) {
      cancel_now(release->id);
      runs_.erase(release->id);
    }
  }
  return !stopping;
}

void Engine::begin(Submit submit) {
  auto [it, _] = runs_.emplace(submit.id, std::make_unique<Run>(submit.id, std::move(submit.request), submit.submitted));
  Run& run = *it->second;
  try {
    std::vector<Token> tokens;
    if (run.request.after) {
      const auto before = runs_.find(*run.request.after);
      if (before == runs_.end() || before->second->phase != Run::Phase::ended) {
        throw EngineError("INVALID_ARGUMENT", "Expected the id of an earlier run that has ended for after but received " + std::to_string(*run.request.after) + ".");
      }
      tokens = before->second->tokens;
    }
    // A prompt far beyond the context is refused without tokenising it: that would hold up every other run.
    size_t bytes = 0;
    for (const PromptPart& part : run.request.prompt) {
      if (const auto* text = std::get_if<TextPart>(&part)) bytes += text->text.size();
      if (const auto* control = std::get_if<ControlPart>(&part)) bytes += control->text.size();
    }
    const size_t least = bytes / tokenizer_.longest_piece();
    const uint32_t limit = context_->context_size();
    if (tokens.size() + least >= limit) {
      throw EngineError("CONTEXT_FULL", "The prompt has at least " + std::to_string(tokens.size() + least) + " tokens, but the context holds " + std::to_string(limit) +
                                            " and needs room for one more; shorten it by " + std::to_string(tokens.size() + least - limit + 1) + " or raise contextSize.");
    }
    const auto added = tokenizer_.tokenize(run.request.prompt, tokens.empty() ? std::nullopt : std::optional(tokens.back()));
    tokens.insert(tokens.end(), added.begin(), added.end());
    if (tokens.empty()) throw EngineError("INVALID_ARGUMENT", "Expected at least one token for prompt but received none.");
    if (tokens.size() >= limit) {
      throw EngineError("CONTEXT_FULL", "The prompt has " + std::to_string(tokens.size()) + " tokens, but the context holds " + std::to_string(limit) +
                                            " and needs room for one more; shorten it by " + std::to_string(tokens.size() - limit + 1) + " or raise contextSize.");
    }
    for (const auto& [token, bias] : run.request.sampling.logit_bias) {
      if (!tokenizer_.is_token(token)) throw EngineError("INVALID_ARGUMENT", "Expected token ids of this model for logitBias but received " + std::to_string(token) + ".");
    }
    run.start(std::move(tokens), context_->model().vocab());
    scheduler_.enqueue(run);
  } catch (const EngineError& error) {
    fail(run, error.code(), error.what());
  }
}

void Engine::cancel_now(RunId id) {
  const auto it = runs_.find(id);
  if (it != runs_.end() && it->second->phase != Run::Phase::ended) finish(*it->second, FinishReason::cancelled);
}

bool Engine::decode() {
  const std::vector<Run*> batch = scheduler_.next_to_decode();
  if (batch.empty()) return false;

  rows_.clear();
  for (const Run* run : batch) rows_.push_back({run->tokens[run->computed], static_cast<llama_pos>(run->computed), run->sequence, true});
  const auto before = Clock::now();
  const int result = context_->decode(rows_);
  if (result == 2) return true;  // interrupted: the engine stops
  if (result != 0) {
    for (Run* run : batch) fail(*run, "ENGINE_FAILED", "llama_decode failed with " + std::to_string(result) + ".");
    return true;
  }
  for (size_t i = 0; i < batch.size(); ++i) {
    Run& run = *batch[i];
    cache_.append(run.sequence, std::span(run.tokens).subspan(run.computed, 1));
    ++run.computed;
    sample(run, static_cast<int>(i));
  }
  const double took = milliseconds(Clock::now() - before);
  decode_ms_ = decode_ms_ == 0 ? took : 0.8 * decode_ms_ + 0.2 * took;
  return true;
}

bool Engine::prefill() {
  const uint32_t most = prefill_rows(scheduler_.anyone_decodes());
  Run* run = scheduler_.next_to_prefill(most);
  if (!run) return false;
  const uint32_t count = std::min(run->remaining(), most);

  rows_.clear();
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t at = run->computed + i;
    rows_.push_back({run->tokens[at], static_cast<llama_pos>(at), run->sequence, at + 1 == run->tokens.size()});
  }
  {
    std::lock_guard lock(commands_mutex_);
    prefilling_ = run->id;
    const bool cancelled = std::any_of(commands_.begin(), commands_.end(), [&](const Command& command) {
      const auto* cancel = std::get_if<Cancel>(&command);
      const auto* release = std::get_if<Release>(&command);
      return (cancel && cancel->id == run->id) || (release && release->id == run->id);
    });
    context_->interrupt = stopping_ || cancelled;
  }
  const auto before = Clock::now();
  const int result = context_->decode(rows_);
  const double took = milliseconds(Clock::now() - before);
  {
    std::lock_guard lock(commands_mutex_);
    prefilling_ = 0;
    context_->interrupt = stopping_;
  }
  run->prompt_ms += took;
  if (result == 2) {
    // Only llama.cpp knows what of the chunk is left; the cancel or the stop that interrupted is the next command.
    const llama_pos last = llama_memory_seq_pos_max(llama_get_memory(context_->get()), run->sequence);
    const uint32_t whole = std::min(run->computed, static_cast<uint32_t>(last + 1));
    cache_.truncate(run->sequence, whole);
    run->computed = whole;
    return true;
  }
  if (result != 0) {
    fail(*run, "ENGINE_FAILED", "llama_decode failed with " + std::to_string(result) + " while it read the prompt.");
    return true;
  }
  const double per_row = took / count;
  prefill_row_ms_ = prefill_row_ms_ == 0 ? per_row : 0.5 * prefill_row_ms_ + 0.5 * per_row;
  cache_.append(run->sequence, std::span(run->tokens).subspan(run->computed, count));
  run->computed += count;
  if (run->remaining() == 0) sample(*run, static_cast<int>(count) - 1);
  return true;
}

uint32_t Engine::prefill_rows(bool others_decode) const {
  const uint32_t most = context_->batch_size();
  if (prefill_row_ms_ <= 0) return std::min(others_decode ? 32u : 128u, most);
  // While others decode, reading may take about two of their ticks; alone, a second, so that newcomers are served.
  const double budget = others_decode ? 2 * decode_ms_ : 1000;
  const uint32_t least = others_decode ? 8 : 32;
  return std::clamp(static_cast<uint32_t>(std::min(budget / prefill_row_ms_, 1e6)), least, most);
}

void Engine::sample(Run& run, int row) {
  const auto logits = context_->logits(row);
  const Token token = logits.empty() ? LLAMA_TOKEN_NULL : run.sampler->sample(logits, scratch_);
  if (token == LLAMA_TOKEN_NULL) return fail(run, "ENGINE_FAILED", "The model gave no usable probabilities for the next token; its file may be damaged.");
  const auto& stops = run.request.stop_tokens;
  if (tokenizer_.is_end_of_generation(token) || std::find(stops.begin(), stops.end(), token) != stops.end()) {
    if (!run.first_token) run.first_token = Clock::now();
    return finish(run, FinishReason::stop);
  }
  const auto probability = run.request.log_probabilities ? std::optional(log_probability(logits, token)) : std::nullopt;
  const Run::Step step = run.accept(token, tokenizer_, context_->context_size());
  ++totals_.generated_tokens;
  outbox_.add(run.id, step.text, token, probability);
  if (step.finished) finish(run, *step.finished);
}

void Engine::finish(Run& run, FinishReason reason) { end(run, run.finish(reason)); }

void Engine::fail(Run& run, const std::string& code, const std::string& message) { end(run, failed(run, code, message)); }

void Engine::end(Run& run, Run::Ending ending) {
  totals_.prompt_tokens += ending.end.usage.prompt_tokens;
  totals_.cached_tokens += ending.end.usage.cached_tokens;
  totals_.restored_tokens += run.restored_tokens;
  scheduler_.remove(run, ending.end.reason != FinishReason::error);
  outbox_.end(run.id, ending.text, std::move(ending.end));
}

void Engine::update_stats() {
  const auto& running = scheduler_.running();
  Stats stats = totals_;
  stats.running = static_cast<uint32_t>(running.size());
  stats.queued = static_cast<uint32_t>(scheduler_.waiting().size());
  stats.parked = static_cast<uint32_t>(std::count_if(running.begin(), running.end(), [](const Run* run) { return run->parked; }));
  stats.cache_tokens = cache_.capacity();
  stats.cache_tokens_used = cache_.used();
  stats.branches = cache_.branches();
  stats.branch_memory_bytes = store_.bytes();
  stats.threads = context_->threads_now();
  std::lock_guard lock(stats_mutex_);
  stats_ = stats;
}

void Engine::wait_for_commands() {
  const auto until = scheduler_.next_deadline();
  std::unique_lock lock(commands_mutex_);
  const auto ready = [&] { return stopping_ || !commands_.empty(); };
  if (until) commands_ready_.wait_until(lock, *until, ready);
  else commands_ready_.wait(lock, ready);
}

}  // namespace caduceus
