// Damaged model files, loaded and run in child processes: refused or working, never a crash.
//   model_fuzz_test [mutations = 150] [seed = 1]
#include <condition_variable>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <random>

#include "check.h"
#include "gguf_edit.h"
#include "model/gguf/gguf_weights.h"
#include "platform/error.h"
#include "scheduler/engine.h"

// Where ggml's kernels are in modules, their tables are not there to be linked with.
#ifndef GGML_BACKEND_DL
#include "ggml-cpu.h"
#endif

#ifndef _WIN32
#include <sys/wait.h>
#include <unistd.h>
#endif

using namespace caduceus;
namespace fs = std::filesystem;

namespace {

// The vocabulary's arrays end about here in the tiny Hermes model; what follows is tensor names, then weights.
constexpr size_t header_bytes = 900'000;

std::string mutate(const std::string& original, uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&](size_t limit) { return static_cast<size_t>(random() % limit); };
  std::string bytes = original;
  const size_t header = std::min(header_bytes, bytes.size());
  const int changes = 1 + static_cast<int>(below(4));
  for (int i = 0; i < changes; ++i) {
    // The first kilobytes hold the model's shape; most faults are there.
    const size_t range = below(3) == 0 ? header : std::min<size_t>(3000, bytes.size());
    const size_t at = below(range - 16);
    switch (below(7)) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 2: {
        const uint32_t extremes[] = {0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 1u << 20, 1u << 30, 513, 65536};
        std::memcpy(&bytes[at], &extremes[below(10)], 4);
        break;
      }
      case 3: {
        const uint64_t extremes[] = {0, 1, 1ull << 32, 1ull << 62, ~0ull, 1ull << 24};
        std::memcpy(&bytes[at], &extremes[below(6)], 8);
        break;
      }
      case 4:
        bytes.resize(std::max<size_t>(64, below(bytes.size())));
        return bytes;
      case 5:
        std::memcpy(&bytes[at], &original[below(original.size() - 16)], 16);
        break;
      default:
        bytes.erase(at, 1 + below(8));
        break;
    }
  }
  return bytes;
}

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

// Of a child process that loads a file and asks it something: 0 refused, 1 loaded, 2 neither.
#ifndef _WIN32
int outcome(const std::string& path, const std::string& what) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(120);  // a hang ends like a crash
    _exit(load_and_run(path));
  }
  int status = 0;
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  if (WIFEXITED(status) && WEXITSTATUS(status) <= 1) return WEXITSTATUS(status);
  std::fprintf(stderr, "    %s: %s %d\n", what.c_str(), WIFSIGNALED(status) ? "signal" : "exit",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  return 2;
}
#endif

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
    std::ofstream(path, std::ios::binary) << mutate(original, seed);
    const int ended = outcome(path, "seed " + std::to_string(seed));
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
      const int ended = outcome(path, std::string(name) + " as " + ggml_type_name(type));
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
