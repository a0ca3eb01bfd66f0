// Compiles constraints on threads of its own, so that neither the event loop nor the engine's thread waits, and caches
// the grammars. Used by the engine thread; answers come on the compiler's thread.
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
    size_t text_bytes = 8 << 20;  // of one constraint's text
    std::chrono::milliseconds time{2000};
    size_t cached = 64;
    size_t cached_bytes = 64 << 20;
    size_t late = 3;  // compilations past their deadline that have not ended yet
  };

  struct Answer {
    RunId run = 0;
    std::shared_ptr<const Grammar> grammar;  // null after a failure
    double took_ms = 0;
    std::string error_code;
    std::string error_message;
  };

  // `answer` is called on the compiler's thread, never after the destructor has returned.
  ConstraintCompiler(const Tokenizer& tokenizer, Limits limits, std::function<void(Answer)> answer);
  // Waits for the compilations that are running.
  ~ConstraintCompiler();
  ConstraintCompiler(const ConstraintCompiler&) = delete;
  ConstraintCompiler& operator=(const ConstraintCompiler&) = delete;

  // Looks the grammar up in the cache; null on a miss. Microseconds.
  std::shared_ptr<const Grammar> find(const ConstraintSpec& spec);
  // Compiles; answers come in order, each at the latest when its time limit and those before it have passed. Throws
  // CONSTRAINT_TOO_COMPLEX for text that is too long.
  void compile(RunId run, const ConstraintSpec& spec);
  // Cancels a compilation: its answer is not needed any more.
  void forget(RunId run);

  size_t cached() const;

 private:
  struct Job {
    RunId run;
    ConstraintSpec::Kind kind;
    std::string text;
  };
  // One compilation on its own thread, since a compilation past its deadline cannot be interrupted.
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
  std::list<Entry> cache_;  // most recently used first
  bool stopping_ = false;

  std::shared_ptr<const ConstraintVocabulary> vocabulary_;  // created by the thread before its first compilation
  std::thread thread_;                                      // last member: starts when all others exist
};

}  // namespace caduceus
