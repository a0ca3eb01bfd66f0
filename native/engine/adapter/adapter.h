// LoRA adapters: pairs of small matrices that are added to a model's weights while it computes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "llama.h"
#include "model/model.h"

namespace caduceus {

// One adapter in memory. Any thread may load or free one while others compute, as long as no context uses it.
class Adapter {
 public:
  // Checks the file, loads it and computes a token with it. Not on the event loop's thread. Throws MODEL_NOT_FOUND,
  // MODEL_INVALID, OUT_OF_MEMORY or UNSUPPORTED, or CANCELLED once `cancelled` is set.
  static std::shared_ptr<Adapter> load(std::shared_ptr<Model> model, const std::string& path,
                                       const std::atomic<bool>* cancelled = nullptr);
  ~Adapter();
  Adapter(const Adapter&) = delete;
  Adapter& operator=(const Adapter&) = delete;

  llama_adapter_lora* get() const { return adapter_; }
  // Hash of the file's content: what is cached with one adapter serves another with the same content.
  const std::string& identity() const { return identity_; }
  uint64_t bytes() const { return bytes_; }

 private:
  Adapter(std::shared_ptr<Model> model, llama_adapter_lora* adapter, std::string identity, uint64_t bytes);
  void try_out() const;

  std::shared_ptr<Model> model_;
  llama_adapter_lora* adapter_;
  std::string identity_;
  uint64_t bytes_;
};

// The adapters that a run is computed with, each with its scale.
struct AdapterSet {
  struct Use {
    std::shared_ptr<Adapter> adapter;
    float scale;
  };
  // In an order that does not depend on the request's; without those of scale 0. Null for none: the model alone.
  static std::shared_ptr<const AdapterSet> of(std::vector<Use> uses);

  std::vector<Use> uses;
  std::string key;  // equal for sets that compute the same
};

// Of the model alone it is empty.
inline const std::string& key_of(const std::shared_ptr<const AdapterSet>& adapters) {
  static const std::string none;
  return adapters ? adapters->key : none;
}

}  // namespace caduceus
