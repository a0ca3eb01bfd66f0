// LoRA adapters with random weights for a model's matrices, and damaged ones.
#pragma once

#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "ggml-cpp.h"
#include "ggml.h"
#include "gguf.h"
#include "model/model.h"

// The shapes of a model's tensors, by their names.
class ModelTensors {
 public:
  explicit ModelTensors(const caduceus::Model& model) {
    ggml_context* tensors = nullptr;
    file_.reset(gguf_init_from_file(model.info().path.c_str(), {.no_alloc = true, .ctx = &tensors}));
    tensors_.reset(tensors);
    CHECK(file_ && tensors);
  }
  const ggml_tensor* get(const std::string& name) const { return ggml_get_tensor(tensors_.get(), name.c_str()); }
  // All matrices of the layers.
  std::vector<std::string> layers() const {
    std::vector<std::string> names;
    for (ggml_tensor* tensor = ggml_get_first_tensor(tensors_.get()); tensor;
         tensor = ggml_get_next_tensor(tensors_.get(), tensor)) {
      const std::string name = tensor->name;
      if (name.starts_with("blk.") && tensor->ne[1] > 1) names.push_back(name);
    }
    return names;
  }

 private:
  gguf_context_ptr file_;
  ggml_context_ptr tensors_;
};

struct AdapterPlan {
  std::vector<std::string> weights;  // names of the model's tensors
  uint32_t seed = 1;
  int64_t rank = 8;
  float alpha = 16;
  float gain = 1;  // how large what the adapter adds is, beside what the weight gives
  ggml_type type = GGML_TYPE_F32;
  // Called before it is written.
  std::function<void(gguf_context*)> change = {};
  std::function<void(std::vector<ggml_tensor*>&)> change_tensors = {};
};

inline void write_adapter(const caduceus::Model& model, const std::string& path, const AdapterPlan& plan) {
  const ggml_context_ptr tensors(ggml_init({.mem_size = size_t{512} << 20, .mem_buffer = nullptr, .no_alloc = false}));
  const gguf_context_ptr file(gguf_init_empty());
  gguf_set_val_str(file.get(), "general.architecture", model.info().architecture.c_str());
  gguf_set_val_str(file.get(), "general.type", "adapter");
  gguf_set_val_str(file.get(), "adapter.type", "lora");
  gguf_set_val_f32(file.get(), "adapter.lora.alpha", plan.alpha);
  const ModelTensors weights(model);
  std::mt19937 random(plan.seed);
  std::vector<ggml_tensor*> all;
  const auto add = [&](const std::string& name, int64_t columns, int64_t rows, float deviation) {
    std::normal_distribution<float> normal(0, deviation);
    std::vector<float> values(static_cast<size_t>(columns * rows));
    for (float& value : values) value = normal(random);
    ggml_tensor* tensor = ggml_new_tensor_2d(tensors.get(), plan.type, columns, rows);
    ggml_set_name(tensor, name.c_str());
    ggml_quantize_chunk(plan.type, values.data(), tensor->data, 0, rows, columns, nullptr);
    all.push_back(tensor);
  };
  for (const std::string& name : plan.weights) {
    const ggml_tensor* weight = weights.get(name);
    CHECK(weight);
    // A keeps a vector's size per value, B gives back as much as the weight, about, by alpha / rank.
    const float a = 1 / std::sqrt(static_cast<float>(weight->ne[0]));
    const float b = plan.gain * std::sqrt(static_cast<float>(plan.rank)) / plan.alpha;
    const bool embedding = name == "token_embd.weight";
    add(name + ".lora_a", embedding ? plan.rank : weight->ne[0], embedding ? weight->ne[1] : plan.rank,
        embedding ? 1 : a);
    add(name + ".lora_b", plan.rank, embedding ? weight->ne[0] : weight->ne[1], b);
  }
  if (plan.change_tensors) plan.change_tensors(all);
  for (const ggml_tensor* tensor : all) gguf_add_tensor(file.get(), tensor);
  if (plan.change) plan.change(file.get());
  CHECK(gguf_write_to_file(file.get(), path.c_str(), false));
}

inline std::vector<std::string> layer_weights(const caduceus::Model& model) { return ModelTensors(model).layers(); }
