#include "sampling/finite_samplers.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>

namespace caduceus {
namespace {

// exp(-87) is the smallest float of full precision.
constexpr float impossibly_far = 80;
// Beyond it floats hardly tell neighbors apart.
constexpr float largest_logit = 1e6f;

struct Steady {
  float lowest_temperature;
};

float best_of(std::span<const llama_token_data> candidates) {
  float best = -INFINITY;
  for (const llama_token_data& one : candidates) best = std::max(best, one.logit);
  return best;
}

void steady(llama_sampler* sampler, llama_token_data_array* array) {
  if (array->size == 0) return;
  const std::span candidates(array->data, array->size);
  for (llama_token_data& one : candidates) {
    if (std::isnan(one.logit)) one.logit = -INFINITY;
  }
  const float best = best_of(candidates);
  if (best == -INFINITY) {
    // Later samplers must not choose from no candidates, which would leave mirostat with NaN.
    array->data[0] = {LLAMA_TOKEN_NULL, 0.0f, 0.0f};
    array->size = 1;
  } else if (best == INFINITY) {
    for (llama_token_data& one : candidates) one.logit = one.logit == INFINITY ? 0.0f : -INFINITY;
  } else if (std::fabs(best) > largest_logit * static_cast<const Steady*>(sampler->ctx)->lowest_temperature) {
    for (llama_token_data& one : candidates) one.logit -= best;
  }
}

void drop_impossible(llama_sampler*, llama_token_data_array* array) {
  const std::span candidates(array->data, array->size);
  const float least = best_of(candidates) - impossibly_far;
  const auto end = std::remove_if(candidates.begin(), candidates.end(), [least](const llama_token_data& one) {
    return !(one.logit >= least) || one.logit == -INFINITY;
  });
  array->size = std::max<size_t>(static_cast<size_t>(end - candidates.begin()), std::min<size_t>(array->size, 1));
}

}  // namespace

llama_sampler* init_steady(float lowest_temperature) {
  static llama_sampler_i interface = [] {
    llama_sampler_i made{};
    made.name = [](const llama_sampler*) { return "steady"; };
    made.apply = steady;
    made.free = [](llama_sampler* sampler) { delete static_cast<Steady*>(sampler->ctx); };
    return made;
  }();
  return llama_sampler_init(&interface, new Steady{lowest_temperature});
}

llama_sampler* init_drop_impossible() {
  static llama_sampler_i interface = [] {
    llama_sampler_i made{};
    made.name = [](const llama_sampler*) { return "drop-impossible"; };
    made.apply = drop_impossible;
    return made;
  }();
  return llama_sampler_init(&interface, nullptr);
}

}  // namespace caduceus
