#include "model/importance_matrix.h"

#include <cmath>
#include <memory>

#include "gguf.h"
#include "model/gguf/gguf_check.h"
#include "platform/error.h"

namespace caduceus {
namespace {

constexpr const char* sums_suffix = ".in_sum2";
constexpr const char* counts_suffix = ".counts";

struct Freed {
  void operator()(gguf_context* gguf) const { gguf_free(gguf); }
  void operator()(ggml_context* tensors) const { ggml_free(tensors); }
};

struct Pair {
  const ggml_tensor* sums = nullptr;
  const ggml_tensor* counts = nullptr;
};

// The name of the weight; empty where the tensor's name does not end so.
std::string weight_of(const std::string& tensor, const std::string& suffix) {
  return tensor.ends_with(suffix) ? tensor.substr(0, tensor.size() - suffix.size()) : std::string();
}

}  // namespace

ImportanceMatrix read_importance_matrix(const std::string& path) {
  const auto refuse = [&](const std::string& what) { throw EngineError("MODEL_INVALID", path + " " + what + "."); };
  const GgufContent content = read_gguf_content(path);
  const GgufHeader& header = content.header;
  if (!header.lengths.contains("imatrix.datasets") || !header.numbers.contains("imatrix.chunk_count") ||
      !header.numbers.contains("imatrix.chunk_size"))
    refuse("is no importance matrix: llama-imatrix writes imatrix.datasets, chunk_count and chunk_size");
  for (const GgufTensor& tensor : content.tensors) {
    if (tensor.type != GGML_TYPE_F32) refuse("is corrupt: the tensor '" + tensor.name + "' is not stored as f32");
  }

  ggml_context* loaded = nullptr;
  const std::unique_ptr<gguf_context, Freed> gguf(
      gguf_init_from_file(path.c_str(), {.no_alloc = false, .ctx = &loaded}));
  const std::unique_ptr<ggml_context, Freed> tensors(loaded);
  if (!gguf || !tensors) refuse("cannot be read");

  ImportanceMatrix matrix;
  matrix.chunks = header.numbers.at("imatrix.chunk_count");
  const int64_t datasets = gguf_find_key(gguf.get(), "imatrix.datasets");
  if (gguf_get_arr_type(gguf.get(), datasets) == GGUF_TYPE_STRING && gguf_get_arr_n(gguf.get(), datasets) > 0)
    matrix.dataset = gguf_get_arr_str(gguf.get(), datasets, 0);
  std::map<std::string, Pair> pairs;
  for (ggml_tensor* at = ggml_get_first_tensor(tensors.get()); at; at = ggml_get_next_tensor(tensors.get(), at)) {
    if (const std::string weight = weight_of(at->name, sums_suffix); !weight.empty()) pairs[weight].sums = at;
    if (const std::string weight = weight_of(at->name, counts_suffix); !weight.empty()) pairs[weight].counts = at;
  }
  for (const auto& [name, pair] : pairs) {
    const std::string where = "is corrupt: the values for '" + name + "' ";
    if (!pair.sums || !pair.counts) refuse(where + "lack their " + (pair.sums ? "counts" : "sums"));
    const int64_t count = ggml_nelements(pair.sums), parts = ggml_nelements(pair.counts);
    if (count % parts != 0) refuse(where + "do not fit their counts");
    const auto* sums = static_cast<const float*>(pair.sums->data);
    const auto* counts = static_cast<const float*>(pair.counts->data);
    std::vector<float>& values = matrix.values[name];
    values.resize(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) {
      const float tokens = counts[i / (count / parts)];
      if (!std::isfinite(tokens) || tokens < 0 || tokens > 1e15f) refuse(where + "have a count that is none");
      // An expert that was never used says nothing of its inputs.
      const float rounded = std::round(tokens);
      const float value = rounded > 0 ? sums[i] / rounded : 1;
      if (!std::isfinite(value) || value < 0) refuse(where + "are not all finite and positive numbers");
      values[static_cast<size_t>(i)] = value;
    }
  }
  if (matrix.values.empty()) refuse("is no importance matrix: it has no values");
  return matrix;
}

}  // namespace caduceus
