#include "log_forwarder.h"

#include <memory>
#include <mutex>
#include <string>

#include "../engine/platform/runtime.h"

namespace caduceus::binding {
namespace {

// Lives as long as its environment. Any thread may log while the environment goes away, so `open_` is checked under a
// mutex before each call.
class Forwarder {
 public:
  Forwarder(Napi::Env env, const Napi::Function& sink)
      : function_(Napi::ThreadSafeFunction::New(env, sink, "caduceus log", 0, 1)) {
    function_.Unref(env);
  }

  void forward(LogLevel level, const std::string& line) {
    std::lock_guard lock(mutex_);
    if (!open_) return;
    function_.NonBlockingCall([level, line](Napi::Env env, Napi::Function sink) {
      sink.Call({Napi::Number::New(env, static_cast<int>(level)), Napi::String::New(env, line)});
    });
  }

  void close() {
    std::lock_guard lock(mutex_);
    if (!open_) return;
    open_ = false;
    function_.Release();
  }

 private:
  std::mutex mutex_;
  bool open_ = true;
  Napi::ThreadSafeFunction function_;
};

}  // namespace

void set_log_forwarding(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const auto level = static_cast<LogLevel>(info[0].As<Napi::Number>().Int32Value());
  if (!info[1].IsFunction() || level == LogLevel::silent) return set_log(LogLevel::silent, nullptr);
  auto forwarder = std::make_shared<Forwarder>(env, info[1].As<Napi::Function>());
  env.AddCleanupHook([forwarder] { forwarder->close(); });
  set_log(level, [forwarder](LogLevel at, const std::string& line) { forwarder->forward(at, line); });
}

}  // namespace caduceus::binding
