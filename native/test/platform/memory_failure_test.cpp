// There is no memory: whatever asked for it fails with OUT_OF_MEMORY, with the size where llama.cpp tells it, and with
// what helps.
#include <atomic>
#include <cerrno>

#include "engine_harness.h"
#include "ggml-backend-impl.h"
#include "ggml-impl.h"
#include "platform/error.h"
#include "platform/runtime.h"
#include "test_model.h"

#if defined(__linux__)
#include <dlfcn.h>
#include <stdlib.h>

namespace {

// Counts down with each buffer that ggml asks for; the one that finds it at 0 is not given. ggml does not ask whether
// it got the few bytes that its thread pools take.
std::atomic<int> until_refused = -1;
constexpr size_t smallest_buffer = 4096;

}  // namespace

// Found before the system's own by everything in this program.
extern "C" int posix_memalign(void** memory, size_t alignment, size_t size) noexcept {
  if (size >= smallest_buffer && until_refused >= 0 && until_refused-- == 0) return ENOMEM;
  static const auto real = reinterpret_cast<int (*)(void**, size_t, size_t)>(dlsym(RTLD_NEXT, "posix_memalign"));
  return real(memory, alignment, size);
}
#endif

using namespace caduceus;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

#if defined(__linux__)
// What `work` throws when each of its buffers in turn cannot be had.
template <typename Work>
std::vector<EngineError> refusals(Work work) {
  std::vector<EngineError> errors;
  for (int buffer = 0;; ++buffer) {
    until_refused = buffer;
    try {
      work();
    } catch (const EngineError& error) {
      errors.push_back(error);
    }
    if (until_refused.exchange(-1) >= 0) return errors;
  }
}

bool all_lack_memory(const std::vector<EngineError>& errors) {
  for (const EngineError& error : errors) {
    if (error.code() == "OUT_OF_MEMORY" && !error.remedy().empty()) continue;
    std::fprintf(stderr, "%s: %s %s\n", error.code().c_str(), error.what(), error.remedy().c_str());
    return false;
  }
  return true;
}

size_t with_sizes(const std::vector<EngineError>& errors) {
  size_t count = 0;
  for (const EngineError& error : errors) count += contains(error.what(), " MiB could not be allocated.") ? 1 : 0;
  return count;
}
#endif

// A GPU that can do nothing but be there.
void show_gpu() {
  static ggml_backend_reg registry{};
  static ggml_backend_device gpu{};
  gpu.iface.get_name = [](ggml_backend_dev_t) { return "CUDA0"; };
  gpu.iface.get_description = [](ggml_backend_dev_t) { return "GPU of a test"; };
  gpu.iface.get_type = [](ggml_backend_dev_t) { return GGML_BACKEND_DEVICE_TYPE_GPU; };
  gpu.reg = &registry;
  registry.api_version = GGML_BACKEND_API_VERSION;
  registry.iface.get_name = [](ggml_backend_reg_t) { return "CUDA"; };
  registry.iface.get_device_count = [](ggml_backend_reg_t) { return size_t{1}; };
  registry.iface.get_device = [](ggml_backend_reg_t, size_t) { return &gpu; };
  ggml_backend_register(&registry);
}

}  // namespace

int main() {
  ensure_backend();
#if defined(__linux__)
  CLAIM("a model of which a buffer cannot be had is not loaded, whichever of them it is");
  const auto loads = refusals([] { load_test_model("CADUCEUS_TEST_HERMES_MODEL"); });
  CHECK(!loads.empty() && all_lack_memory(loads) && with_sizes(loads) > 0);

  CLAIM("neither is a context made");
  const auto model = load_test_model("CADUCEUS_TEST_HERMES_MODEL");
  ContextOptions options;
  options.context_size = 512;
  options.cache_tokens = 1024;
  options.threads = 1;
  const auto contexts = refusals([&] { Context(model, options); });
  CHECK(contexts.size() >= 3 && all_lack_memory(contexts) && with_sizes(contexts) >= 2);

  CLAIM("a text without memory for its embedding fails alone, and the next is embedded");
  Harness harness(std::make_unique<Context>(model, options));
  const auto embed = [&] {
    const RunId id = harness.engine->embed({.text = {TextPart{"hello"}}});
    for (;;) {
      for (const Embedding& embedding : harness.engine->take_embeddings())
        if (embedding.id == id) return embedding;
      std::this_thread::sleep_for(1ms);
    }
  };
  const auto embeddings = refusals([&] {
    if (const Embedding embedding = embed(); embedding.error) throw *embedding.error;
  });
  CHECK(!embeddings.empty() && all_lack_memory(embeddings));
  CHECK(!embed().error);
#endif

  CLAIM("what a GPU lacks is told with its size and name, and that fewer layers help");
  show_gpu();
  {
    const ErrorLogCapture errors;
    GGML_LOG_ERROR("alloc: allocating 3072.00 MiB on device 0: cudaMalloc failed: out of memory\n");
    GGML_LOG_ERROR("alloc_tensor_range: failed to allocate CUDA0 buffer of size 3221225472\n");
    GGML_LOG_ERROR("init: failed to initialize the context: failed to allocate buffer for kv cache\n");
    const EngineError error = errors.failure("ENGINE_FAILED", "It could not be made", "Use less.");
    CHECK(error.code() == "OUT_OF_MEMORY");
    CHECK(error.what() == std::string("It could not be made: 3072 MiB on CUDA0 could not be allocated."));
    CHECK(error.remedy() == "Use less. Or put fewer layers on GPUs (gpuLayers).");
  }

  CLAIM("so is what it lacks in a computation, which CUDA's module ends with an assertion");
  try {
    const AssertionGuard guard;
    const ErrorLogCapture errors;
    GGML_LOG_ERROR("CUDA error: out of memory\n");
    GGML_LOG_ERROR("  current device: 0, in function alloc at ggml-cuda.cu:400\n");
    GGML_LOG_ERROR("  ggml_cuda_device_malloc(&ptr, look_ahead_size, device)\n");
    GGML_ABORT("CUDA error");
    CHECK(false);
  } catch (const EngineError& error) {
    CHECK(error.code() == "OUT_OF_MEMORY" && contains(error.what(), "the GPU has not enough memory"));
    CHECK(contains(error.remedy(), "gpuLayers"));
  }

  CLAIM("an error that is not of memory keeps its code, before and after one that is");
  for (int i = 0; i < 2; ++i) {
    const ErrorLogCapture errors;
    GGML_LOG_ERROR("load: tensor 'x' has a wrong shape\n");
    CHECK(errors.failure("MODEL_INVALID", "It", "Use less.").code() == "MODEL_INVALID");
    {
      const ErrorLogCapture inner;
      GGML_LOG_ERROR("load: error loading model: std::bad_alloc\n");
      CHECK(inner.failure("MODEL_INVALID", "It", "Use less.").code() == "OUT_OF_MEMORY");
    }
    CHECK(errors.failure("MODEL_INVALID", "It", "Use less.").remedy().empty());
  }
  return report();
}
