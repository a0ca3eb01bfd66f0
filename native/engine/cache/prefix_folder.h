// Prefixes that are worth keeping beyond the life of a process, as files in a folder that several processes may share.
//
// A file holds a header of our own and the state as llama.cpp writes it, which itself does not say what model it is of.
// It is written under another name and renamed when it is whole; what is foreign, cut off or damaged is told to the log
// and removed. All file work is done on one thread of its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "cache/kv_memory.h"
#include "scheduler/request.h"

namespace caduceus {

class PrefixFolder {
 public:
  struct Found {
    RunId run;
    uint32_t length = 0;  // tokens of the prompt that the state begins with; 0: nothing was found
    uint32_t saved = 0;   // tokens that the state holds
    SavedState state = {};
  };

  // `model` is the model's file and `settings` whatever else decides whether a state fits. `on_found` is called on the
  // folder's thread.
  PrefixFolder(std::filesystem::path folder, uint64_t most_bytes, std::filesystem::path model, std::string settings,
               std::function<void(Found)> on_found);
  // Finishes what is still to be written.
  ~PrefixFolder();
  PrefixFolder(const PrefixFolder&) = delete;
  PrefixFolder& operator=(const PrefixFolder&) = delete;

  // Writes a state, unless there is one of exactly these tokens.
  void keep(std::vector<Token> tokens, std::string scope, SavedState state);
  // Answers by `on_found` with the longest prefix of these tokens that is longer than `more_than`.
  void find(RunId run, std::vector<Token> tokens, std::string scope, uint32_t more_than);
  // Whether a file of exactly these tokens is there. One look at the file system; false as long as the model is not
  // known.
  bool contains(std::span<const Token> tokens, const std::string& scope) const;

 private:
  struct Keep {
    std::vector<Token> tokens;
    std::string scope;
    SavedState state;
  };
  struct Find {
    RunId run;
    std::vector<Token> tokens;
    std::string scope;
    uint32_t more_than;
  };
  using Job = std::variant<Keep, Find>;

  void push(Job job);
  void loop();
  void write(const Keep& job);
  Found read(const Find& job);
  void enforce_limit(const std::filesystem::path& newest);
  std::filesystem::path file_of(std::span<const Token> tokens, const std::string& scope) const;

  const std::filesystem::path folder_;
  const uint64_t most_bytes_;
  const std::filesystem::path model_;
  const std::string settings_;
  const std::function<void(Found)> on_found_;
  std::atomic<uint64_t> identity_{0};  // of model and settings; 0 until it is known

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::thread thread_;  // last: starts when all else is there
};

}  // namespace caduceus
