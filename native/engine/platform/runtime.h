// What exists once in a process: llama.cpp's backend and its log.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace caduceus {

enum class LogLevel { silent = 0, error = 1, warn = 2, info = 3, debug = 4 };

// Called from whichever thread logs, one line at a time without its newline. Must not log itself.
using LogSink = std::function<void(LogLevel level, const std::string& line)>;

// Initialises llama.cpp on the first call, with these modules for GPUs: one that does not load is logged and left out.
// Later calls cost one atomic load, and what computes stays the same. Any thread. Throws ENGINE_FAILED where nothing
// can compute.
void ensure_backend(const std::vector<std::string>& gpu_modules = {});

// Why modules were left out.
const std::vector<std::string>& module_failures();

// Routes llama.cpp's log to `sink` from this level up. Silent by default; standard output is never written to.
void set_log(LogLevel level, LogSink sink);

// A line of our own, by the same way.
void log_line(LogLevel level, const std::string& line);

// While it exists, an assertion of ggml on this thread throws an EngineError instead of ending the process. The last
// resort for what our own checks let through: what threw must not be used again. It cannot help on ggml's own threads.
class AssertionGuard {
 public:
  AssertionGuard();
  ~AssertionGuard();
  AssertionGuard(const AssertionGuard&) = delete;
  AssertionGuard& operator=(const AssertionGuard&) = delete;
};

// Keeps the errors that llama.cpp logs on the calling thread while it exists: the only place where it says why a
// file could not be loaded.
class ErrorLogCapture {
 public:
  ErrorLogCapture();
  ~ErrorLogCapture();
  ErrorLogCapture(const ErrorLogCapture&) = delete;
  ErrorLogCapture& operator=(const ErrorLogCapture&) = delete;

  // The last error logged, without llama.cpp's function name in front; empty when there was none.
  std::string last() const;

 private:
  std::string previous_;
};

}  // namespace caduceus
