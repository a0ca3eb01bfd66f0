#include "platform/runtime.h"

#include <atomic>
#include <cstring>
#include <mutex>

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
thread_local std::string captured_error;
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

void capture_error(const char* text) {
  std::string line(text);
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
  // "llama_model_load: error loading model: tensor 'x' ..." -> from the last part that tells something.
  if (const auto colon = line.find(": "); colon != std::string::npos && line.find(' ') > colon)
    line.erase(0, colon + 2);
  // The loader logs its cause first and "failed to load model" after it; the cause is what helps.
  if (!line.empty() && (captured_error.empty() || line.find("failed to load model") == std::string::npos))
    captured_error = line;
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

ErrorLogCapture::ErrorLogCapture() : previous_(std::move(captured_error)) {
  captured_error.clear();
  ++captures;
}

ErrorLogCapture::~ErrorLogCapture() {
  --captures;
  captured_error = std::move(previous_);
}

std::string ErrorLogCapture::last() const { return captured_error; }

LogTap::LogTap(Sink sink) : sink_(std::move(sink)) { tap = &sink_; }

LogTap::~LogTap() { tap = nullptr; }

}  // namespace caduceus
