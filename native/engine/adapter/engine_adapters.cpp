// The part of the engine that knows adapters: which there are, and what a context computes with.
#include <algorithm>

#include "platform/error.h"
#include "scheduler/engine.h"

namespace caduceus {

// -- any thread --

std::shared_ptr<const AdapterSet> Engine::adapters_of(const RunRequest& request) const {
  std::vector<AdapterSet::Use> uses;
  for (const auto& [id, scale] : request.adapters) {
    const auto it = adapters_.find(id);
    if (it == adapters_.end())
      throw EngineError::argument("adapter", "one of the model's adapters", std::to_string(id));
    uses.push_back({it->second, scale});
  }
  return AdapterSet::of(std::move(uses));
}

std::shared_ptr<Adapter> Engine::load_adapter(const std::string& path) {
  try {
    return Adapter::load(context_->shared_model(), path, &closing_);
  } catch (const EngineError& error) {
    if (error.code() != "CANCELLED") throw;
    throw EngineError("MODEL_CLOSED", "The model was closed while the adapter was loaded.");
  }
}

uint32_t Engine::add_adapter(std::shared_ptr<Adapter> adapter) {
  std::lock_guard lock(commands_mutex_);
  const uint32_t id = new_id();
  adapters_.emplace(id, std::move(adapter));
  return id;
}

void Engine::remove_adapter(uint32_t id) {
  {
    std::lock_guard lock(commands_mutex_);
    const auto it = adapters_.find(id);
    if (it == adapters_.end()) return;
    removed_adapters_.push_back(std::move(it->second));
    adapters_.erase(it);
    // Wakes the thread.
    commands_.emplace_back(Resume{});
  }
  commands_ready_.notify_one();
}

// -- engine thread --

// Those of a run that is computed next. A batch has runs with the same ones only.
void Engine::use_adapters(DecodeContext& ctx, const Run& run) {
  if (key_of(ctx.context.adapters()) == run.adapter_key) return;
  const auto before = Clock::now();
  ctx.context.use(run.adapters);
  const auto now = Clock::now();
  ctx.scheduler.turns().changed(milliseconds(now - before), now);
  ++totals_.adapter_changes;
}

// Frees the adapters that were removed and that no run needs any more.
void Engine::free_adapters() {
  std::vector<std::shared_ptr<Adapter>> removed;
  {
    std::lock_guard lock(commands_mutex_);
    removed.swap(removed_adapters_);
  }
  if (removed.empty()) return;
  for (const auto& adapter : removed) {
    // Contexts that compute with it last, while no run has their set.
    std::vector<Context*> holders;
    each_context([&](DecodeContext& ctx) {
      const auto& set = ctx.context.adapters();
      if (set && set.use_count() == 1 &&
          std::any_of(set->uses.begin(), set->uses.end(), [&](const auto& use) { return use.adapter == adapter; }))
        holders.push_back(&ctx.context);
    });
    if (adapter.use_count() != 1 + static_cast<long>(holders.size())) continue;
    for (Context* context : holders) context->use(nullptr);
  }
  std::erase_if(removed, [](const std::shared_ptr<Adapter>& adapter) { return adapter.use_count() == 1; });
  update_stats();
  if (removed.empty()) return;
  std::lock_guard lock(commands_mutex_);
  removed_adapters_.insert(removed_adapters_.end(), removed.begin(), removed.end());
}

}  // namespace caduceus
