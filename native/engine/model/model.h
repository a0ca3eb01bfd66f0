// A loaded GGUF model: weights and vocabulary, shared by the contexts made from it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "llama.h"
#include "tokenizer/tokenizer.h"

namespace caduceus {

struct ModelOptions {
  std::string path;
  // Number of layers on GPUs. 0: none; more than the model has: all.
  int32_t gpu_layers = 0;
  // Full paths of GPU modules. The first model of the process decides.
  std::vector<std::string> gpu_modules;
  // Called on the loading thread with 0..1.
  std::function<void(float)> on_progress;
  // Cancels loading when set, by any thread; `load` then throws CANCELLED.
  const std::atomic<bool>* cancelled = nullptr;
};

// Tokens by which a model fills in the middle of a text.
struct InfillTokens {
  llama_token prefix;
  llama_token suffix;
  llama_token middle;
  // Before the name of a repository, and before that of each file.
  std::optional<llama_token> repository;
  std::optional<llama_token> file;
};

struct ModelInfo {
  std::string path;
  std::string description;
  std::string architecture;
  std::optional<std::string> name;
  uint64_t parameters = 0;
  uint64_t size_bytes = 0;
  uint32_t training_context_size = 0;
  uint32_t layers = 0;
  uint32_t embedding_size = 0;
  uint32_t heads = 0;
  uint32_t heads_kv = 0;
  uint32_t vocabulary_size = 0;
  std::string vocabulary_type;
  std::string purpose;  // "text", "embedding" or "reranking"
  std::optional<std::string> chat_template;
  std::map<std::string, std::string> metadata;
  std::optional<llama_token> bos_token;
  std::optional<llama_token> eos_token;
  std::vector<llama_token> end_of_generation_tokens;
  std::optional<InfillTokens> infill_tokens;
};

class Model {
 public:
  // Checks the file, then loads it, which takes seconds. Not on the event loop's thread.
  static std::shared_ptr<Model> load(const ModelOptions& options);

  const ModelInfo& info() const { return info_; }
  llama_model* get() const { return model_.get(); }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  const llama_vocab* vocab() const { return llama_model_get_vocab(model_.get()); }

  // False for recurrent and hybrid models: their state cannot go back to an arbitrary prefix.
  bool can_rewind() const { return can_rewind_; }

  // False for models of embeddings and for rerankers.
  bool generates() const { return info_.purpose == "text"; }
  // Whether a token sees only those before it.
  bool is_causal() const { return causal_; }
  // How the file says that the tokens' vectors become one. None if it does not.
  enum llama_pooling_type pooling() const { return pooling_; }

  // Bytes of KV cache that one token takes over all layers.
  uint64_t cache_bytes_per_token(ggml_type type) const;

  // Layers on GPUs; 0 without GPUs.
  uint32_t gpu_layers() const { return gpu_layers_; }

  // llama.cpp keeps a list of a model's adapters, which it reads where it reserves a context's graphs. To be held alone
  // by who adds to it or takes from it, and shared by who makes a context or changes its adapters.
  std::shared_mutex& adapters_mutex() { return adapters_mutex_; }
  std::atomic<uint64_t> adapter_bytes{0};

 private:
  struct Free {
    void operator()(llama_model* model) const { llama_model_free(model); }
  };

  Model(llama_model* model, const ModelOptions& options);
  void read_purpose();

  std::unique_ptr<llama_model, Free> model_;
  std::unique_ptr<Tokenizer> tokenizer_;
  ModelInfo info_;
  bool can_rewind_ = true;
  bool causal_ = true;
  enum llama_pooling_type pooling_ = LLAMA_POOLING_TYPE_NONE;
  uint32_t gpu_layers_ = 0;
  std::shared_mutex adapters_mutex_;
};

}  // namespace caduceus
