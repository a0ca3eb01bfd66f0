#include "scheduler/output_queue.h"

namespace caduceus {

void OutputQueue::open(RunId id) {
  std::lock_guard lock(mutex_);
  channels_[id];
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

void OutputQueue::publish() {
  {
    std::lock_guard lock(mutex_);
    if (woken_) return;
    bool ready = false;
    for (const auto& [_, channel] : channels_) ready |= channel.ready();
    if (!ready) return;
    woken_ = true;
  }
  wake_();
}

size_t OutputQueue::held(RunId id) const {
  std::lock_guard lock(mutex_);
  const auto it = channels_.find(id);
  return it == channels_.end() || !it->second.paused ? 0 : it->second.output.tokens.size();
}

std::vector<RunOutput> OutputQueue::take(bool paused_too) {
  std::lock_guard lock(mutex_);
  woken_ = false;
  std::vector<RunOutput> taken;
  for (auto it = channels_.begin(); it != channels_.end();) {
    Channel& channel = it->second;
    if (paused_too) channel.paused = false;
    if (!channel.ready()) {
      ++it;
      continue;
    }
    const bool ended = channel.output.end.has_value();
    channel.output.id = it->first;
    taken.push_back(std::move(channel.output));
    channel.output = {};
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
