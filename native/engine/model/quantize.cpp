#include "model/quantize.h"

#include <cstdio>
#include <cstring>

#include "llama.h"
#include "model/gguf/gguf_check.h"
#include "platform/error.h"
#include "platform/runtime.h"

namespace caduceus {
namespace {

// Rows that are in memory at once. llama.cpp's own default is 8 GiB.
constexpr size_t most_buffer_bytes = 512ull << 20;

void run(const QuantizeOptions& options, bool dry_run) {
  llama_model_quantize_params params = llama_model_quantize_default_params();
  params.nthread = options.threads;
  params.ftype = static_cast<llama_ftype>(options.file_type);
  params.only_copy = options.only_copy;
  params.allow_requantize = options.allow_requantize;
  params.dry_run = dry_run;
  params.max_buf_size = most_buffer_bytes;
  const AssertionGuard guard;
  const ErrorLogCapture errors;
  if (llama_model_quantize(options.from.c_str(), options.to.c_str(), &params) == 0) return;
  const std::string reason = errors.last();
  // Before a dry run only the file can be wrong; the weights themselves are read and checked by the other.
  const bool is_file = dry_run || reason.find("invalid data") != std::string::npos;
  throw errors.failure(is_file ? "MODEL_INVALID" : "ENGINE_FAILED", options.from + " could not be quantized",
                       "End other programs.");
}

ggml_type type_named(const char* name) {
  for (int i = 0; i < GGML_TYPE_COUNT; ++i) {
    const auto type = static_cast<ggml_type>(i);
    const char* known = ggml_type_name(type);
    if (known && std::strcmp(known, name) == 0) return type;
  }
  return GGML_TYPE_COUNT;
}

}  // namespace

QuantizationPlan plan_quantization(const QuantizeOptions& options) {
  ensure_backend();
  check_gguf(options.from);
  QuantizationPlan plan;
  // A dry run says what it found in its log, and nowhere else: a line for each tensor in two parts, and its sums.
  ggml_type type = GGML_TYPE_COUNT;
  const LogTap tap([&](const char* text) {
    char name[32] = "";
    double mebibytes = 0;
    if (const char* from = std::strstr(text, "], type "); from && std::sscanf(from, "], type = %31[^,]", name) == 1) {
      type = type_named(name);
    } else if (std::strstr(text, " MiB -> ") && type != GGML_TYPE_COUNT && ggml_is_quantized(type)) {
      plan.requantized.insert(ggml_type_name(type));
    } else if (const char* size = std::strstr(text, "quant size ");
               size && std::sscanf(size, "quant size = %lf MiB", &mebibytes) == 1) {
      plan.bytes = static_cast<uint64_t>(mebibytes * 1024 * 1024);
    } else if (std::strstr(text, "will require an imatrix")) {
      plan.needs_importance_matrix = true;
    }
  });
  run(options, true);
  if (plan.bytes == 0) throw EngineError("ENGINE_FAILED", "llama.cpp did not say how large the file would be.");
  return plan;
}

void quantize(const QuantizeOptions& options) {
  ensure_backend();
  check_gguf(options.from);
  run(options, false);
}

}  // namespace caduceus
