// llama.cpp's DRY samplers, of which each run gets a copy: to find the tokens of its sequence breakers, a new one walks
// the vocabulary (some ms for each of them). Used by the engine thread only.
#pragma once

#include <list>
#include <memory>

#include "llama.h"
#include "scheduler/request.h"

namespace caduceus {

class DrySamplers {
 public:
  // The caller owns it. `last_n` is not negative.
  llama_sampler* make(const Dry& dry, const llama_vocab* vocab);

 private:
  struct Free {
    void operator()(llama_sampler* sampler) const { llama_sampler_free(sampler); }
  };
  struct Entry {
    Dry dry;
    std::unique_ptr<llama_sampler, Free> sampler;
  };
  static constexpr size_t most = 16;
  std::list<Entry> entries_;  // the last used one first
};

}  // namespace caduceus
