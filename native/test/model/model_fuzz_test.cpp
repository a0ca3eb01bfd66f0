// Damaged model files, loaded and run in child processes: refused or working, never a crash.
//   model_fuzz_test [mutations = 150] [seed = 1]
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>

#include "check.h"
#include "damage.h"
#include "gguf_edit.h"
#include "model/gguf/gguf_weights.h"
#include "platform/error.h"
#include "scheduler/engine.h"

// Where ggml's kernels are in modules, their tables are not there to be linked with.
#ifndef GGML_BACKEND_DL
#include "ggml-cpu.h"
#endif

using namespace caduceus;
namespace fs = std::filesystem;

namespace {

// The vocabulary's arrays end about here in the tiny Hermes model; what follows is tensor names, then weights.
constexpr size_t header_bytes = 900'000;

// 0 refused, 1 loaded and generated or failed cleanly.
int load_and_run(const std::string& path) {
  try {
    ModelOptions options;
    options.path = path;
    const auto model = Model::load(options);
    ContextOptions context;
    context.cache_tokens = 256;
    context.threads = 1;
    std::mutex mutex;
    std::condition_variable ready;
    bool woken = false;
    Engine engine(std::make_unique<Context>(model, context), {}, [&] {
      std::lock_guard lock(mutex);
      woken = true;
      ready.notify_all();
    });
    RunRequest request;
    request.prompt = {ControlPart{"<|im_start|>"}, TextPart{"user\nHi"}, ControlPart{"<|im_end|>"}};
    request.max_tokens = 4;
    engine.submit(request);
    for (bool ended = false; !ended;) {
      std::unique_lock lock(mutex);
      if (!ready.wait_for(lock, std::chrono::seconds(60), [&] { return woken; })) return 2;
      woken = false;
      lock.unlock();
      for (const RunOutput& output : engine.take()) ended |= output.end.has_value();
    }
    return 1;
  } catch (const EngineError&) {
    return 0;
  }
}

}  // namespace

int main(int argc, char** argv) {
#ifdef _WIN32
  (void)argc, (void)argv;
  return report();
#else
  const int mutations = argc > 1 ? std::atoi(argv[1]) : 150;
  const auto first_seed = static_cast<uint32_t>(argc > 2 ? std::atoi(argv[2]) : 1);
  std::ifstream file(test_model("CADUCEUS_TEST_HERMES_MODEL"), std::ios::binary);
  const std::string original{std::istreambuf_iterator<char>(file), {}};
  const fs::path folder = fs::temp_directory_path() / ("caduceus-model-fuzz-" + std::to_string(getpid()));
  fs::create_directories(folder);
  CLAIM("a damaged model file is refused or works, and never ends the process");
  int loaded = 0;
  std::vector<uint32_t> crashed;
  for (int n = 0; n < mutations; ++n) {
    const uint32_t seed = first_seed + static_cast<uint32_t>(n);
    const std::string path = (folder / "model.gguf").string();
    std::ofstream(path, std::ios::binary) << mutate(original, seed, header_bytes);
    const int ended = outcome("seed " + std::to_string(seed), [&] { return load_and_run(path); });
    if (ended == 2)
      crashed.push_back(seed);
    else
      loaded += ended;
  }
  std::fprintf(stderr, "    %d of %d loaded, the others were refused\n", loaded, mutations);
  CHECK(crashed.empty());
  CHECK(mutations < 100 || (loaded > 0 && loaded < mutations));

#ifndef GGML_BACKEND_DL
  CLAIM("a type counts as that of a matrix exactly where the processor has the kernels for it");
  for (int i = 0; i < GGML_TYPE_COUNT; ++i) {
    const auto type = static_cast<ggml_type>(i);
    if (ggml_blck_size(type) == 0) continue;
    const auto* kernels = ggml_get_type_traits_cpu(type);
    CHECK(is_matrix_type(type) == (kernels->vec_dot && ggml_get_type_traits_cpu(kernels->vec_dot_type)->from_float));
  }
#endif

  CLAIM("whatever a tensor is stored as, the file is refused or works");
  const std::string path = (folder / "model.gguf").string();
  const std::vector<const char*> tensors = {"token_embd.weight",     "blk.0.attn_norm.weight", "blk.0.attn_q.weight",
                                            "blk.1.ffn_down.weight", "output_norm.weight",     "output.weight"};
  int tried = 0;
  int computed = 0;
  for (int i = 0; i < GGML_TYPE_COUNT; ++i) {
    const auto type = static_cast<ggml_type>(i);
    if (ggml_blck_size(type) == 0) continue;
    for (const char* name : tensors) {
      GgufEdit file(test_model("CADUCEUS_TEST_HERMES_MODEL"));
      if (!file.set_type(name, type)) continue;
      file.write(path);
      const int ended = outcome(std::string(name) + " as " + ggml_type_name(type), [&] { return load_and_run(path); });
      CHECK(ended == (can_compute(name, type) ? 1 : 0));
      ++tried, computed += ended;
    }
  }
  std::fprintf(stderr, "    %d of %d loaded, the others were refused\n", computed, tried);
  CHECK(tried > 100 && computed > 30);
  fs::remove_all(folder);
  return report();
#endif
}
