#include "speculative/draft_model.h"

#include <algorithm>
#include <cmath>

namespace caduceus {
namespace {

// Cells that ended runs may hold, since each occupied cell costs time.
constexpr uint32_t warm_cells = 2048;

}  // namespace

DraftModel::DraftModel(std::unique_ptr<Context> context, const Model& model)
    : context_(std::move(context)),
      vocabulary_(std::min(context_->model().info().vocabulary_size, model.info().vocabulary_size)),
      memory_(context_->get()),
      cache_(memory_, store_, context_->cache_tokens(), static_cast<int>(llama_max_parallel_sequences()) - 1, true) {}

bool DraftModel::can_read(const Run& run, uint32_t more) const {
  if (run.tokens.size() + more > context_->context_size()) return false;
  return std::all_of(run.tokens.begin(), run.tokens.end(),
                     [this](Token token) { return static_cast<uint32_t>(token) < vocabulary_; });
}

std::optional<uint32_t> DraftModel::behind(Run& run) {
  // The last token is always computed: the draft is chosen from its logits.
  const auto usable = std::span<const Token>(run.tokens).first(run.tokens.size() - 1);
  if (run.draft_sequence < 0) {
    auto opened = cache_.open(usable, static_cast<uint32_t>(usable.size()), run.cache_scope);
    if (!opened && !followed_.empty()) {
      lose(*followed_.front());
      opened = cache_.open(usable, static_cast<uint32_t>(usable.size()), run.cache_scope);
    }
    if (!opened) return std::nullopt;
    run.draft_sequence = opened->sequence;
    followed_.push_back(&run);
  } else if (const uint32_t same = cache_.agreeing(run.draft_sequence, usable);
             same < cache_.length(run.draft_sequence)) {
    cache_.truncate(run.draft_sequence, same);
  }
  return static_cast<uint32_t>(run.tokens.size()) - cache_.length(run.draft_sequence);
}

void DraftModel::forget(Run& run) {
  if (run.draft_sequence < 0) return;
  cache_.close(std::exchange(run.draft_sequence, -1), true);
  std::erase(followed_, &run);
  while (cache_.cached_sequences() > 1 && cache_.available() - cache_.free() > warm_cells)
    cache_.make_room(cache_.free() + 1);
}

void DraftModel::lose(Run& run) {
  if (run.draft_sequence < 0) return;
  cache_.close(std::exchange(run.draft_sequence, -1), false);
  std::erase(followed_, &run);
}

// Frees cells for all of them.
bool DraftModel::reserve(std::span<const Order> orders) {
  uint32_t cells = 0;
  for (const Order& order : orders) cells += order.rows + order.most;
  while (!cache_.make_room(cells)) {
    const auto victim = std::find_if(followed_.begin(), followed_.end(), [&](const Run* run) {
      return std::none_of(orders.begin(), orders.end(), [&](const Order& order) { return order.run == run; });
    });
    if (victim == followed_.end()) return false;
    lose(**victim);
  }
  return true;
}

void DraftModel::draft(std::vector<Order> orders, const Take& take) {
  while (!orders.empty() && !reserve(orders)) orders.pop_back();
  if (orders.empty()) return;
  struct Drafting {
    const Order* order;
    Token token;  // the last one drafted
    int row;
  };
  std::vector<Drafting> drafting;
  const auto lose_all = [&] {
    // What of a computation that did not end well is in the cache, only llama.cpp knows.
    for (const Order& order : orders) lose(*order.run);
  };

  rows_.clear();
  for (const Order& order : orders) {
    const Run& run = *order.run;
    // Now the one that was drafted for last.
    std::rotate(std::find(followed_.begin(), followed_.end(), order.run),
                std::find(followed_.begin(), followed_.end(), order.run) + 1, followed_.end());
    const uint32_t from = cache_.length(run.draft_sequence);
    for (uint32_t at = from; at < from + order.rows; ++at)
      rows_.push_back({run.tokens[at], static_cast<llama_pos>(at), run.draft_sequence, false});
    if (from + order.rows < run.tokens.size() || order.most == 0) continue;
    rows_.back().output = true;
    drafting.push_back({&order, LLAMA_TOKEN_NULL, static_cast<int>(rows_.size()) - 1});
  }
  if (!compute()) return lose_all();
  for (const Order& order : orders) {
    const uint32_t from = cache_.length(order.run->draft_sequence);
    cache_.append(order.run->draft_sequence, std::span(order.run->tokens).subspan(from, order.rows));
  }

  for (uint32_t drafted = 1; !drafting.empty(); ++drafted) {
    rows_.clear();
    std::vector<Drafting> going_on;
    for (const auto& [order, _, row] : drafting) {
      const Guess best = guess(row);
      if (best.token == LLAMA_TOKEN_NULL || !take(*order->run, best.token, best.probability) || drafted >= order->most)
        continue;
      const int sequence = order->run->draft_sequence;
      going_on.push_back({order, best.token, static_cast<int>(rows_.size())});
      rows_.push_back({best.token, static_cast<llama_pos>(cache_.length(sequence)), sequence, true});
    }
    drafting = std::move(going_on);
    if (drafting.empty()) return;
    if (!compute()) return lose_all();
    for (const Drafting& one : drafting) cache_.append(one.order->run->draft_sequence, std::span(&one.token, 1));
  }
}

bool DraftModel::compute() {
  const auto before = Clock::now();
  const int result = context_->decode(rows_);
  ++steps_;
  const double took = milliseconds(Clock::now() - before);
  if (result != 0) {
    failed_ = result != 2;  // interrupted, because the engine stops
    return false;
  }
  const auto rows = static_cast<uint32_t>(rows_.size());
  // Other programs may have delayed it.
  spent_ms_ += std::min(took, 2 * expected_ms(rows));
  times_.measured(rows, took);
  if (rows >= StepTimes::most_rows)
    bulk_row_ms_ = bulk_row_ms_ == 0 ? took / rows : 0.5 * bulk_row_ms_ + 0.5 * took / rows;
  return true;
}

double DraftModel::expected_ms(uint32_t rows) const {
  if (rows >= StepTimes::most_rows && bulk_row_ms_ > 0) return bulk_row_ms_ * rows;
  const double ms = times_.expected(rows);
  return ms > 0 ? ms : guessed_row_ms_ * 0.5 * (rows + 1);
}

// The most likely token, of those that both models have.
DraftModel::Guess DraftModel::guess(int row) const {
  auto logits = context_->logits(row);
  if (logits.empty()) return {LLAMA_TOKEN_NULL, 0};
  logits = logits.first(vocabulary_);
  const auto best = std::max_element(logits.begin(), logits.end());
  if (!std::isfinite(*best)) return {LLAMA_TOKEN_NULL, 0};
  // Others add nothing that matters.
  constexpr float least = -16;
  float sum = 0;
  for (const float logit : logits)
    if (const float less = logit - *best; less > least) sum += std::exp(less);
  return {static_cast<Token>(best - logits.begin()), 1 / sum};
}

}  // namespace caduceus
