// Writes a model's file anew with its weights in another type: llama.cpp's own llama_model_quantize, which knows
// neither progress nor an end before its end. It belongs in a process of its own.
#pragma once

#include <cstdint>
#include <set>
#include <string>

namespace caduceus {

struct QuantizeOptions {
  std::string from;  // of a split model the first file
  std::string to;
  int32_t file_type = 0;  // llama_ftype
  int32_t threads = 0;    // 0: as many as the processor has
  bool only_copy = false;
  bool allow_requantize = false;
};

struct QuantizationPlan {
  uint64_t bytes = 0;  // of the weights
  bool needs_importance_matrix = false;
  // Types of weights that are quantized already and would get another.
  std::set<std::string> requantized;
};

// What would be written, which takes no time. Throws MODEL_NOT_FOUND, MODEL_INVALID.
QuantizationPlan plan_quantization(const QuantizeOptions& options);

// Throws MODEL_NOT_FOUND, MODEL_INVALID, ENGINE_FAILED. What it leaves of the file then is nothing that can be used.
void quantize(const QuantizeOptions& options);

}  // namespace caduceus
