#include "scheduler/engine.h"

#include <algorithm>

#include "platform/error.h"
#include "platform/files.h"
#include "platform/runtime.h"

namespace caduceus {
namespace {

// How long an idle engine waits for further requests after the first, and for how many.
constexpr auto gathering = std::chrono::microseconds(500);
constexpr int most_gathered = 64;
// How long nobody has asked for anything when memory begins to be provided: a request waits for a piece, which takes up
// to 5 ms where it comes from a virtual machine's host.
constexpr auto touching_after = std::chrono::milliseconds(50);

// The settings that a saved state depends on besides its model.
std::string settings_of(const Context& context) {
  return std::string("ggml ") + ggml_version() + " state " + std::to_string(LLAMA_STATE_SEQ_VERSION) + " kv " +
         ggml_type_name(context.kv_type());
}

Run::Ending failed(Run& run, const EngineError& error) {
  Run::Ending ending = run.finish(FinishReason::error);
  ending.text.clear();
  ending.end.error = error;
  return ending;
}

}  // namespace

Engine::Engine(std::unique_ptr<Context> context, const EngineOptions& options, std::function<void()> wake,
               std::unique_ptr<Context> draft)
    : context_(std::move(context)),
      tokenizer_(context_->model().tokenizer()),
      wake_(std::move(wake)),
      output_(wake_),
      shared_(context_->generates()
                  ? std::make_unique<DecodeContext>(
                        *context_, options.host_cache_bytes.value_or(context_->cache_bytes()), options.drafts, false)
                  : nullptr),
      prompt_lookup_(options.prompt_lookup),
      draft_model_(draft && shared_ ? std::make_unique<DraftModel>(std::move(draft), context_->model()) : nullptr),
      embedder_(*context_),
      reader_(tokenizer_) {
  update_stats();
  // Where a sequence cannot be truncated, a kept prefix would serve only the identical prompt.
  if (shared_ && !options.prefix_folder.empty() && context_->model().can_rewind()) {
    folder_ = std::make_unique<PrefixFolder>(to_path(options.prefix_folder), options.prefix_folder_bytes,
                                             to_path(model_info().path), settings_of(*context_),
                                             [this](PrefixFolder::LookupResult hit) { push(std::move(hit)); });
  }
  thread_ = LargeStackThread([this] { loop(); });
}

Engine::~Engine() { close(); }

// -- any thread --

RunId Engine::submit(RunRequest request) {
  RunId id;
  {
    std::lock_guard lock(commands_mutex_);
    id = new_id();
    auto adapters = adapters_of(request);
    output_.open(id, std::chrono::milliseconds(request.gather_ms));
    commands_.emplace_back(std::in_place_type<Submit>, id, std::move(request), std::move(adapters), Clock::now());
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

RunId Engine::new_id() {
  if (stopping_) throw EngineError("MODEL_CLOSED", "The model is closed.");
  if (failure_) throw *failure_;
  return next_id_++;
}

void Engine::push_end(Command command, RunId id) {
  {
    std::lock_guard lock(commands_mutex_);
    commands_.push_back(std::move(command));
    if (is_prefilling(id)) context_->interrupt = true;
  }
  commands_ready_.notify_one();
}

void Engine::cancel(RunId id) { push_end(Cancel{id}, id); }

void Engine::pause(RunId id) { output_.pause(id); }

void Engine::resume(RunId id) {
  output_.resume(id);
  push(Resume{});
}

void Engine::release(RunId id) {
  output_.forget(id);
  push_end(Release{id}, id);
}

Stats Engine::stats() const {
  std::lock_guard lock(stats_mutex_);
  return stats_;
}

void Engine::close() {
  {
    std::lock_guard lock(commands_mutex_);
    stopping_ = true;
    closing_ = true;
    context_->interrupt = true;
  }
  commands_ready_.notify_one();
  std::lock_guard lock(close_mutex_);
  thread_.join();
}

// -- engine thread --

void Engine::loop() {
  EngineError end("MODEL_CLOSED", "The model was closed while this run was under way.");
  try {
    const AssertionGuard guard;
    while (take_commands()) step();
    while (!keeping_.empty()) keep_next();
  } catch (...) {
    // The context may be in any state: end every run, and refuse later ones.
    const EngineError error = EngineError::current();
    const std::string what = std::string("The engine cannot go on; load the model again. ") + error.what();
    end = error.code() == "OUT_OF_MEMORY" ? EngineError::out_of_memory(what, error.remedy())
                                          : EngineError("ENGINE_FAILED", what);
    std::lock_guard lock(commands_mutex_);
    failure_ = end;
  }
  // Write queued prefixes before the engine counts as closed.
  folder_.reset();
  compiler_.reset();
  if (end.code() == "MODEL_CLOSED")
    reader_.stop();
  else
    reader_.stop(end);
  // Runs submitted after the last step are still among the commands.
  std::vector<Command> left;
  {
    std::lock_guard lock(commands_mutex_);
    left.swap(commands_);
  }
  std::erase_if(runs_, [](const auto& entry) { return entry.second->phase == Run::Phase::ended; });
  for (const auto& [_, run] : runs_) {
    if (shared_) context_of(*run).scheduler.remove(*run, false);
  }
  update_stats();  // counted before the ends can be read
  for (const auto& [_, run] : runs_) output_.end(run->id, "", failed(*run, end).end);
  stop_embeddings(end);
  for (Command& command : left) {
    if (auto* submit = std::get_if<Submit>(&command)) {
      Run run(submit->id, {}, submit->submitted);
      output_.end(run.id, "", failed(run, end).end);
    }
  }
  output_.publish();
}

void Engine::step() {
  const auto now = Clock::now();
  bool worked = false;
  each_context([&](DecodeContext& ctx) {
    ctx.scheduler.update_paused([this](RunId id) { return output_.held(id); }, now);
    for (const auto& [run, error] : ctx.scheduler.expired(now)) fail(*run, error);
    if (ctx.scheduler.admit(now)) {
      worked = true;
      update_stats();  // counted before the first token can be read
    }
    ctx.scheduler.take_turn(now);
    bool computed = decode(ctx);
    // A prefill may take a second when nothing decodes, so publish the output of runs that have just ended first.
    output_.publish(ctx.scheduler.prefilling() > 0);
    computed |= prefill(ctx);
    // Where cells are lacking for all that have their turn, those of another may be stronger.
    worked |= computed || ctx.scheduler.turns().pass();
  });
  free_adapters();
  worked |= compute_embeddings();
  if (shared_) worked |= tidy(now);
  ++totals_.steps;
  update_stats();
  output_.publish(!worked);
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
    } else if (auto* hit = std::get_if<PrefixFolder::LookupResult>(&command)) {
      load_prefix(std::move(*hit));
    } else if (auto* answer = std::get_if<ConstraintCompiler::Answer>(&command)) {
      take_grammar(std::move(*answer));
    } else if (auto* prompt = std::get_if<PromptReader::Answer>(&command)) {
      take_prompt(std::move(*prompt));
    } else if (auto* text = std::get_if<ReadText>(&command)) {
      take_text(std::move(*text));
    }
  }
  return !stopping;
}

void Engine::begin(Submit submit) {
  auto [it, _] = runs_.emplace(submit.id, std::make_unique<Run>(submit.id, std::move(submit.request), submit.submitted,
                                                                std::move(submit.adapters)));
  Run& run = *it->second;
  try {
    if (!shared_)
      throw EngineError("UNSUPPORTED", "This is a model for " + model_info().purpose + " and generates no text.");
    if (run.request.deterministic) open_deterministic_context();
    context_of(run).scheduler.expect(run);
    // llama.cpp allocates the whole penalty window at once; a run never has more tokens than this.
    int32_t& last_n = run.request.sampling.penalty_last_n;
    const auto all = static_cast<int32_t>(context_->context_size());
    last_n = last_n < 0 ? all : std::min(last_n, all);
    int32_t& dry_last_n = run.request.sampling.dry.last_n;
    dry_last_n = dry_last_n < 0 ? all : std::min(dry_last_n, all);
    read_prompt(run);
  } catch (...) {
    fail(run, EngineError::current());
  }
}

void Engine::cancel_now(RunId id) {
  embedder_.forget(id);
  const auto it = runs_.find(id);
  if (it != runs_.end() && it->second->phase != Run::Phase::ended) finish(*it->second, FinishReason::cancelled);
}

void Engine::finish(Run& run, FinishReason reason) { end(run, run.finish(reason)); }

void Engine::fail(Run& run, const EngineError& error) { end(run, failed(run, error)); }

void Engine::end(Run& run, Run::Ending ending) {
  totals_.prompt_tokens += ending.end.usage.prompt_tokens;
  totals_.cached_tokens += ending.end.usage.cached_tokens;
  totals_.restored_tokens += run.restored_tokens;
  if (compiler_) compiler_->forget(run.id);
  reader_.forget(run.id);
  if (!shared_) return output_.end(run.id, ending.text, std::move(ending.end));
  drop_drafts(run);
  if (draft_model_) draft_model_->forget(run);
  // A deterministic run shares nothing, so its tokens are not cached.
  context_of(run).scheduler.remove(run, !run.deterministic && ending.end.reason != FinishReason::error);
  // Counted before the end is published.
  update_stats();
  output_.end(run.id, ending.text, std::move(ending.end));
}

void Engine::update_stats() {
  Stats stats = totals_;
  each_context([&](const DecodeContext& ctx) {
    const auto& running = ctx.scheduler.running();
    stats.running += static_cast<uint32_t>(running.size());
    stats.queued += static_cast<uint32_t>(ctx.scheduler.waiting().size());
    stats.paused += static_cast<uint32_t>(
        std::count_if(running.begin(), running.end(), [](const Run* run) { return run->paused; }));
  });
  if (shared_) {
    stats.cache_tokens = shared_->cache.capacity();
    stats.cache_tokens_used = shared_->cache.used();
    stats.cached_sequences = shared_->cache.cached_sequences();
    stats.host_cache_bytes = shared_->store.bytes();
  }
  if (draft_model_) stats.draft_cache_tokens_used = draft_model_->cache().used();
  stats.threads = context_->threads_now();
  stats.adapter_bytes = context_->model().adapter_bytes;
  std::lock_guard lock(stats_mutex_);
  stats_ = stats;
}

UntouchedMemory* Engine::untouched() {
  UntouchedMemory* found = nullptr;
  if (draft_model_ && !draft_model_->untouched().is_empty()) found = &draft_model_->untouched();
  each_context([&](const DecodeContext& ctx) {
    if (!ctx.context.untouched().is_empty()) found = &ctx.context.untouched();
  });
  return found;
}

void Engine::wait_for_commands() {
  std::optional<Clock::time_point> until;
  each_context([&](const DecodeContext& ctx) {
    if (const auto next = ctx.scheduler.next_deadline()) until = until ? std::min(*until, *next) : next;
  });
  if (const auto at = keep_at()) until = until ? std::min(*until, *at) : at;
  std::unique_lock lock(commands_mutex_);
  const auto ready = [&] { return stopping_ || !commands_.empty(); };
  const auto never = Clock::time_point::max();
  while (UntouchedMemory* const memory = quiet_since_ && !ready() ? untouched() : nullptr) {
    if (Clock::now() >= until.value_or(never)) break;
    if (commands_ready_.wait_until(lock, std::min(until.value_or(never), *quiet_since_ + touching_after), ready)) break;
    lock.unlock();
    memory->touch_some();
    lock.lock();
  }
  if (until)
    commands_ready_.wait_until(lock, *until, ready);
  else
    commands_ready_.wait(lock, ready);
  // Wait for requests that arrive together, so that their prompts are prefilled in one batch. Otherwise the first of 16
  // decodes alone, and all of them take 72 steps instead of 64.
  const auto more = [this, known = size_t{0}]() mutable {
    return stopping_ || commands_.size() > std::exchange(known, commands_.size());
  };
  for (int waits = 0; waits < most_gathered && !stopping_ && commands_ready_.wait_for(lock, gathering, more); ++waits) {
  }
}

}  // namespace caduceus
