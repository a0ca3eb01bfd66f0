#include "engine.h"

#include <algorithm>

#include "error.h"
#include "runtime.h"

namespace caduceus {
namespace {

// Runs that may wait for admission; more are refused.
constexpr size_t max_waiting = 1024;
// A run with that many tokens its reader has not fetched waits for it.
constexpr size_t max_held_tokens = 256;
// Cells kept for what an admitted run will generate at first.
constexpr uint32_t growth_reserve = 64;

// The unified cache knows 256 sequences; recurrent memory only n_seq_max.
int sequences_of(const Model& model) {
  return model.can_rewind() ? static_cast<int>(llama_max_parallel_sequences()) : static_cast<int>(max_running);
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
      cache_(memory_, context_->cache_tokens(), sequences_of(context_->model()), context_->model().can_rewind()) {
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
    if (run->phase != Run::Phase::ended) outbox_.end(run->id, "", failed(*run, code, message).end);
  }
  for (Command& command : left) {
    if (auto* submit = std::get_if<Submit>(&command)) {
      Run run(submit->id, {}, submit->submitted);
      outbox_.end(run.id, "", failed(run, code, message).end);
    }
  }
  running_.clear();
  waiting_.clear();
  update_stats();
  outbox_.publish();
}

void Engine::tick() {
  update_parked();
  expire_waiting();
  bool worked = admit();
  worked |= decode();
  worked |= prefill();
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
    if (waiting_.size() >= max_waiting) {
      throw EngineError("QUEUE_FULL", "All " + std::to_string(max_waiting) + " places of the waiting queue are taken; try again later.");
    }
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
  } catch (const EngineError& error) {
    return fail(run, error.code(), error.what());
  }
  enqueue(run);
}

void Engine::enqueue(Run& run) {
  const auto place = std::upper_bound(waiting_.begin(), waiting_.end(), &run, [](const Run* a, const Run* b) {
    return a->request.priority != b->request.priority ? a->request.priority > b->request.priority : a->id < b->id;
  });
  waiting_.insert(place, &run);
}

void Engine::cancel_now(RunId id) {
  const auto it = runs_.find(id);
  if (it != runs_.end() && it->second->phase != Run::Phase::ended) finish(*it->second, FinishReason::cancelled);
}

void Engine::expire_waiting() {
  const auto now = Clock::now();
  for (Run* run : std::vector(waiting_)) {
    const auto& timeout = run->request.queue_timeout_ms;
    if (timeout && !run->admitted && milliseconds(now - run->submitted) > *timeout) {
      fail(*run, "DEADLINE_EXCEEDED", "The run waited longer than its " + std::to_string(static_cast<int64_t>(*timeout)) + " ms for a place.");
    }
  }
}

bool Engine::admit() {
  bool any = false;
  while (!waiting_.empty() && admit(*waiting_.front())) any = true;
  return any;
}

bool Engine::admit(Run& run) {
  if (running_.size() >= max_running) return false;
  // The last token is always computed: its logits are what the next one is drawn from.
  const auto opened = cache_.open(run.tokens, static_cast<uint32_t>(run.tokens.size()) - 1, run.request.cache_scope);
  if (!opened) return false;
  run.sequence = opened->sequence;
  run.computed = opened->shared;
  uint32_t promised = run.remaining() + std::min(growth_reserve, context_->context_size() - static_cast<uint32_t>(run.tokens.size()));
  for (const Run* other : running_) promised += other->remaining();
  while (!running_.empty() && promised > cache_.available()) {
    if (!preempt(run, true)) {
      cache_.close(run.sequence, false);
      run.sequence = -1;
      run.computed = 0;
      return false;
    }
  }
  if (!run.admitted) {
    run.admitted = Clock::now();
    run.usage.cached_tokens = opened->shared;
    totals_.prompt_tokens += run.tokens.size();
    totals_.cached_tokens += opened->shared;
  }
  run.phase = Run::Phase::running;
  std::erase(waiting_, &run);
  running_.push_back(&run);
  return true;
}

bool Engine::decode() {
  std::vector<Run*> batch;
  for (Run* run : running_) {
    if (!run->parked && !run->reads_prompt()) batch.push_back(run);
  }
  // Every row takes one cell. Who is preempted for room leaves the batch.
  while (!batch.empty() && !make_room(static_cast<uint32_t>(batch.size()), *batch.front())) batch.pop_back();
  std::erase_if(batch, [](const Run* run) { return run->phase != Run::Phase::running; });
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
  Run* run = next_to_prefill();
  if (!run) return false;
  last_prefilled_ = run->id;
  const bool others_decode = std::any_of(running_.begin(), running_.end(), [](const Run* other) { return !other->parked && !other->reads_prompt(); });
  const uint32_t count = std::min(run->remaining(), prefill_rows(others_decode));
  if (!make_room(count, *run)) return false;

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

Run* Engine::next_to_prefill() {
  // Round-robin: the first one after the last served, by id, else the first at all.
  Run* first = nullptr;
  Run* next = nullptr;
  for (Run* run : running_) {
    if (run->parked || !run->reads_prompt()) continue;
    if (!first || run->id < first->id) first = run;
    if (run->id > last_prefilled_ && (!next || run->id < next->id)) next = run;
  }
  return next ? next : first;
}

uint32_t Engine::prefill_rows(bool others_decode) const {
  const uint32_t most = context_->batch_size();
  if (prefill_row_ms_ <= 0) return std::min(64u, most);
  // While others decode, reading may take about two of their ticks; alone, half a second, so that newcomers are served.
  const double budget = others_decode ? 2 * decode_ms_ : 500;
  const uint32_t least = others_decode ? 8 : 32;
  return std::clamp(static_cast<uint32_t>(std::min(budget / prefill_row_ms_, 1e6)), least, most);
}

bool Engine::make_room(uint32_t cells, const Run& who) {
  while (!cache_.make_room(cells)) {
    if (!preempt(who, false)) return false;
  }
  return true;
}

// Drops the cells of another run, which waits and is computed again later: parked ones first, then the lowest priority,
// then the youngest. A run never takes room from an older one of its own priority, so the oldest always gets on.
bool Engine::preempt(const Run& who, bool parked_only) {
  const auto rank = [](const Run* run) { return std::tuple(!run->parked, run->request.priority, -static_cast<int64_t>(run->id)); };
  Run* victim = nullptr;
  for (Run* run : running_) {
    if (run == &who || (parked_only && !run->parked)) continue;
    if (!victim || rank(run) < rank(victim)) victim = run;
  }
  if (!victim || (!victim->parked && rank(&who) < rank(victim))) return false;
  cache_.close(victim->sequence, false);
  victim->sequence = -1;
  victim->computed = 0;
  victim->phase = Run::Phase::waiting;
  std::erase(running_, victim);
  enqueue(*victim);
  return true;
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
  std::erase(running_, &run);
  std::erase(waiting_, &run);
  if (run.sequence >= 0) cache_.close(run.sequence, ending.end.reason != FinishReason::error);
  run.sequence = -1;
  outbox_.end(run.id, ending.text, std::move(ending.end));
}

void Engine::update_parked() {
  for (Run* run : running_) run->parked = outbox_.held(run->id) >= max_held_tokens;
}

void Engine::update_stats() {
  Stats stats = totals_;
  stats.running = static_cast<uint32_t>(running_.size());
  stats.queued = static_cast<uint32_t>(waiting_.size());
  stats.parked = static_cast<uint32_t>(std::count_if(running_.begin(), running_.end(), [](const Run* run) { return run->parked; }));
  stats.cache_tokens = cache_.capacity();
  stats.cache_tokens_used = cache_.used();
  stats.branches = cache_.branches();
  std::lock_guard lock(stats_mutex_);
  stats_ = stats;
}

void Engine::wait_for_commands() {
  std::optional<Clock::time_point> until;
  for (const Run* run : waiting_) {
    if (!run->request.queue_timeout_ms || run->admitted) continue;
    const auto at = run->submitted + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double, std::milli>(*run->request.queue_timeout_ms + 1));
    if (!until || at < *until) until = at;
  }
  std::unique_lock lock(commands_mutex_);
  const auto ready = [&] { return stopping_ || !commands_.empty(); };
  if (until) commands_ready_.wait_until(lock, *until, ready);
  else commands_ready_.wait(lock, ready);
}

}  // namespace caduceus
