// Files that are no adapter for a model are refused with a sentence, whatever is wrong, and never end the process.
//   adapter_refusal_test [mutations = 200] [seed = 1]
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

#include "adapter/adapter.h"
#include "adapter/adapter_file.h"
#include "check.h"
#include "engine_harness.h"
#include "model/damage.h"
#include "platform/error.h"
#include "test_model.h"

using namespace caduceus;
namespace fs = std::filesystem;

namespace {

bool refused(const std::shared_ptr<Model>& model, const std::string& path, const std::string& code,
             const std::string& words) {
  try {
    Adapter::load(model, path);
  } catch (const EngineError& error) {
    if (error.code() == code && std::string(error.what()).find(words) != std::string::npos) return true;
    std::fprintf(stderr, "got %s: %s\n", error.code().c_str(), error.what());
    return false;
  }
  std::fprintf(stderr, "was not refused: %s\n", words.c_str());
  return false;
}

// 0 refused, 1 computed with it or failed cleanly.
int load_and_run(const std::shared_ptr<Model>& model, const std::string& path) {
  try {
    const auto adapter = Adapter::load(model, path);
    ContextOptions options;
    options.cache_tokens = 256;
    options.threads = 1;
    Harness harness(std::make_unique<Context>(model, options));
    RunRequest request = question("Hi", 4);
    request.adapters = {{harness.engine->add_adapter(adapter), 1}};
    harness.wait(harness.engine->submit(request), 60s);
    return 1;
  } catch (const EngineError&) {
    return 0;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto model = load_test_model("CADUCEUS_TEST_HERMES_MODEL");
  const auto smollm = load_test_model("CADUCEUS_TEST_SMOLLM2");
  const fs::path folder = fs::temp_directory_path() /
                          ("caduceus-adapter-refusal-test-" + std::to_string(Clock::now().time_since_epoch().count()));
  fs::create_directories(folder);
  const std::string path = (folder / "adapter.gguf").string();
  const std::string weight = "blk.0.ffn_up.weight";
  const auto refuses = [&](const std::string& words, AdapterPlan plan) {
    if (plan.weights.empty()) plan.weights = {weight};
    write_adapter(*model, path, plan);
    CHECK(refused(model, path, "MODEL_INVALID", words));
  };

  CLAIM("a good adapter loads, and what is none is named for what it is");
  write_adapter(*model, path, {.weights = {weight}});
  CHECK(Adapter::load(model, path)->bytes() > 1000);
  CHECK(refused(model, (folder / "nothing.gguf").string(), "MODEL_NOT_FOUND", "There is no file"));
  CHECK(refused(model, folder.string(), "MODEL_INVALID", "is a folder"));
  CHECK(refused(model, model->info().path, "MODEL_INVALID", "is not an adapter"));
  const auto text = [](const char* key, const char* value) {
    return [=](gguf_context* file) { gguf_set_val_str(file, key, value); };
  };
  refuses("another kind", {.change = text("adapter.type", "ia3")});
  refuses("of the architecture qwen2", {.change = text("general.architecture", "qwen2")});
  refuses("is not an adapter", {.change = [](gguf_context* file) { gguf_set_val_u32(file, "general.type", 1); }});
  const uint32_t tokens[] = {1, 2};
  refuses("aLoRA", {.change = [&](gguf_context* file) {
            gguf_set_arr_data(file, "adapter.alora.invocation_tokens", GGUF_TYPE_UINT32, tokens, 2);
          }});

  CLAIM("an alpha that is missing, of another type or not finite is refused");
  refuses("no adapter.lora.alpha", {.change = [](gguf_context* file) { gguf_remove_key(file, "adapter.lora.alpha"); }});
  refuses("no adapter.lora.alpha",
          {.change = [](gguf_context* file) { gguf_set_val_u32(file, "adapter.lora.alpha", 16); }});
  for (const float alpha : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()})
    refuses("not a finite number",
            {.alpha = 1, .change = [=](gguf_context* file) { gguf_set_val_f32(file, "adapter.lora.alpha", alpha); }});

  CLAIM("tensors that do not fit together, or not the model, are refused");
  using Tensors = std::vector<ggml_tensor*>;
  refuses("lacks lora_b", {.change_tensors = [](Tensors& all) { all.pop_back(); }});
  refuses("lacks lora_a", {.change_tensors = [](Tensors& all) { all.erase(all.begin()); }});
  refuses("no pair of tensors", {.change_tensors = [](Tensors& all) {
            all.pop_back();
            ggml_set_name(all.front(), "blk.0.attn_norm.weight");
          }});
  refuses("neither lora_a nor lora_b",
          {.change_tensors = [](Tensors& all) { ggml_set_name(all.front(), "blk.0.ffn_up.weight"); }});
  refuses("no tensor 'blk.9.ffn_up.weight'", {.change_tensors = [](Tensors& all) {
            ggml_set_name(all[0], "blk.9.ffn_up.weight.lora_a");
            ggml_set_name(all[1], "blk.9.ffn_up.weight.lora_b");
          }});
  refuses("belongs to a vector", {.change_tensors = [](Tensors& all) {
            ggml_set_name(all[0], "blk.0.attn_norm.weight.lora_a");
            ggml_set_name(all[1], "blk.0.attn_norm.weight.lora_b");
          }});
  for (const int of : {0, 1}) {
    for (const int dimension : {0, 1}) {
      refuses("was made for another model", {.change_tensors = [=](Tensors& all) {
                ggml_tensor* tensor = all[static_cast<size_t>(of)];
                tensor->ne[dimension] /= 2;
                tensor->nb[1] = tensor->nb[0] * static_cast<size_t>(tensor->ne[0]);
                tensor->nb[2] = tensor->nb[3] = tensor->nb[1] * static_cast<size_t>(tensor->ne[1]);
              }});
    }
  }
  refuses("it makes numbers that are not finite", {.weights = {"output.weight"}, .change_tensors = [](Tensors& all) {
                                                     for (float* value = static_cast<float*>(all[1]->data);
                                                          value != static_cast<float*>(all[1]->data) + 8; ++value)
                                                       *value = std::numeric_limits<float>::quiet_NaN();
                                                   }});
  write_adapter(*smollm, path, {.weights = {"token_embd.weight"}});
  CHECK(refused(smollm, path, "MODEL_INVALID", "which this model uses as its output too"));
  write_adapter(*smollm, path, {.weights = {"blk.0.ffn_up.weight"}});
  CHECK(refused(model, path, "MODEL_INVALID", "was made for another model"));

  CLAIM("models for embeddings take none, and an adapter is not loaded as a model");
  CHECK(refused(load_test_model("CADUCEUS_TEST_BERT_MEAN"), path, "UNSUPPORTED", "cannot have adapters"));
  bool told = false;
  try {
    ModelOptions options;
    options.path = path;
    Model::load(options);
  } catch (const EngineError& error) {
    told = error.code() == "MODEL_INVALID" && std::string(error.what()).find("is an adapter") != std::string::npos;
  }
  CHECK(told && model->adapter_bytes == 0 && smollm->adapter_bytes == 0);

#ifndef _WIN32
  CLAIM("a damaged adapter is refused or works, and never ends the process");
  const int mutations = argc > 1 ? std::atoi(argv[1]) : 200;
  const auto first_seed = static_cast<uint32_t>(argc > 2 ? std::atoi(argv[2]) : 1);
  write_adapter(*model, path, {.weights = ModelTensors(*model).layers()});
  std::ifstream file(path, std::ios::binary);
  const std::string original{std::istreambuf_iterator<char>(file), {}};
  int loaded = 0, crashed = 0;
  for (int n = 0; n < mutations; ++n) {
    const uint32_t seed = first_seed + static_cast<uint32_t>(n);
    std::ofstream(path, std::ios::binary) << mutate(original, seed, 3000);
    const int ended = outcome("seed " + std::to_string(seed), [&] { return load_and_run(model, path); });
    crashed += ended == 2 ? 1 : 0;
    loaded += ended == 1 ? 1 : 0;
  }
  std::fprintf(stderr, "    %d of %d loaded, the others were refused\n", loaded, mutations);
  CHECK(crashed == 0 && (mutations < 100 || (loaded > 0 && loaded < mutations)));
#else
  (void)argc, (void)argv;
#endif
  fs::remove_all(folder);
  return report();
}
