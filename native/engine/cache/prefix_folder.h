// Prefixes that outlive the process, as files in a folder that several processes may share.
//
// A file holds a header and the state as llama.cpp writes it, which itself does not name its model. It is written under
// another name and renamed when complete. Files that are foreign, truncated or damaged are logged and removed. One
// thread does all the work on files.
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
#include <variant>
#include <vector>

#include "cache/kv_memory.h"
#include "platform/large_stack_thread.h"
#include "scheduler/request.h"

namespace caduceus {

class PrefixFolder {
 public:
  struct LookupResult {
    RunId run;
    uint32_t length = 0;  // tokens of the prompt that the state begins with; 0: a miss
    uint32_t saved = 0;   // tokens that the state holds
    SavedState state = {};
  };

  // `model` is the path of the model's file. `settings` holds all else that decides whether a state fits. `on_result`
  // is called on the folder's thread.
  PrefixFolder(std::filesystem::path folder, uint64_t most_bytes, std::filesystem::path model, std::string settings,
               std::function<void(LookupResult)> on_result);
  // Writes what is still queued before it returns.
  ~PrefixFolder();
  PrefixFolder(const PrefixFolder&) = delete;
  PrefixFolder& operator=(const PrefixFolder&) = delete;

  // Queues a state to be written, unless there is a file of exactly these tokens.
  void keep(std::vector<Token> tokens, std::string scope, SavedState state);
  // Looks up the longest kept prefix of these tokens that is longer than `more_than`. The answer comes through
  // `on_result`.
  void find(RunId run, std::vector<Token> tokens, std::string scope, uint32_t more_than);
  // Whether there is a file of exactly these tokens; one access to the file system. False until the model's file has
  // been hashed.
  bool contains(std::span<const Token> tokens, const std::string& scope) const;

 private:
  struct Keep {
    std::vector<Token> tokens;
    std::string scope;
    SavedState state;
  };
  struct Lookup {
    RunId run;
    std::vector<Token> tokens;
    std::string scope;
    uint32_t more_than;
  };
  using Job = std::variant<Keep, Lookup>;

  void push(Job job);
  void loop();
  void write(const Keep& job);
  LookupResult read(const Lookup& job);
  void enforce_limit(const std::filesystem::path& newest);
  std::filesystem::path file_of(std::span<const Token> tokens, const std::string& scope) const;

  const std::filesystem::path folder_;
  const uint64_t most_bytes_;
  const std::filesystem::path model_;
  const std::string settings_;
  const std::function<void(LookupResult)> on_result_;
  std::atomic<uint64_t> identity_{0};  // of model and settings; 0 until it is known

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  LargeStackThread thread_;  // last: starts when all else is there
};

}  // namespace caduceus
