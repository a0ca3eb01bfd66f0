// Process-wide state: llama.cpp's backend and its log.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "platform/error.h"

namespace caduceus {

enum class LogLevel { silent = 0, error = 1, warn = 2, info = 3, debug = 4 };

// Called from whichever thread logs, one line at a time without its newline. Must not log itself.
using LogSink = std::function<void(LogLevel level, const std::string& line)>;

// Initializes llama.cpp with these GPU modules on the first call; a module that does not load is logged and left out.
// Later calls cost one atomic load and change nothing. Any thread. Throws ENGINE_FAILED where nothing can compute.
void ensure_backend(const std::vector<std::string>& gpu_modules = {});

// Why modules were left out.
const std::vector<std::string>& module_failures();

// Routes llama.cpp's log to `sink` from this level up. Silent by default; standard output is never written to.
void set_log(LogLevel level, LogSink sink);

// Logs a line of this engine to the same sink.
void log_line(LogLevel level, const std::string& line);

// While it exists, an assertion of ggml on this thread throws an EngineError instead of ending the process. A last
// resort for what the engine's own checks miss: an object that threw must not be used again. Has no effect on ggml's
// own threads.
class AssertionGuard {
 public:
  AssertionGuard();
  ~AssertionGuard();
  AssertionGuard(const AssertionGuard&) = delete;
  AssertionGuard& operator=(const AssertionGuard&) = delete;
};

struct CapturedErrors {
  std::string last;
  // What memory could not be had, as a clause; empty when none lacked.
  std::string memory;
  bool is_gpu_memory = false;
};

// Captures the errors that llama.cpp logs on the calling thread while it exists: llama.cpp says nowhere else why a file
// could not be loaded, or that there was no memory.
class ErrorLogCapture {
 public:
  ErrorLogCapture();
  ~ErrorLogCapture();
  ErrorLogCapture(const ErrorLogCapture&) = delete;
  ErrorLogCapture& operator=(const ErrorLogCapture&) = delete;

  // The last error logged, without llama.cpp's function name in front; empty when there was none.
  std::string last() const;

  // The error for what failed meanwhile: of this code, with the last line, or OUT_OF_MEMORY with the size and the
  // device where memory could not be had. `what` is the beginning of a sentence, `remedy` a sentence for lack of
  // memory.
  EngineError failure(const std::string& code, const std::string& what, const std::string& remedy) const;

 private:
  CapturedErrors previous_;
};

// Gives what llama.cpp logs on the calling thread while it exists, at any level and text by text, to a function.
class LogTap {
 public:
  using Sink = std::function<void(const char* text)>;

  explicit LogTap(Sink sink);
  ~LogTap();
  LogTap(const LogTap&) = delete;
  LogTap& operator=(const LogTap&) = delete;

 private:
  Sink sink_;
};

}  // namespace caduceus
