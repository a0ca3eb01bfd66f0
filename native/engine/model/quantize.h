// Writes a model's file anew with its weights in another type: llama.cpp's own llama_model_quantize, which knows
// neither progress nor an end before its end. It belongs in a process of its own.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "ggml.h"

namespace caduceus {

struct QuantizeOptions {
  std::string from;  // of a split model the first file
  std::string to;
  int32_t file_type = 0;  // llama_ftype
  int32_t threads = 0;    // 0: as many as the processor has
  bool only_copy = false;
  bool allow_requantize = false;
  std::string importance_matrix{};          // a file of llama-imatrix; empty: none
  ggml_type output_type = GGML_TYPE_COUNT;  // GGML_TYPE_COUNT: llama.cpp's choice
  ggml_type embedding_type = GGML_TYPE_COUNT;
  bool leave_output = false;  // the output layer keeps its type
};

struct QuantizationPlan {
  uint64_t bytes = 0;  // of the weights
  bool needs_importance_matrix = false;
  // Types of weights that are quantized already and would get another.
  std::set<std::string> requantized;
  // Why the importance matrix does not do for this model, and why a type does not; empty where they do.
  std::string wrong_matrix;
  std::string wrong_type;
};

// By ggml's name, in any case; GGML_TYPE_COUNT: there is none.
ggml_type type_named(const std::string& name);

// What would be written, which takes little time. Throws MODEL_NOT_FOUND, MODEL_INVALID.
QuantizationPlan plan_quantization(const QuantizeOptions& options);

// Throws MODEL_NOT_FOUND, MODEL_INVALID, ENGINE_FAILED. What it leaves of the file then is nothing that can be used.
void quantize(const QuantizeOptions& options);

}  // namespace caduceus
