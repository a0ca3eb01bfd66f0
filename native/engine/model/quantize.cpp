#include "model/quantize.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "llama.h"
#include "model/gguf/gguf_check.h"
#include "model/importance_matrix.h"
#include "platform/error.h"
#include "platform/runtime.h"

namespace caduceus {
namespace {

// Rows that are in memory at once. llama.cpp's own default is 8 GiB.
constexpr size_t most_buffer_bytes = 512ull << 20;

// Where llama.cpp's program notes what a file was made with.
void note(std::vector<llama_model_kv_override>& notes, const char* key, const std::string& text) {
  llama_model_kv_override& entry = notes.emplace_back();
  entry.tag = LLAMA_KV_OVERRIDE_TYPE_STR;
  std::strncpy(entry.key, key, sizeof entry.key - 1);
  std::strncpy(entry.val_str, text.c_str(), sizeof entry.val_str - 1);
}

void note(std::vector<llama_model_kv_override>& notes, const char* key, int64_t number) {
  llama_model_kv_override& entry = notes.emplace_back();
  entry.tag = LLAMA_KV_OVERRIDE_TYPE_INT;
  std::strncpy(entry.key, key, sizeof entry.key - 1);
  entry.val_i64 = number;
}

std::vector<llama_model_kv_override> notes_of(const ImportanceMatrix& matrix, const std::string& file) {
  std::vector<llama_model_kv_override> notes;
  note(notes, "quantize.imatrix.file", file);
  if (!matrix.dataset.empty()) note(notes, "quantize.imatrix.dataset", matrix.dataset);
  note(notes, "quantize.imatrix.entries_count", static_cast<int64_t>(matrix.values.size()));
  if (matrix.chunks > 0) note(notes, "quantize.imatrix.chunks_count", int64_t{matrix.chunks});
  notes.emplace_back();
  return notes;
}

void run(const QuantizeOptions& options, const std::optional<ImportanceMatrix>& matrix, bool dry_run) {
  llama_model_quantize_params params = llama_model_quantize_default_params();
  params.nthread = options.threads;
  params.ftype = static_cast<llama_ftype>(options.file_type);
  params.only_copy = options.only_copy;
  params.allow_requantize = options.allow_requantize;
  params.output_tensor_type = options.output_type;
  params.token_embedding_type = options.embedding_type;
  params.quantize_output_tensor = !options.leave_output;
  params.dry_run = dry_run;
  params.max_buf_size = most_buffer_bytes;
  std::vector<llama_model_imatrix_data> values;
  std::vector<llama_model_kv_override> notes;
  if (matrix) {
    for (const auto& [name, each] : matrix->values) values.push_back({name.c_str(), each.data(), each.size()});
    values.push_back({nullptr, nullptr, 0});
    notes = notes_of(*matrix, options.importance_matrix);
    params.imatrix = values.data();
    params.kv_overrides = notes.data();
  }
  const AssertionGuard guard;
  const ErrorLogCapture errors;
  if (llama_model_quantize(options.from.c_str(), options.to.c_str(), &params) == 0) return;
  const std::string reason = errors.last();
  // Before a dry run only the file can be wrong; the weights themselves are read and checked by the other.
  const bool is_file = dry_run || reason.find("invalid data") != std::string::npos;
  throw EngineError(is_file ? "MODEL_INVALID" : "ENGINE_FAILED",
                    options.from + " could not be quantized" + (reason.empty() ? "." : ": " + reason + "."));
}

std::optional<ImportanceMatrix> matrix_of(const QuantizeOptions& options) {
  if (options.importance_matrix.empty()) return std::nullopt;
  return read_importance_matrix(options.importance_matrix);
}

// A weight that would get another type.
struct Planned {
  std::string name;
  int64_t inputs = 0;
  int64_t experts = 1;
  ggml_type type = GGML_TYPE_COUNT;

  bool is_embedding() const { return name == "token_embd.weight" || name == "per_layer_token_embd.weight"; }
};

// As llama.cpp has it, which says so only where there is no matrix at all.
bool needs_values(const Planned& weight, int32_t file_type) {
  if (weight.is_embedding() || weight.name == "output.weight") return false;
  switch (weight.type) {
    case GGML_TYPE_IQ3_XXS:
    case GGML_TYPE_IQ2_XXS:
    case GGML_TYPE_IQ2_XS:
    case GGML_TYPE_IQ2_S:
    case GGML_TYPE_IQ1_M:
    case GGML_TYPE_IQ1_S:
      return true;
    case GGML_TYPE_Q2_K:
      return file_type == LLAMA_FTYPE_MOSTLY_Q2_K_S;
    default:
      return false;
  }
}

std::string wrong_matrix(const ImportanceMatrix& matrix, const std::vector<Planned>& weights, int32_t file_type) {
  size_t known = 0;
  std::string missing;
  for (const Planned& weight : weights) {
    const auto found = matrix.values.find(weight.name);
    if (found == matrix.values.end()) {
      if (missing.empty() && needs_values(weight, file_type))
        missing = "has no values for '" + weight.name + "', which " + ggml_type_name(weight.type) + " needs";
      continue;
    }
    ++known;
    const auto expected = static_cast<size_t>(weight.inputs * weight.experts);
    // llama.cpp leaves it out of account.
    if (found->second.size() != expected && !weight.is_embedding())
      return "was made for another model: it has " + std::to_string(found->second.size()) + " values for '" +
             weight.name + "', which has " + std::to_string(expected) + " inputs";
  }
  return known == 0 && !weights.empty() ? "was made for another model: it has values for none of its weights" : missing;
}

std::string wrong_type(const std::vector<Planned>& weights) {
  for (const Planned& weight : weights) {
    const int64_t block = ggml_blck_size(weight.type);
    if (weight.inputs % block != 0)
      return "'" + weight.name + "' has rows of " + std::to_string(weight.inputs) + " weights, and " +
             ggml_type_name(weight.type) + " takes multiples of " + std::to_string(block);
  }
  return {};
}

}  // namespace

ggml_type type_named(const std::string& name) {
  const auto same = [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); };
  for (int i = 0; i < GGML_TYPE_COUNT; ++i) {
    const auto type = static_cast<ggml_type>(i);
    const char* known = ggml_type_name(type);
    if (known && std::ranges::equal(std::string_view(known), name, same)) return type;
  }
  return GGML_TYPE_COUNT;
}

QuantizationPlan plan_quantization(const QuantizeOptions& options) {
  ensure_backend();
  check_gguf(options.from);
  const std::optional<ImportanceMatrix> matrix = matrix_of(options);
  QuantizationPlan plan;
  std::vector<Planned> weights;
  // A dry run says what it found in its log, and nowhere else: a line for each tensor in two parts, and its sums.
  ggml_type type = GGML_TYPE_COUNT;
  Planned weight;
  const LogTap tap([&](const char* text) {
    char name[GGML_MAX_NAME] = "";
    long long inputs = 0, rows = 0, experts = 0;
    double mebibytes = 0;
    if (const char* from = std::strstr(text, "], type "); from && std::sscanf(from, "], type = %31[^,]", name) == 1) {
      type = type_named(name);
      if (std::sscanf(text, "[%*d/%*d] %63s - [%lld, %lld, %lld", name, &inputs, &rows, &experts) == 4)
        weight = {name, inputs, experts};
    } else if (const char* to = std::strstr(text, " MiB -> ");
               to && std::sscanf(to, " MiB -> %*f MiB (%31[^)])", name) == 1) {
      if (type != GGML_TYPE_COUNT && ggml_is_quantized(type)) plan.requantized.insert(ggml_type_name(type));
      weight.type = type_named(name);
      weights.push_back(weight);
    } else if (const char* size = std::strstr(text, "quant size ");
               size && std::sscanf(size, "quant size = %lf MiB", &mebibytes) == 1) {
      plan.bytes = static_cast<uint64_t>(mebibytes * 1024 * 1024);
    } else if (std::strstr(text, "will require an imatrix")) {
      plan.needs_importance_matrix = true;
    }
  });
  run(options, matrix, true);
  if (plan.bytes == 0) throw EngineError("ENGINE_FAILED", "llama.cpp did not say how large the file would be.");
  if (matrix) plan.wrong_matrix = wrong_matrix(*matrix, weights, options.file_type);
  plan.wrong_type = wrong_type(weights);
  return plan;
}

void quantize(const QuantizeOptions& options) {
  ensure_backend();
  check_gguf(options.from);
  run(options, matrix_of(options), false);
}

}  // namespace caduceus
