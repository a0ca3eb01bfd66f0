#include "embedding/embedding_context.h"

#include <algorithm>

namespace caduceus {
namespace {

// llama.cpp keeps a row of logits for each token of a batch.
constexpr uint32_t causal_batch = 512;

}  // namespace

EmbeddingContext::EmbeddingContext(Context& context, enum llama_pooling_type pooling, uint32_t most_tokens)
    : context_(context),
      most_tokens_(std::max(most_tokens, causal_batch)),
      batch_tokens_(context.model().is_causal() ? causal_batch : most_tokens_),
      batch_(batch_tokens_) {
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
  llama_ = context.another(params, "embeddings of " + std::to_string(most_tokens_) + " tokens");
}

int EmbeddingContext::compute(std::span<const Piece> pieces) {
  llama_memory_t memory = llama_get_memory(llama_.get());
  if (memory && pieces.front().from == 0) llama_memory_clear(memory, false);
  llama_batch& batch = batch_.batch;
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
