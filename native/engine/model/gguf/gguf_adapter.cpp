#include "model/gguf/gguf_adapter.h"

#include <cmath>
#include <map>

#include "llama-model.h"
#include "model/gguf/gguf_weights.h"

namespace caduceus {
namespace {

struct Pair {
  const GgufTensor* a = nullptr;
  const GgufTensor* b = nullptr;
};

std::string shape_of(const int64_t* shape) {
  std::string text;
  for (int d = 0; d < GGML_MAX_DIMS && (d < 2 || shape[d] != 1); ++d)
    text += (d == 0 ? "" : " x ") + std::to_string(shape[d]);
  return text;
}

std::string wrong_header(const GgufHeader& header, const std::string& architecture) {
  const auto text = [&](const char* key) {
    const auto it = header.texts.find(key);
    return it == header.texts.end() ? std::string() : it->second;
  };
  if (text("general.type") != "adapter") return "is not an adapter: its general.type is not \"adapter\"";
  if (text("adapter.type") != "lora") return "is an adapter of another kind than LoRA, which cannot be used";
  const std::string made_for = text("general.architecture");
  if (made_for != architecture)
    return "was made for a model of the architecture " + (made_for.empty() ? "(none)" : made_for.substr(0, 40)) +
           ", but this one is " + architecture;
  if (header.lengths.contains("adapter.alora.invocation_tokens"))
    return "is an activated LoRA (aLoRA), which applies from certain tokens on; only plain LoRA can be used";
  const auto alpha = header.floats.find("adapter.lora.alpha");
  if (alpha == header.floats.end()) return "is corrupt: it has no adapter.lora.alpha";
  if (!std::isfinite(alpha->second)) return "is corrupt: its adapter.lora.alpha is not a finite number";
  return {};
}

// The two matrices of a weight: B * A * x is added to what the weight gives for x.
std::string wrong_pair(const std::string& name, const Pair& pair, const llama_model& model) {
  const std::string where = "its tensor pair for '" + name + "' ";
  if (!pair.a || !pair.b) return "is corrupt: " + where + "lacks lora_" + (pair.a ? "b" : "a");
  const ggml_tensor* weight = model.get_tensor(name.c_str());
  if (!weight) return "was made for another model: this one has no tensor '" + name + "'";
  const auto &a = pair.a->shape, &b = pair.b->shape;
  const int64_t* w = weight->ne;
  if (w[1] == 1 && w[2] == 1 && w[3] == 1) return "cannot be used: " + where + "belongs to a vector, not to a matrix";
  const auto differs = [&] {
    return "was made for another model: " + where + "has " + shape_of(a.data()) + " and " + shape_of(b.data()) +
           " values, and the model's weight " + shape_of(w);
  };
  for (const GgufTensor* tensor : {pair.a, pair.b}) {
    if (!is_matrix_type(tensor->type))
      return "cannot be computed: " + where + "is stored as " + ggml_type_name(tensor->type);
    // Experts have a matrix each.
    if (tensor->shape[2] != w[2] || tensor->shape[3] != w[3]) return differs();
  }
  if (name == "token_embd.weight") {
    // Rows of A are looked up, so it is stored the other way round. The same pair cannot serve an output that shares
    // this weight, where llama.cpp would multiply by it.
    if (!model.get_tensor("output.weight"))
      return "cannot be used: it changes the token embeddings, which this model uses as its output too";
    return a[0] == b[0] && a[1] == w[1] && b[1] == w[0] ? "" : differs();
  }
  if (a[0] != w[0] || b[1] != w[1] || a[1] != b[0]) return differs();
  if (weight->type == GGML_TYPE_NVFP4) return "cannot be used: the model's weight '" + name + "' is stored as NVFP4";
  return {};
}

}  // namespace

std::string wrong_adapter(const GgufContent& adapter, const llama_model& model, const std::string& architecture) {
  if (std::string wrong = wrong_header(adapter.header, architecture); !wrong.empty()) return wrong;
  std::map<std::string, Pair> pairs;
  for (const GgufTensor& tensor : adapter.tensors) {
    std::string name = tensor.name;
    for (char& c : name) c = c >= 32 && c < 127 ? c : '?';
    const bool is_a = name.ends_with(".lora_a");
    if (is_a || name.ends_with(".lora_b")) {
      name.resize(name.size() - 7);
      // llama.cpp removes it wherever it stands.
      if (name.find(".lora_") != std::string::npos)
        return "is corrupt: the tensor '" + tensor.name + "' has no such name";
      (is_a ? pairs[name].a : pairs[name].b) = &tensor;
    } else if (!name.ends_with("_norm.weight")) {
      return "is corrupt: its tensor '" + name + "' is neither lora_a nor lora_b";
    }
  }
  if (pairs.empty()) return "is corrupt: it has no pair of tensors";
  for (const auto& [name, pair] : pairs) {
    if (std::string wrong = wrong_pair(name, pair, model); !wrong.empty()) return wrong;
  }
  return {};
}

}  // namespace caduceus
