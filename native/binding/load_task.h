// Loads a model on a thread of its own, so that neither the event loop nor libuv's few threads wait for it.
//
// The thread only posts to `events_`; everything else belongs to the event loop's thread. The environment's clean-up
// hook cancels and joins it, so a worker may be terminated while it loads.
#pragma once

#include <napi.h>

#include <atomic>
#include <memory>
#include <optional>

#include "../engine/model/llama_context.h"
#include "../engine/model/model.h"
#include "../engine/platform/error.h"
#include "../engine/platform/large_stack_thread.h"
#include "../engine/scheduler/engine.h"

namespace caduceus::binding {

class LoadTask {
 public:
  ~LoadTask();

  // createEngine(options, onWake, onProgress?) -> { promise, cancel() }
  static Napi::Value start(const Napi::CallbackInfo& info);

 private:
  LoadTask(Napi::Env env, const Napi::Object& options);

  void run();
  void finish(Napi::Env env);
  void end_thread();
  static void on_exit(void* self);

  Napi::Env env_;
  ModelOptions model_options_;
  std::optional<ModelOptions> draft_options_;
  ContextOptions context_options_;
  EngineOptions engine_options_;
  std::optional<Napi::Promise::Deferred> deferred_;
  Napi::FunctionReference on_wake_;
  Napi::FunctionReference on_progress_;
  Napi::ThreadSafeFunction events_;
  // The JavaScript function that cancels may outlive this task.
  std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
  LargeStackThread thread_;

  // Written by the thread before its last event, read by `settle` after it.
  std::unique_ptr<Context> context_;
  std::unique_ptr<Context> draft_context_;  // after the one whose threads it shares
  std::optional<EngineError> error_;
};

}  // namespace caduceus::binding
