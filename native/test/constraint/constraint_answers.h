// Collects the answers of a ConstraintCompiler, for tests that wait for them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>

#include "check.h"
#include "constraint/constraint_compiler.h"

namespace caduceus {

struct Answers {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<RunId, ConstraintCompiler::Answer> all;

  auto receiver() {
    return [this](ConstraintCompiler::Answer answer) {
      std::lock_guard lock(mutex);
      all[answer.run] = std::move(answer);
      changed.notify_all();
    };
  }
  bool has(RunId run) {
    std::lock_guard lock(mutex);
    return all.contains(run);
  }
  ConstraintCompiler::Answer wait(RunId run) {
    std::unique_lock lock(mutex);
    CHECK(changed.wait_for(lock, std::chrono::seconds(60), [&] { return all.contains(run); }));
    return all[run];
  }
};

}  // namespace caduceus
