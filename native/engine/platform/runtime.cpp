#include "platform/runtime.h"

#include <atomic>
#include <cstring>
#include <mutex>
#include <regex>
#include <utility>

#include "llama.h"
#include "platform/devices.h"
#include "platform/error.h"
#include "platform/machine.h"

namespace caduceus {
namespace {

std::mutex log_mutex;
std::atomic<int> log_level{static_cast<int>(LogLevel::silent)};
LogSink log_sink;
// GGML_LOG_LEVEL_CONT continues the line before it, so lines are put together here.
std::string unfinished_line;
LogLevel unfinished_level = LogLevel::silent;

std::vector<std::string> failures;

thread_local int guards = 0;
thread_local int captures = 0;
thread_local CapturedErrors captured;
thread_local const LogTap::Sink* tap = nullptr;

LogLevel level_of(ggml_log_level level) {
  switch (level) {
    case GGML_LOG_LEVEL_ERROR:
      return LogLevel::error;
    case GGML_LOG_LEVEL_WARN:
      return LogLevel::warn;
    case GGML_LOG_LEVEL_INFO:
      return LogLevel::info;
    default:
      return LogLevel::debug;
  }
}

// Of what llama.cpp says when an allocation failed: "failed to allocate CUDA0 buffer of size 1073741824". Whoever asked
// for the buffer says it once more in other words, without a size.
void capture_memory(const std::string& line) {
  // The processor's buffers have no name there.
  static const std::regex sized("failed to allocate (?:(.+) )?buffer of size (\\d{1,18})");
  if (std::smatch found; std::regex_match(line, found, sized)) {
    const std::string name = found[1];
    ggml_backend_dev_t device = ggml_backend_dev_by_name(name.c_str());
    captured.is_gpu_memory = device && is_gpu(device);
    captured.memory =
        mebibytes(std::stoull(found[2])) + (captured.is_gpu_memory ? " on " + name : "") + " could not be allocated";
    return;
  }
  if (!captured.memory.empty()) return;
  for (const char* words :
       {"failed to allocate", "unable to allocate", "insufficient memory", "out of memory", "bad_alloc"}) {
    if (line.find(words) == std::string::npos) continue;
    captured.is_gpu_memory = line.find("CUDA") != std::string::npos;
    captured.memory = captured.is_gpu_memory ? "the GPU has not enough memory" : "there is not enough memory";
  }
}

EngineError out_of_memory(const std::string& what, const std::string& remedy) {
  return EngineError::out_of_memory(
      what + ": " + captured.memory + ".",
      remedy + (captured.is_gpu_memory ? " Or put fewer layers on GPUs (gpuLayers)." : ""));
}

void capture_error(const char* text) {
  std::string line(text);
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
  // "llama_model_load: error loading model: tensor 'x' ..." -> from the last part that tells something.
  if (const auto colon = line.find(": "); colon != std::string::npos && line.find(' ') > colon)
    line.erase(0, colon + 2);
  // The loader logs its cause first and "failed to load model" after it; the cause is what helps.
  if (line.empty()) return;
  if (captured.last.empty() || line.find("failed to load model") == std::string::npos) captured.last = line;
  capture_memory(line);
}

void on_log(ggml_log_level level, const char* text, void*) {
  if (captures > 0 && level == GGML_LOG_LEVEL_ERROR) capture_error(text);
  if (tap) (*tap)(text);
  // Told of each matrix of an adapter whose weight is packed for other kernels than ggml's plain ones: all is well.
  if (level == GGML_LOG_LEVEL_WARN && std::strstr(text, ": lora for '")) return;
  const int limit = log_level.load(std::memory_order_relaxed);
  if (limit == 0) return;
  std::lock_guard lock(log_mutex);
  if (level != GGML_LOG_LEVEL_CONT) unfinished_level = level_of(level);
  if (static_cast<int>(unfinished_level) > limit || !log_sink) return;
  for (const char* c = text; *c != '\0'; ++c) {
    if (*c != '\n') {
      unfinished_line.push_back(*c);
    } else if (!unfinished_line.empty()) {
      log_sink(unfinished_level, unfinished_line);
      unfinished_line.clear();
    }
  }
}

void on_assertion(const char* message) {
  if (guards == 0) return;
  // CUDA's allocations during a computation.
  if (captures > 0 && !captured.memory.empty()) throw out_of_memory("llama.cpp could not compute", smaller_cache);
  std::string line(message);
  if (const auto path = line.find_last_of('/', line.find(": ")); path != std::string::npos) line.erase(0, path + 1);
  throw EngineError("ENGINE_FAILED", "llama.cpp stopped at an assertion: " + line);
}

}  // namespace

void ensure_backend(const std::vector<std::string>& gpu_modules) {
  static std::once_flag once;
  std::call_once(once, [&] {
    llama_log_set(on_log, nullptr);
    ggml_set_abort_callback(on_assertion);
    return_large_blocks();
    load_own_modules();
    for (const std::string& path : gpu_modules) {
      try {
        load_gpu_module(path);
      } catch (const std::exception& error) {
        failures.emplace_back(error.what());
        log_line(LogLevel::warn, error.what());
      }
    }
    llama_backend_init();
  });
}

const std::vector<std::string>& module_failures() { return failures; }

void set_log(LogLevel level, LogSink sink) {
  std::lock_guard lock(log_mutex);
  log_sink = std::move(sink);
  log_level.store(log_sink ? static_cast<int>(level) : 0, std::memory_order_relaxed);
  unfinished_line.clear();
}

void log_line(LogLevel level, const std::string& line) {
  if (static_cast<int>(level) > log_level.load(std::memory_order_relaxed)) return;
  std::lock_guard lock(log_mutex);
  if (log_sink) log_sink(level, line);
}

AssertionGuard::AssertionGuard() { ++guards; }

AssertionGuard::~AssertionGuard() { --guards; }

ErrorLogCapture::ErrorLogCapture() : previous_(std::exchange(captured, {})) { ++captures; }

ErrorLogCapture::~ErrorLogCapture() {
  --captures;
  captured = std::move(previous_);
}

std::string ErrorLogCapture::last() const { return captured.last; }

EngineError ErrorLogCapture::failure(const std::string& code, const std::string& what,
                                     const std::string& remedy) const {
  if (!captured.memory.empty()) return out_of_memory(what, remedy);
  return EngineError(code, what + (captured.last.empty() ? "." : ": " + captured.last + "."));
}

LogTap::LogTap(Sink sink) : sink_(std::move(sink)) { tap = &sink_; }

LogTap::~LogTap() { tap = nullptr; }

}  // namespace caduceus
