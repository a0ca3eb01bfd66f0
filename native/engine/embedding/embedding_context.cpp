#include "embedding/embedding_context.h"

#include <algorithm>

#include "platform/error.h"
#include "platform/runtime.h"

namespace caduceus {
namespace {

// llama.cpp keeps a row of logits for each token of a batch.
constexpr uint32_t causal_batch = 512;

}  // namespace

EmbeddingContext::EmbeddingContext(Context& context, enum llama_pooling_type pooling, uint32_t most_tokens)
    : context_(context),
      most_tokens_(std::max(most_tokens, causal_batch)),
      batch_tokens_(context.model().is_causal() ? causal_batch : most_tokens_) {
  const llama_model* model = context.model().get();
  width_ = pooling == LLAMA_POOLING_TYPE_RANK ? llama_model_n_cls_out(model)
                                              : static_cast<size_t>(llama_model_n_embd_out(model));
  llama_context_params params = llama_context_default_params();
  params.embeddings = true;
  params.pooling_type = pooling;
  params.n_ctx = most_tokens_;
  params.n_batch = batch_tokens_;
  params.n_ubatch = batch_tokens_;
  params.n_seq_max = most_texts;
  params.n_threads = static_cast<int32_t>(context.threads());
  params.n_threads_batch = params.n_threads;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_AUTO;
  params.kv_unified = true;
  params.swa_full = true;
  params.no_perf = true;
  params.abort_callback = [](void* flag) {
    return static_cast<std::atomic<bool>*>(flag)->load(std::memory_order_relaxed);
  };
  params.abort_callback_data = &context.interrupt;
  const ErrorLogCapture errors;
  llama_.reset(llama_init_from_model(context.model().get(), params));
  if (!llama_) {
    const std::string reason = errors.last();
    throw EngineError("ENGINE_FAILED", "The context for embeddings of " + std::to_string(most_tokens_) +
                                           " tokens could not be made" + (reason.empty() ? "." : ": " + reason + "."));
  }
  llama_attach_threadpool(llama_.get(), context.pool(), context.pool());
  batch_ = std::make_unique<Batch>(batch_tokens_);
}

int EmbeddingContext::compute(std::span<const Piece> pieces) {
  llama_memory_t memory = llama_get_memory(llama_.get());
  if (memory && pieces.front().from == 0) llama_memory_clear(memory, false);
  llama_batch& batch = batch_->batch;
  int32_t row = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    auto at = static_cast<llama_pos>(pieces[i].from);
    for (const Token token : pieces[i].tokens) {
      batch.token[row] = token;
      batch.pos[row] = at++;
      batch.n_seq_id[row] = 1;
      batch.seq_id[row][0] = static_cast<llama_seq_id>(i);
      batch.logits[row++] = 1;
    }
  }
  batch.n_tokens = row;
  return context_.compute(llama_.get(), batch, threads_set_);
}

std::span<const float> EmbeddingContext::values(size_t index) const {
  const float* values = llama_get_embeddings_seq(llama_.get(), static_cast<llama_seq_id>(index));
  return values ? std::span(values, width_) : std::span<const float>{};
}

}  // namespace caduceus
