#include "scheduler/output_queue.h"

#include <utility>

namespace caduceus {

void OutputQueue::open(RunId id, std::chrono::milliseconds gather) {
  std::lock_guard lock(mutex_);
  channels_[id].gather = gather;
}

void OutputQueue::add(RunId id, std::string_view text, const ScoredTokens& tokens) {
  std::lock_guard lock(mutex_);
  const auto it = channels_.find(id);
  if (it == channels_.end()) return;
  RunOutput& output = it->second.output;
  output.text += text;
  output.append(tokens);
}

void OutputQueue::add_prompt(RunId id, ScoredTokens prompt) {
  std::lock_guard lock(mutex_);
  if (const auto it = channels_.find(id); it != channels_.end()) it->second.output.prompt = std::move(prompt);
}

void OutputQueue::end(RunId id, std::string_view text, RunEnd end) {
  std::lock_guard lock(mutex_);
  const auto it = channels_.find(id);
  if (it == channels_.end()) return;
  RunOutput& output = it->second.output;
  output.text += text;
  output.end = std::move(end);
}

void OutputQueue::publish(bool all) {
  const auto now = Clock::now();
  {
    std::lock_guard lock(mutex_);
    if (woken_) {
      all_ |= all;
      return;
    }
    bool ready = false;
    for (const auto& [_, channel] : channels_) ready |= channel.ready() && (all || channel.gathered(now, 1));
    if (!ready) return;
    woken_ = true;
    all_ = all;
  }
  wake_();
}

size_t OutputQueue::held(RunId id) const {
  std::lock_guard lock(mutex_);
  const auto it = channels_.find(id);
  return it == channels_.end() || !it->second.paused ? 0 : it->second.output.tokens.size();
}

std::vector<RunOutput> OutputQueue::take(bool paused_too) {
  const auto now = Clock::now();
  std::lock_guard lock(mutex_);
  woken_ = false;
  const bool all = std::exchange(all_, false) || paused_too;
  std::vector<RunOutput> taken;
  for (auto it = channels_.begin(); it != channels_.end();) {
    Channel& channel = it->second;
    if (paused_too) channel.paused = false;
    // Since the reader is awake, half of the time will do: runs with other times join those of this one.
    if (!channel.ready() || !(all || channel.gathered(now, 0.5))) {
      ++it;
      continue;
    }
    const bool ended = channel.output.end.has_value();
    channel.output.id = it->first;
    taken.push_back(std::move(channel.output));
    channel.output = {};
    channel.taken = now;
    it = ended ? channels_.erase(it) : std::next(it);
  }
  return taken;
}

void OutputQueue::pause(RunId id) {
  std::lock_guard lock(mutex_);
  if (const auto it = channels_.find(id); it != channels_.end()) it->second.paused = true;
}

void OutputQueue::resume(RunId id) {
  std::lock_guard lock(mutex_);
  if (const auto it = channels_.find(id); it != channels_.end()) it->second.paused = false;
}

void OutputQueue::forget(RunId id) {
  std::lock_guard lock(mutex_);
  channels_.erase(id);
}

}  // namespace caduceus
