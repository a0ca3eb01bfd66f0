// llama.cpp's log to JavaScript. One sink for the whole process: that of the environment (the main thread, a worker)
// that set its own last, as long as it has one.
#pragma once

#include <napi.h>

#include <mutex>
#include <string>
#include <vector>

#include "../engine/platform/runtime.h"

namespace caduceus::binding {

// setLog(level, sink): level 0 (silent) to 4 (debug), sink(level, line) or undefined.
void set_log_forwarding(const Napi::CallbackInfo& info);

// One environment's way to its sink; made when it first sets one, and ended by its clean-up hook.
class LogForwarder {
 public:
  explicit LogForwarder(Napi::Env env);

  // -- the event loop's thread --
  void set(LogLevel level, Napi::FunctionReference sink);
  void end();

  // -- any thread, and never after `end` --
  void forward(LogLevel level, const std::string& line);
  LogLevel level() const { return level_; }

 private:
  struct Line {
    LogLevel level;
    std::string text;
  };

  void deliver(Napi::Env env);
  static void on_exit(void* self);

  Napi::ThreadSafeFunction wake_;  // calls `deliver`
  Napi::FunctionReference sink_;   // the event loop's thread
  LogLevel level_ = LogLevel::silent;
  std::mutex mutex_;
  std::vector<Line> lines_;  // guarded by it
};

}  // namespace caduceus::binding
