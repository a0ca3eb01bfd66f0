// The operations of llama.cpp's KV cache that the prefix cache needs, behind an interface so that its bookkeeping can
// be tested against a reference.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <span>

#include "llama.h"

namespace caduceus {

// The computed state of a range of tokens, as llama.cpp writes it. Empty when llama.cpp could not give it.
struct SavedState {
  std::unique_ptr<uint8_t[]> data;
  size_t size = 0;
  std::span<const uint8_t> bytes() const { return {data.get(), size}; }
};

class KvMemory {
 public:
  virtual ~KvMemory() = default;
  // Positions [0, end) of `from` also belong to `to`, which is empty.
  virtual void share(int from, int to, uint32_t end) = 0;
  // Removes positions [begin, ...) of a sequence.
  virtual void remove(int sequence, uint32_t begin) = 0;
  // Returns the state of positions [begin, end) of a sequence.
  virtual SavedState save(int sequence, uint32_t begin, uint32_t end) = 0;
  // Loads positions [begin, end) of a saved state into a sequence that ends at `begin`. The caller has freed cells for
  // all that the state holds. False when llama.cpp refuses it; the sequence is then unchanged.
  virtual bool load(int sequence, std::span<const uint8_t> state, uint32_t begin, uint32_t end) = 0;
};

class LlamaMemory final : public KvMemory {
 public:
  // A sequence id that nothing else uses: llama.cpp saves and loads whole sequences, so parts go through this one.
  static constexpr int staging = 0;

  explicit LlamaMemory(llama_context* context) : context_(context), memory_(llama_get_memory(context)) {}

  void share(int from, int to, uint32_t end) override {
    llama_memory_seq_cp(memory_, from, to, 0, static_cast<llama_pos>(end));
  }

  void remove(int sequence, uint32_t begin) override {
    llama_memory_seq_rm(memory_, sequence, static_cast<llama_pos>(begin), -1);
  }

  SavedState save(int sequence, uint32_t begin, uint32_t end) override {
    llama_memory_seq_cp(memory_, sequence, staging, static_cast<llama_pos>(begin), static_cast<llama_pos>(end));
    SavedState state;
    state.size = llama_state_seq_get_size(context_, staging);
    // There need not be memory for a copy of what fitted in once.
    state.data.reset(new (std::nothrow) uint8_t[state.size]);
    if (!state.data || llama_state_seq_get_data(context_, state.data.get(), state.size, staging) != state.size)
      state = {};
    llama_memory_seq_rm(memory_, staging, -1, -1);
    return state;
  }

  bool load(int sequence, std::span<const uint8_t> state, uint32_t begin, uint32_t end) override {
    const bool loaded = llama_state_seq_set_data(context_, state.data(), state.size(), staging) == state.size();
    if (loaded)
      llama_memory_seq_cp(memory_, staging, sequence, static_cast<llama_pos>(begin), static_cast<llama_pos>(end));
    llama_memory_seq_rm(memory_, staging, -1, -1);
    // Only llama.cpp knows whether the state held these positions.
    if (loaded && llama_memory_seq_pos_max(memory_, sequence) == static_cast<llama_pos>(end) - 1) return true;
    llama_memory_seq_rm(memory_, sequence, static_cast<llama_pos>(begin), -1);
    return false;
  }

 private:
  llama_context* context_;
  llama_memory_t memory_;
};

}  // namespace caduceus
