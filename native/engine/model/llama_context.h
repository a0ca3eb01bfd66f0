// One llama_context with its thread pool, configured for the engine. Built on the loading thread, then used by the
// engine thread only; ggml reads `interrupt` while it computes.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapter/adapter.h"
#include "llama.h"
#include "model/llama_handles.h"
#include "model/model.h"
#include "model/untouched_memory.h"
#include "platform/devices.h"
#include "platform/error.h"
#include "platform/thread_controller.h"

namespace caduceus {

struct ContextOptions {
  std::optional<uint32_t> context_size;  // of one conversation
  std::optional<uint32_t> cache_tokens;  // of all conversations together
  ggml_type kv_type = GGML_TYPE_F16;
  std::optional<uint32_t> threads;
};

class Context {
 public:
  // For up to 64 runs at once.
  Context(std::shared_ptr<Model> model, const ContextOptions& options);
  // A second context of the same model and settings, for one run at a time, which always computes with all threads. It
  // shares the first one's threads and its interrupt; the two must not compute at the same time.
  explicit Context(Context& first);
  // A context of another model, for as many runs and tokens. It shares the first one's threads and its interrupt; the
  // two must not compute at the same time.
  Context(Context& first, std::shared_ptr<Model> other);

  struct Row {
    llama_token token;
    llama_pos position;
    llama_seq_id sequence;
    bool output;
  };
  // llama_decode's result: 0, 2 interrupted, others failed, for which `failure` has the reason. Output rows are then at
  // `logits(index)`.
  int decode(std::span<const Row> rows);
  const EngineError& failure() const { return *failure_; }
  std::span<const float> logits(int row);
  // Computes with these from now on. A change makes llama.cpp reserve its graphs again, which takes a few milliseconds.
  void use(std::shared_ptr<const AdapterSet> adapters);
  const std::shared_ptr<const AdapterSet>& adapters() const { return adapters_; }
  // llama_decode of another context of this model, with as many threads as are free; `threads_set` is what it was set
  // to.
  int compute(llama_context* context, const llama_batch& batch, uint32_t& threads_set);

  // For tests, any thread: sets the number of threads from the next computation on, up to `threads()`. 0 restores the
  // thread controller.
  void force_threads(uint32_t threads) { forced_threads_ = threads; }

  // Set by any thread: the computation under way ends at its next graph node, on a CPU.
  std::atomic<bool> interrupt{false};

  Model& model() { return *model_; }
  const Model& model() const { return *model_; }
  const std::shared_ptr<Model>& shared_model() const { return model_; }
  llama_context* get() { return context_.get(); }
  uint32_t context_size() const { return context_size_; }
  uint32_t cache_tokens() const { return cache_tokens_; }
  // Rows of one batch that may have logits; buffers are allocated for no more.
  uint32_t most_outputs() const { return std::max(running_ + 1, 16u); }
  // Number of runs at once.
  uint32_t running() const { return running_; }
  uint64_t cache_bytes() const { return cache_tokens_ * model_->cache_bytes_per_token(kv_type_); }
  uint32_t batch_size() const { return batch_size_; }
  uint32_t threads() const { return threads_; }
  // Number of threads that compute at the moment. Engine thread.
  uint32_t threads_now() const { return controller_->threads(); }
  ggml_type kv_type() const { return kv_type_; }
  // False for a model of embeddings or scores: it has no KV cache, and `get` is null.
  bool generates() const { return context_ != nullptr; }
  // A further llama_context of this model, which uses the same threads and interrupt. Throws OUT_OF_MEMORY or
  // ENGINE_FAILED; `what` is its name. The two must not compute at the same time.
  ContextHandle another(llama_context_params params, const std::string& what);

  // What of the KV cache nobody has written yet.
  UntouchedMemory& untouched() { return untouched_; }

  // Memory of the model and this context by device, the processor first. Does not query drivers.
  struct DeviceUse {
    ggml_backend_dev_t device;
    std::string name;
    std::string description;
    uint64_t weights_bytes = 0;
    uint64_t cache_bytes = 0;
    uint64_t compute_bytes = 0;
  };
  std::vector<DeviceUse> device_use() const;

 private:
  void resolve_sizes(const ContextOptions& options);
  void check_memory() const;
  void make();

  std::shared_ptr<Model> model_;
  uint32_t running_ = 64;
  uint32_t context_size_ = 0;
  uint32_t cache_tokens_ = 0;
  uint32_t batch_size_ = 512;
  uint32_t threads_ = 1;
  ggml_type kv_type_;
  std::shared_ptr<ThreadController> controller_;
  bool controlled_ = true;
  uint32_t threads_set_ = 0;
  std::atomic<uint32_t> forced_threads_{0};
  std::atomic<bool>* interrupted_ = &interrupt;
  std::shared_ptr<ggml_threadpool> pool_;
  std::shared_ptr<const AdapterSet> adapters_;
  UntouchedMemory untouched_;
  ContextHandle context_;
  std::unique_ptr<BatchHandle> batch_;
  std::optional<EngineError> failure_;
};

}  // namespace caduceus
