// Reads a GGUF file's header before llama.cpp does: whatever would make it abort, or fail without a reason, is
// refused here with a sentence that says what is wrong.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "ggml.h"
#include "model/gguf/gguf_shape.h"

namespace caduceus {

// Throws MODEL_NOT_FOUND or MODEL_INVALID, or CANCELLED once `cancelled` is set. Of a split model all files are
// checked.
void check_gguf(const std::string& path, const std::atomic<bool>* cancelled = nullptr);

struct GgufTensor {
  std::string name;
  std::array<int64_t, GGML_MAX_DIMS> shape;
  ggml_type type;
};

// What the header of a file says that is no model: an adapter or an importance matrix. It can be read; whether it fits
// a model is for others to say.
struct GgufContent {
  GgufHeader header;
  std::vector<GgufTensor> tensors;
  uint64_t bytes = 0;  // of the file
};

// The same for such a file.
GgufContent read_gguf_content(const std::string& path, const std::atomic<bool>* cancelled = nullptr);

}  // namespace caduceus
