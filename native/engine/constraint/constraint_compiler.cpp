#include "constraint/constraint_compiler.h"

#include <algorithm>

#include "platform/error.h"
#include "scheduler/run.h"

namespace caduceus {

ConstraintCompiler::ConstraintCompiler(const Tokenizer& tokenizer, Limits limits, std::function<void(Answer)> answer)
    : tokenizer_(tokenizer), limits_(limits), answer_(std::move(answer)), thread_([this] { loop(); }) {}

ConstraintCompiler::~ConstraintCompiler() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
  // Late compilations still use the members declared after this.
  late_.clear();
}

std::shared_ptr<const Grammar> ConstraintCompiler::find(const ConstraintSpec& spec) {
  std::lock_guard lock(mutex_);
  return find_locked(spec.kind, spec.text);
}

void ConstraintCompiler::compile(RunId run, const ConstraintSpec& spec) {
  if (spec.text.size() > limits_.text_bytes) {
    throw EngineError("CONSTRAINT_TOO_COMPLEX", "The constraint is too large to be enforced: it has " +
                                                    std::to_string(spec.text.size()) + " bytes and may have " +
                                                    std::to_string(limits_.text_bytes) +
                                                    "; simplify the schema or grammar.");
  }
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back({run, spec.kind, spec.text});
  }
  changed_.notify_all();
}

void ConstraintCompiler::forget(RunId run) {
  std::lock_guard lock(mutex_);
  std::erase_if(jobs_, [&](const Job& job) { return job.run == run; });
}

size_t ConstraintCompiler::cached() const {
  std::lock_guard lock(mutex_);
  return cache_.size();
}

std::shared_ptr<const Grammar> ConstraintCompiler::find_locked(ConstraintSpec::Kind kind, const std::string& text) {
  const size_t hash = std::hash<std::string>{}(text);
  const auto it = std::find_if(cache_.begin(), cache_.end(), [&](const Entry& entry) {
    return entry.hash == hash && entry.kind == kind && entry.text == text;
  });
  if (it == cache_.end()) return nullptr;
  cache_.splice(cache_.begin(), cache_, it);
  return it->grammar;
}

void ConstraintCompiler::keep(const Job& job, std::shared_ptr<const Grammar> grammar) {
  cache_.push_front({job.kind, job.text, std::hash<std::string>{}(job.text), std::move(grammar)});
  // Grammars in use may have grown since they were added.
  const auto bytes = [](const Entry& entry) { return entry.text.size() + entry.grammar->bytes(); };
  size_t all = 0;
  for (const Entry& entry : cache_) all += bytes(entry);
  while (cache_.size() > limits_.cached || (all > limits_.cached_bytes && cache_.size() > 1)) {
    all -= std::min(all, bytes(cache_.back()));
    cache_.pop_back();
  }
}

// -- the compiler's thread --

void ConstraintCompiler::loop() {
  // Made before the first constraint, so that it does not count against its time limit.
  std::string failure;
  try {
    vocabulary_ = std::make_shared<ConstraintVocabulary>(tokenizer_);
  } catch (const std::exception& error) {
    failure = error.what();
  }
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;
    auto work = std::make_unique<Work>();
    work->job = std::move(jobs_.front());
    jobs_.erase(jobs_.begin());
    work->answer.run = work->job.run;
    join_late(lock);
    if (auto grammar = find_locked(work->job.kind, work->job.text)) {
      // Another run may have compiled the same meanwhile.
      work->answer.grammar = std::move(grammar);
    } else if (!vocabulary_) {
      work->answer.error_code = "ENGINE_FAILED";
      work->answer.error_message = "The model's vocabulary cannot be prepared for constraints: " + failure;
    } else if (late_.size() >= limits_.late) {
      work->answer.error_code = "CONSTRAINT_TOO_COMPLEX";
      work->answer.error_message = "The constraint cannot be compiled at the moment, since " +
                                   std::to_string(late_.size()) + " others take too long; try again later.";
    } else {
      run(*work);
      const bool done = changed_.wait_for(lock, limits_.time, [&] { return work->done; });
      if (!done) {
        Answer late{work->job.run, nullptr, static_cast<double>(limits_.time.count()), "CONSTRAINT_TOO_COMPLEX",
                    "The constraint is too complex: compiling it took longer than " +
                        std::to_string(limits_.time.count()) + " ms; simplify the schema or grammar."};
        late_.push_back(std::move(work));
        lock.unlock();
        answer_(std::move(late));
        lock.lock();
        continue;
      }
    }
    Answer answer = std::move(work->answer);
    lock.unlock();
    work.reset();
    answer_(std::move(answer));
    lock.lock();
  }
}

void ConstraintCompiler::run(Work& work) {
  const auto body = [this, &work] {
    const auto before = Clock::now();
    Answer answer;
    answer.run = work.job.run;
    try {
      answer.grammar = std::make_shared<Grammar>(vocabulary_, work.job.kind, work.job.text);
    } catch (const EngineError& error) {
      answer.error_code = error.code();
      answer.error_message = error.what();
    } catch (const std::exception& error) {
      answer.error_code = "CONSTRAINT_TOO_COMPLEX";
      answer.error_message = std::string("The constraint could not be compiled: ") + error.what() + ".";
    }
    answer.took_ms = milliseconds(Clock::now() - before);
    {
      std::lock_guard lock(mutex_);
      // A grammar that came too late is cached for the next request.
      if (answer.grammar) keep(work.job, answer.grammar);
      work.answer = std::move(answer);
      work.done = true;
    }
    changed_.notify_all();
  };
  try {
    work.thread = LargeStackThread(body);
  } catch (const std::exception& error) {
    work.answer.error_code = "ENGINE_FAILED";
    work.answer.error_message = std::string("The constraint could not be compiled: ") + error.what() + ".";
    work.done = true;
  }
}

// Frees compilations that have ended. They are joined without the lock, which their last step takes.
void ConstraintCompiler::join_late(std::unique_lock<std::mutex>& lock) {
  std::list<std::unique_ptr<Work>> ended;
  for (auto it = late_.begin(); it != late_.end();) {
    const auto current = it++;
    if ((*current)->done) ended.splice(ended.end(), late_, current);
  }
  lock.unlock();
  ended.clear();
  lock.lock();
}

}  // namespace caduceus
