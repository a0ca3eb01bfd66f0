#include "sampling/dry_samplers.h"

#include <algorithm>

namespace caduceus {

llama_sampler* DrySamplers::make(const Dry& dry, const llama_vocab* vocab) {
  const auto known =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.dry == dry; });
  if (known != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, known);
  } else {
    std::vector<const char*> breakers;
    for (const std::string& breaker : dry.sequence_breakers) breakers.push_back(breaker.c_str());
    entries_.push_front({dry,
                         {llama_sampler_init_dry(vocab, dry.multiplier, dry.base, dry.allowed_length, dry.last_n,
                                                 breakers.data(), breakers.size()),
                          {}}});
    if (entries_.size() > most) entries_.pop_back();
  }
  return llama_sampler_clone(entries_.front().sampler.get());
}

}  // namespace caduceus
