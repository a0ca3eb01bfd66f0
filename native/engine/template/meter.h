// The limits of one rendering. Templates come with files and are not trusted, so every expression and statement takes
// a step here, and everything that grows is counted. One meter for each thread, while it renders.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "platform/large_stack_thread.h"

namespace caduceus::templates {

struct Limits {
  double cpu_ms = 1'000;  // of this thread, so a busy machine does not shorten it
  size_t text_bytes = size_t{256} << 20;
  size_t values = 2'000'000;  // items of lists and dictionaries
  size_t stack_bytes = LargeStackThread::recursion;
  size_t parts = 50'000;  // spans of one origin in the result
};

// What is wrong with a template, or with the conversation for it.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
  size_t line = 0;         // of the template; 0 where nobody knows
  bool is_raised = false;  // by the template itself: its words are the message
  bool is_limit = false;   // of ours
};

[[noreturn]] void fail_at_limit(const std::string& reason);

class Meter {
 public:
  // From here on it is the one of this thread.
  explicit Meter(const Limits& limits);
  ~Meter();
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  // One unit of work; `count` where it grows with a size. Throws when time or stack are over.
  static void step(size_t count = 1);
  // So many items of a list or dictionary came to be. They count until the end of the rendering.
  static void add_values(size_t count);
  // Whether these bytes are counted: false where nothing is rendered.
  static bool hold(size_t bytes);
  static void release(size_t bytes);
  // Refuses what would not fit, before it is built.
  static void reserve_text(size_t bytes, size_t times = 1);
  static void reserve_values(size_t count, size_t times = 1);

 private:
  void check();

  const Limits limits_;
  const char* const stack_;
  double deadline_ms_;
  size_t steps_ = 0;
  size_t next_check_ = 0;
  size_t bytes_ = 0;
  size_t values_ = 0;
  Meter* previous_;
};

}  // namespace caduceus::templates
