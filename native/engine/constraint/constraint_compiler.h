// Compiles constraints on threads of its own, so that neither the event loop nor the engine's thread ever does, and
// keeps what it compiled. Used by the engine thread; answers come on the compiler's.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "constraint/constraint.h"
#include "platform/large_stack_thread.h"

namespace caduceus {

class ConstraintCompiler {
 public:
  struct Limits {
    size_t text_bytes = 8 << 20;  // of one constraint
    std::chrono::milliseconds time{2000};
    size_t cached = 64;
    size_t cached_bytes = 64 << 20;
    size_t late = 3;  // compilations that went past their time and have not ended yet
  };

  struct Answer {
    RunId run = 0;
    std::shared_ptr<const Grammar> grammar;  // null: it failed
    double took_ms = 0;
    std::string error_code;
    std::string error_message;
  };

  // `answer` is called on the compiler's thread, never after the destructor has returned.
  ConstraintCompiler(const Tokenizer& tokenizer, Limits limits, std::function<void(Answer)> answer);
  // Waits for what is being compiled.
  ~ConstraintCompiler();
  ConstraintCompiler(const ConstraintCompiler&) = delete;
  ConstraintCompiler& operator=(const ConstraintCompiler&) = delete;

  // From the cache; null when it is not there. Microseconds.
  std::shared_ptr<const Grammar> find(const ConstraintSpec& spec);
  // The answer comes later, in order, at the latest when the time for it and those before it is over. Throws
  // CONSTRAINT_TOO_COMPLEX for what is too long.
  void compile(RunId run, const ConstraintSpec& spec);
  // Nobody waits for it any more.
  void forget(RunId run);

  size_t cached() const;

 private:
  struct Job {
    RunId run;
    ConstraintSpec::Kind kind;
    std::string text;
  };
  // One compilation, on its own thread, since nothing else can end one that takes too long.
  struct Work {
    Job job;
    Answer answer;
    bool done = false;
    LargeStackThread thread;
  };
  struct Entry {
    ConstraintSpec::Kind kind;
    std::string text;
    size_t hash;
    std::shared_ptr<const Grammar> grammar;
  };

  void loop();
  void run(Work& work);
  void join_late(std::unique_lock<std::mutex>& lock);
  std::shared_ptr<const Grammar> find_locked(ConstraintSpec::Kind kind, const std::string& text);
  void keep(const Job& job, std::shared_ptr<const Grammar> grammar);

  const Tokenizer& tokenizer_;
  const Limits limits_;
  const std::function<void(Answer)> answer_;

  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable changed_;
  std::vector<Job> jobs_;
  std::list<std::unique_ptr<Work>> late_;
  std::list<Entry> cache_;  // the last used one first
  bool stopping_ = false;

  std::shared_ptr<const ConstraintVocabulary> vocabulary_;  // made by the thread before it compiles anything
  std::thread thread_;                                      // last: starts when all else is there
};

}  // namespace caduceus
