// Tokenizes prompts on a thread of its own with a large stack, a stretch of each in turn: neither the engine's thread
// nor the event loop waits for a long one, nor does a short one behind it. Any thread; answers come on the reader's.
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

#include "platform/large_stack_thread.h"
#include "tokenizer/tokenization.h"

namespace caduceus {

class PromptReader {
 public:
  struct Answer {
    RunId id = 0;
    std::vector<Token> tokens;
    size_t kept = 0;         // of these, so many come from the parts that are to be kept, whatever follows them
    bool too_long = false;   // `tokens` are more than `most_tokens`, and not all
    std::string error_code;  // empty: it worked
    std::string error_message;
  };
  struct Job {
    RunId id = 0;
    std::vector<PromptPart> prompt;
    std::optional<Token> previous;
    std::optional<size_t> kept_parts;  // of the prompt's, from its beginning
    size_t most_tokens = SIZE_MAX;     // from there on it is not read any further
    std::function<void(Answer)> done;
  };

  explicit PromptReader(const Tokenizer& tokenizer);
  ~PromptReader() { stop(); }
  PromptReader(const PromptReader&) = delete;
  PromptReader& operator=(const PromptReader&) = delete;

  void read(Job job);
  // On this thread, whatever `done` says.
  static Answer read_now(const Tokenizer& tokenizer, Job job);
  // Nobody waits for it any more; it is not answered, unless that is just being done.
  void forget(RunId id);
  // Ends the thread; what is left, and what still comes, is answered with this. The first call decides.
  void stop(std::string code = "MODEL_CLOSED",
            std::string message = "The model was closed while this text was tokenized.");

 private:
  struct Work {
    Answer answer;
    std::function<void(Answer)> done;
    std::optional<Token> previous;
    std::vector<PromptPart> kept_parts;  // read once the whole is
    bool measures_kept = false;
    bool reads_kept = false;
    size_t most_tokens = SIZE_MAX;
    std::optional<Tokenization> tokenization;
    bool forgotten = false;  // guarded by the mutex
  };

  static std::unique_ptr<Work> begin(const Tokenizer& tokenizer, Job job);
  void loop();
  // Reads on; true when there is an answer.
  static bool step(const Tokenizer& tokenizer, Work& work);
  void refuse(Work& work) const;

  const Tokenizer& tokenizer_;
  std::mutex mutex_;  // guards what follows, but for the work that is under way
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Work>> waiting_;
  Work* current_ = nullptr;
  bool stopping_ = false;
  std::string end_code_;  // set once, with `stopping_`
  std::string end_message_;
  std::mutex stop_mutex_;
  LargeStackThread thread_;  // last: starts when all else is there
};

}  // namespace caduceus
