// Compiles constraints on threads of its own, so that neither the event loop nor the engine's thread ever does, and
// keeps what it compiled. Used by the engine thread; answers come on the compiler's.
//
// Nothing can end a compilation, so one that takes long keeps its thread. It does not keep others from theirs: they
// wait only for those that have just begun, and those of one scope never take all threads.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "constraint/constraint.h"
#include "platform/error.h"
#include "platform/large_stack_thread.h"
#include "platform/thread_controller.h"

namespace caduceus {

class ConstraintCompiler {
 public:
  struct Limits {
    size_t text_bytes = 8 << 20;  // of one constraint
    // Processor time of one compilation, so a busy machine does not shorten it. Past it its run has failed, and its
    // thread goes on.
    std::chrono::milliseconds cpu{2000};
    std::chrono::milliseconds quick{50};  // as long as a compilation is younger, those behind it wait for it
    size_t quick_at_once = 2;             // where so many of them are under way
    size_t threads = 8;                   // of all compilations, those past their time included
    size_t threads_of_scope = 5;          // of those for one scope
    size_t cached = 64;
    size_t cached_bytes = 64 << 20;
  };

  struct Answer {
    RunId run = 0;
    std::shared_ptr<const Grammar> grammar;
    std::optional<EngineError> error;  // in the place of a grammar
    double took_ms = 0;
  };

  // What compiles: on any thread, several at once. Throws what the answer is to say.
  using Compile = std::function<std::shared_ptr<const Grammar>(const ConstraintSpec&)>;

  // `answer` is called on the compiler's thread, never after the destructor has returned. Tests give a `compile` of
  // their own.
  ConstraintCompiler(const Tokenizer& tokenizer, Limits limits, std::function<void(Answer)> answer,
                     Compile compile = {});
  // Waits for what is being compiled.
  ~ConstraintCompiler();
  ConstraintCompiler(const ConstraintCompiler&) = delete;
  ConstraintCompiler& operator=(const ConstraintCompiler&) = delete;

  // From the cache; null when it is not there. Microseconds.
  std::shared_ptr<const Grammar> find(const ConstraintSpec& spec);
  // The answer comes later, in no particular order. Scopes take turns. Throws CONSTRAINT_TOO_COMPLEX for what is too
  // long.
  void compile(RunId run, const ConstraintSpec& spec, const std::string& scope);
  // Nobody waits for it any more.
  void forget(RunId run);

  size_t cached() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Job {
    RunId run;
    ConstraintSpec spec;
    size_t hash;
    std::string scope;
  };
  struct Work {
    Job job;
    std::vector<RunId> runs;  // that wait for it
    Clock::time_point started;
    std::optional<ThreadNumber> number;  // of its thread, once that runs
    bool done = false;
    bool late = false;  // its time is over, and its runs have been told
    Answer answer;
    LargeStackThread thread;
  };
  using Works = std::list<std::unique_ptr<Work>>;
  struct Entry {
    ConstraintSpec::Kind kind;
    std::string text;
    size_t hash;
    std::shared_ptr<const Grammar> grammar;
  };
  // What is done without the lock: a compilation's last step takes it, and an answer may take others.
  struct Outcome {
    std::vector<Answer> answers;
    Works ended;
  };

  void loop();
  Outcome progress(Clock::time_point now);
  void settle(Works::iterator work, Clock::time_point now, Outcome& outcome);
  void serve_jobs(Clock::time_point now, Outcome& outcome);
  bool serve_at_once(const Job& job, Outcome& outcome);
  std::vector<Job>::iterator next_to_start(Clock::time_point now);
  void start(Job job, Clock::time_point now, Outcome& outcome);
  void run(Work& work);
  std::shared_ptr<const ConstraintVocabulary> vocabulary();
  size_t threads_of(const std::string& scope) const;
  std::chrono::duration<double, std::milli> time_left(const Work& work) const;
  std::optional<Clock::time_point> next_event(Clock::time_point now) const;
  std::shared_ptr<const Grammar> find_locked(const ConstraintSpec& spec, size_t hash);
  std::list<Entry> keep(const Job& job, std::shared_ptr<const Grammar> grammar);

  const Tokenizer& tokenizer_;
  const Limits limits_;
  const std::function<void(Answer)> answer_;
  Compile compile_;  // set by the thread before it compiles anything

  std::mutex vocabulary_mutex_;
  std::shared_ptr<const ConstraintVocabulary> vocabulary_;  // guarded by it; made when it is first needed

  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable changed_;
  std::vector<Job> jobs_;  // in the order in which they came
  Works works_;
  std::map<std::string, uint64_t> turns_;  // of the scopes that have any: when one of theirs was last started
  uint64_t turn_ = 0;
  std::list<Entry> cache_;  // the last used one first
  bool stopping_ = false;

  LargeStackThread thread_;  // last: starts when all else is there
};

}  // namespace caduceus
