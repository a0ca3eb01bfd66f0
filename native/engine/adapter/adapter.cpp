#include "adapter/adapter.h"

#include <algorithm>
#include <bit>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <mutex>
#include <optional>

#include "cache/prefix_file.h"
#include "model/gguf/gguf_adapter.h"
#include "model/llama_handles.h"
#include "platform/error.h"
#include "platform/files.h"
#include "platform/large_stack_thread.h"
#include "platform/machine.h"
#include "platform/runtime.h"

namespace caduceus {
namespace {

std::string hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016" PRIx64, value);
  return text;
}

constexpr const char* remove_others = "Remove other adapters, or end other programs.";

// Of the whole file, which is then in the system's cache when llama.cpp reads it.
std::string hash_of(const std::string& path, const std::atomic<bool>* cancelled) {
  const File file = open_regular(to_path(path));
  if (!file) throw EngineError("MODEL_NOT_FOUND", path + " cannot be opened.");
  std::vector<uint8_t> bytes(size_t{4} << 20);
  uint64_t hash = 1;
  while (const size_t count = std::fread(bytes.data(), 1, bytes.size(), file.get())) {
    if (cancelled && *cancelled) throw EngineError("CANCELLED", "Loading was cancelled.");
    hash = hash_bytes({bytes.data(), count}, hash);
  }
  return hex(hash);
}

}  // namespace

std::shared_ptr<Adapter> Adapter::load(std::shared_ptr<Model> model, const std::string& path,
                                       const std::atomic<bool>* cancelled) {
  if (!model->generates())
    throw EngineError("UNSUPPORTED", "A model for " + model->info().purpose + " cannot have adapters.");
  std::shared_ptr<Adapter> loaded;
  std::optional<EngineError> error;
  LargeStackThread thread([&] {
    try {
      const GgufContent file = read_gguf_content(path, cancelled);
      if (const std::string wrong = wrong_adapter(file, *model->get(), model->info().architecture); !wrong.empty())
        throw EngineError("MODEL_INVALID", path + " " + wrong + ".");
      if (const uint64_t memory = available_memory(); memory > 0 && file.bytes > memory)
        throw EngineError::out_of_memory(path + " has " + mebibytes(file.bytes) + ", but " + mebibytes(memory) +
                                         " are free.");
      std::string identity = hash_of(path, cancelled);
      const AssertionGuard guard;
      const ErrorLogCapture errors;
      llama_adapter_lora* adapter = nullptr;
      {
        const std::unique_lock lock(model->adapters_mutex());
        adapter = llama_adapter_lora_init(model->get(), path.c_str());
      }
      if (!adapter) throw errors.failure("MODEL_INVALID", path + " could not be loaded", remove_others);
      loaded.reset(new Adapter(std::move(model), adapter, std::move(identity), file.bytes));
      try {
        loaded->try_out();
      } catch (...) {
        const EngineError failed = EngineError::current();
        if (failed.code() == "OUT_OF_MEMORY") throw failed;
        throw EngineError("MODEL_INVALID", path + " cannot be used with this model: " + failed.what());
      }
    } catch (...) {
      error = EngineError::current();
    }
  });
  thread.join();
  if (error) throw *error;
  return loaded;
}

Adapter::Adapter(std::shared_ptr<Model> model, llama_adapter_lora* adapter, std::string identity, uint64_t bytes)
    : model_(std::move(model)), adapter_(adapter), identity_(std::move(identity)), bytes_(bytes) {
  model_->adapter_bytes += bytes_;
}

Adapter::~Adapter() {
  const std::unique_lock lock(model_->adapters_mutex());
  model_->adapter_bytes -= bytes_;
  llama_adapter_lora_free(adapter_);
}

// One token in a small context of its own, on this thread: what llama.cpp asserts of an adapter only while it computes,
// it asserts here, where nothing else is lost.
void Adapter::try_out() const {
  const std::shared_lock lock(model_->adapters_mutex());
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 256;
  params.n_batch = params.n_ubatch = 16;
  params.n_seq_max = 1;
  params.n_threads = params.n_threads_batch = 1;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
  params.no_perf = true;
  const ErrorLogCapture errors;
  const ContextHandle context(llama_init_from_model(model_->get(), params));
  if (!context) throw errors.failure("ENGINE_FAILED", "A context to try it out could not be made", remove_others);
  llama_adapter_lora* adapter = adapter_;
  float scale = 1;
  llama_set_adapters_lora(context.get(), &adapter, 1, &scale);
  llama_token token = model_->info().bos_token.value_or(0);
  const int result = llama_decode(context.get(), llama_batch_get_one(&token, 1));
  const float* logits = result == 0 ? llama_get_logits_ith(context.get(), -1) : nullptr;
  if (!logits)
    throw errors.failure("ENGINE_FAILED", "llama_decode failed with " + std::to_string(result), remove_others);
  if (!std::all_of(logits, logits + model_->info().vocabulary_size, [](float value) { return std::isfinite(value); }))
    throw EngineError("ENGINE_FAILED", "it makes numbers that are not finite.");
}

std::shared_ptr<const AdapterSet> AdapterSet::of(std::vector<Use> uses) {
  std::erase_if(uses, [](const Use& use) { return use.scale == 0; });
  if (uses.empty()) return nullptr;
  const auto name = [](const Use& use) { return use.adapter->identity() + hex(std::bit_cast<uint32_t>(use.scale)); };
  std::sort(uses.begin(), uses.end(), [&](const Use& a, const Use& b) { return name(a) < name(b); });
  auto set = std::make_shared<AdapterSet>();
  for (const Use& use : uses) set->key += name(use);
  set->uses = std::move(uses);
  return set;
}

}  // namespace caduceus
