#include "tokenizer/prompt_reader.h"

#include <algorithm>

#include "platform/runtime.h"
#include "tokenizer/tokenizer.h"

namespace caduceus {

PromptReader::PromptReader(const Tokenizer& tokenizer) : tokenizer_(tokenizer), thread_([this] { loop(); }) {}

std::unique_ptr<PromptReader::Work> PromptReader::begin(const Tokenizer& tokenizer, Job job) {
  auto work = std::make_unique<Work>();
  work->answer.id = job.id;
  work->done = std::move(job.done);
  work->previous = job.previous;
  work->most_tokens = job.most_tokens;
  if (job.kept_parts) {
    work->measures_kept = true;
    work->kept_parts.assign(job.prompt.begin(), job.prompt.begin() + static_cast<std::ptrdiff_t>(
                                                                         std::min(*job.kept_parts, job.prompt.size())));
  }
  work->tokenization.emplace(tokenizer, std::move(job.prompt), job.previous);
  return work;
}

PromptReader::Answer PromptReader::read_now(const Tokenizer& tokenizer, Job job) {
  const auto work = begin(tokenizer, std::move(job));
  while (!step(tokenizer, *work)) {
  }
  return std::move(work->answer);
}

void PromptReader::read(Job job) {
  auto work = begin(tokenizer_, std::move(job));
  {
    std::lock_guard lock(mutex_);
    if (!stopping_) waiting_.push_back(std::move(work));
  }
  changed_.notify_one();
  if (work) refuse(*work);
}

void PromptReader::forget(RunId id) {
  std::unique_ptr<Work> forgotten;  // freed outside the lock, since it may be megabytes
  std::lock_guard lock(mutex_);
  if (current_ && current_->answer.id == id) current_->forgotten = true;
  const auto it =
      std::find_if(waiting_.begin(), waiting_.end(), [id](const auto& work) { return work->answer.id == id; });
  if (it == waiting_.end()) return;
  forgotten = std::move(*it);
  waiting_.erase(it);
}

void PromptReader::stop(const EngineError& error) {
  std::lock_guard once(stop_mutex_);
  {
    std::lock_guard lock(mutex_);
    if (!stopping_) end_ = error;
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
  // One by one, since others may still forget theirs.
  for (std::unique_lock lock(mutex_); !waiting_.empty(); lock.lock()) {
    const auto work = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    refuse(*work);
  }
}

void PromptReader::refuse(Work& work) const {
  work.answer.error = end_;
  work.answer.tokens.clear();
  work.done(std::move(work.answer));
}

void PromptReader::loop() {
  const AssertionGuard guard;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    auto work = std::move(waiting_.front());
    waiting_.pop_front();
    current_ = work.get();
    lock.unlock();
    const bool answered = step(tokenizer_, *work);
    lock.lock();
    current_ = nullptr;
    const bool forgotten = work->forgotten;
    if (!answered && !forgotten) {
      waiting_.push_back(std::move(work));
      continue;
    }
    lock.unlock();
    if (!forgotten) work->done(std::move(work->answer));
    work.reset();
    lock.lock();
  }
}

bool PromptReader::step(const Tokenizer& tokenizer, Work& work) {
  Answer& answer = work.answer;
  try {
    const bool goes_on = work.tokenization->step();
    const bool too_long = !work.reads_kept && work.tokenization->size() > work.most_tokens;
    if (goes_on && !too_long) return false;
    if (!work.reads_kept) {
      answer.tokens = work.tokenization->take();
      answer.too_long = goes_on;
      if (goes_on || !work.measures_kept) return true;
      work.reads_kept = true;
      work.tokenization.emplace(tokenizer, std::move(work.kept_parts), work.previous);
      return false;
    }
    // A token may reach across the end of the last part; it does not belong to the prefix then.
    const auto kept = work.tokenization->take();
    const auto end = std::mismatch(kept.begin(), kept.end(), answer.tokens.begin(), answer.tokens.end()).first;
    answer.kept = static_cast<size_t>(end - kept.begin());
  } catch (const EngineError& error) {
    answer.error = error;
  } catch (const std::exception& error) {
    answer.error = EngineError("ENGINE_FAILED", std::string("The prompt could not be tokenized: ") + error.what());
  }
  return true;
}

}  // namespace caduceus
