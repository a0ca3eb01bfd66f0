// Tokenizes long prompts on a thread of its own with a large stack, a chunk of each in turn, so that neither the
// engine's thread, the event loop nor a short prompt waits for a long one. Any thread; answers come on the reader's.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "platform/error.h"
#include "platform/large_stack_thread.h"
#include "tokenizer/tokenization.h"

namespace caduceus {

class PromptReader {
 public:
  struct Answer {
    RunId id = 0;
    std::vector<Token> tokens;
    size_t kept = 0;        // number of tokens from the parts to be kept, whatever follows them
    bool too_long = false;  // the prompt has more than `most_tokens`; `tokens` is incomplete
    std::optional<EngineError> error;
  };
  struct Job {
    RunId id = 0;
    std::vector<PromptPart> prompt;
    std::optional<Token> previous;
    std::optional<size_t> kept_parts;  // number of the prompt's first parts
    size_t most_tokens = SIZE_MAX;     // stop reading here
    std::function<void(Answer)> done;
  };

  explicit PromptReader(const Tokenizer& tokenizer);
  ~PromptReader() { stop(); }
  PromptReader(const PromptReader&) = delete;
  PromptReader& operator=(const PromptReader&) = delete;

  void read(Job job);
  // Tokenizes on the calling thread, whatever `done` says.
  static Answer read_now(const Tokenizer& tokenizer, Job job);
  // Cancels a job: it is not answered, unless its answer is being delivered.
  void forget(RunId id);
  // Ends the thread; remaining and later jobs are answered with this error. The first call decides.
  void stop(const EngineError& error = {"MODEL_CLOSED", "The model was closed while this text was tokenized."});

 private:
  struct Work {
    Answer answer;
    std::function<void(Answer)> done;
    std::optional<Token> previous;
    std::vector<PromptPart> kept_parts;  // tokenized after the whole prompt
    bool measures_kept = false;
    bool reads_kept = false;
    size_t most_tokens = SIZE_MAX;
    std::optional<Tokenization> tokenization;
    bool forgotten = false;  // guarded by the mutex
  };

  static std::unique_ptr<Work> begin(const Tokenizer& tokenizer, Job job);
  void loop();
  // Tokenizes another chunk; true when there is an answer.
  static bool step(const Tokenizer& tokenizer, Work& work);
  void refuse(Work& work) const;

  const Tokenizer& tokenizer_;
  std::mutex mutex_;  // guards what follows, except the job being read
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Work>> waiting_;
  Work* current_ = nullptr;
  bool stopping_ = false;
  std::optional<EngineError> end_;  // set once, with `stopping_`
  std::mutex stop_mutex_;
  LargeStackThread thread_;  // last: starts when all else is there
};

}  // namespace caduceus
