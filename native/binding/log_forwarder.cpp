#include "log_forwarder.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "guarded.h"

namespace caduceus::binding {
namespace {

// The forwarders that have a sink, in the order in which they were set. Never destroyed: a thread may log at any time.
struct Forwarders {
  std::mutex mutex;
  std::vector<LogForwarder*> set;
};

// Takes one out or, where it has a sink, puts it last; the last of them gets the log. When this returns, one that was
// taken out is not being called any more.
void arrange(LogForwarder& forwarder, bool has_sink) {
  static auto& all = *new Forwarders();
  std::lock_guard lock(all.mutex);
  std::erase(all.set, &forwarder);
  if (has_sink) all.set.push_back(&forwarder);
  if (all.set.empty()) return set_log(LogLevel::silent, nullptr);
  LogForwarder* last = all.set.back();
  set_log(last->level(), [last](LogLevel level, const std::string& line) { last->forward(level, line); });
}

}  // namespace

LogForwarder::LogForwarder(Napi::Env env)
    : wake_(Napi::ThreadSafeFunction::New(
          env, entry(env, "onLog", [this](const Napi::CallbackInfo& info) { deliver(info.Env()); }), "caduceus log", 0,
          1)) {
  wake_.Unref(env);
  // Hooks run in reverse order: this one comes before the thread-safe function's own.
  napi_add_env_cleanup_hook(env, on_exit, this);
}

void LogForwarder::set(LogLevel level, Napi::FunctionReference sink) {
  // Nothing is forwarded while the two change.
  arrange(*this, false);
  level_ = level;
  sink_ = std::move(sink);
  if (level == LogLevel::silent) {
    std::lock_guard lock(mutex_);
    lines_.clear();
    return;
  }
  arrange(*this, true);
}

void LogForwarder::end() {
  arrange(*this, false);
  wake_.Abort();
}

void LogForwarder::on_exit(void* self) { static_cast<LogForwarder*>(self)->end(); }

void LogForwarder::forward(LogLevel level, const std::string& line) {
  {
    std::lock_guard lock(mutex_);
    lines_.push_back({level, line});
    // The others are fetched with it.
    if (lines_.size() > 1) return;
  }
  wake_.NonBlockingCall();
}

void LogForwarder::deliver(Napi::Env env) {
  std::vector<Line> lines;
  {
    std::lock_guard lock(mutex_);
    lines.swap(lines_);
  }
  for (auto line = lines.begin(); line != lines.end(); ++line) {
    // A sink may take itself away, or set another that wants less.
    if (sink_.IsEmpty() || line->level > level_) continue;
    try {
      sink_.Call({Napi::Number::New(env, static_cast<int>(line->level)), Napi::String::New(env, line->text)});
    } catch (...) {
      // The others are not lost by what it threw.
      std::lock_guard lock(mutex_);
      lines_.insert(lines_.begin(), std::next(line), lines.end());
      if (!lines_.empty()) wake_.NonBlockingCall();
      throw;
    }
  }
}

void set_log_forwarding(const Napi::CallbackInfo& info) {
  auto& forwarder = info.Env().GetInstanceData<AddonData>()->log;
  const auto level = static_cast<LogLevel>(info[0].As<Napi::Number>().Int32Value());
  const bool has_sink = info[1].IsFunction() && level != LogLevel::silent;
  if (!forwarder && !has_sink) return;
  if (!forwarder) forwarder = std::make_shared<LogForwarder>(info.Env());
  if (has_sink)
    forwarder->set(level, Napi::Persistent(info[1].As<Napi::Function>()));
  else
    forwarder->set(LogLevel::silent, {});
}

}  // namespace caduceus::binding
