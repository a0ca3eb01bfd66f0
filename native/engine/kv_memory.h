// The two operations of llama.cpp's KV cache that sharing a prefix needs, apart from llama.cpp so that the
// bookkeeping above can be tested against a reference.
#pragma once

#include <cstdint>

#include "llama.h"

namespace caduceus {

class KvMemory {
 public:
  virtual ~KvMemory() = default;
  // Positions [0, end) of `from` also belong to `to`, which is empty.
  virtual void share(int from, int to, uint32_t end) = 0;
  // Forgets positions [begin, ...) of a sequence.
  virtual void remove(int sequence, uint32_t begin) = 0;
};

class LlamaMemory final : public KvMemory {
 public:
  explicit LlamaMemory(llama_context* context) : memory_(llama_get_memory(context)) {}
  void share(int from, int to, uint32_t end) override { llama_memory_seq_cp(memory_, from, to, 0, static_cast<llama_pos>(end)); }
  void remove(int sequence, uint32_t begin) override { llama_memory_seq_rm(memory_, sequence, static_cast<llama_pos>(begin), -1); }

 private:
  llama_memory_t memory_;
};

}  // namespace caduceus
