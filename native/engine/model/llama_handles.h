// Owners of what llama.cpp allocates.
#pragma once

#include <cstdint>
#include <memory>

#include "llama.h"

namespace caduceus {

struct FreeContext {
  void operator()(llama_context* context) const { llama_free(context); }
};
using ContextHandle = std::unique_ptr<llama_context, FreeContext>;

// Rows of one sequence each.
struct BatchHandle {
  explicit BatchHandle(uint32_t size) : batch(llama_batch_init(static_cast<int32_t>(size), 0, 1)) {}
  ~BatchHandle() { llama_batch_free(batch); }
  BatchHandle(const BatchHandle&) = delete;
  BatchHandle& operator=(const BatchHandle&) = delete;
  llama_batch batch;
};

}  // namespace caduceus
