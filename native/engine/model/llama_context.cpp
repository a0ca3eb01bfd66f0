#include "model/llama_context.h"

#include <algorithm>
#include <string>

#include "ggml-cpu.h"
#include "llama-context.h"
#include "llama-ext.h"
#include "platform/error.h"
#include "platform/machine.h"
#include "platform/runtime.h"

namespace caduceus {
namespace {

constexpr uint32_t default_context_size = 8192;
constexpr uint32_t smallest_cache = 64;

}  // namespace

Context::Context(std::shared_ptr<Model> model, const ContextOptions& options)
    : model_(std::move(model)), kv_type_(options.kv_type) {
  resolve_sizes(options);
  threads_ = options.threads.value_or(usable_cores());
  controller_ = std::make_shared<ThreadController>(threads_);
  ggml_threadpool_params pool = ggml_threadpool_params_default(static_cast<int>(threads_));
  // By name: in the portable build these are in the module for this processor.
  const auto start = reinterpret_cast<decltype(&ggml_threadpool_new)>(processor_function("ggml_threadpool_new"));
  // ggml would end the process where the system gives no thread.
  const AssertionGuard guard;
  pool_ = {start(&pool), reinterpret_cast<decltype(&ggml_threadpool_free)>(processor_function("ggml_threadpool_free"))};
  if (!pool_) throw EngineError("ENGINE_FAILED", "The threads of the engine could not be started.");
  if (model_->generates()) make();
}

Context::Context(Context& first)
    : model_(first.model_),
      running_(1),
      context_size_(first.context_size_),
      cache_tokens_(first.context_size_),
      batch_size_(64),
      threads_(first.threads_),
      kv_type_(first.kv_type_),
      controller_(first.controller_),
      controlled_(false),
      interrupted_(&first.interrupt),
      pool_(first.pool_) {
  check_memory();
  make();
}

Context::Context(Context& first, std::shared_ptr<Model> other)
    : model_(std::move(other)),
      running_(first.running_),
      context_size_(std::min(first.context_size_, model_->info().training_context_size)),
      cache_tokens_(first.cache_tokens_),
      threads_(first.threads_),
      kv_type_(first.kv_type_),
      controller_(first.controller_),
      interrupted_(&first.interrupt),
      pool_(first.pool_) {
  check_memory();
  make();
}

void Context::make() {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = cache_tokens_;
  params.n_batch = batch_size_;
  params.n_ubatch = batch_size_;
  // One more than run: the sequence by which states are saved and loaded.
  params.n_seq_max = running_ + 1;
  // The default would reserve a row of logits for every token of a batch.
  params.n_outputs_max = most_outputs();
  params.type_k = kv_type_;
  params.type_v = kv_type_;
  {
    // Keys and values of each layer.
    const UntouchedMemory::Gathering gathering(untouched_, size_t{2} * model_->info().layers);
    context_ = another(params, model_->info().path);
  }
  if (!llama_get_memory(context_.get())) {
    throw EngineError("MODEL_INVALID", model_->info().path + " is not a model that generates text token by token " +
                                           "(architecture " + model_->info().architecture + ").");
  }
  threads_set_ = threads_;
  batch_ = std::make_unique<BatchHandle>(batch_size_);
}

ContextHandle Context::another(llama_context_params params, const std::string& what) {
  params.n_threads = static_cast<int32_t>(threads_);
  params.n_threads_batch = static_cast<int32_t>(threads_);
  // Without flash attention a unified cache is twice as slow on a CPU (8 sequences at 512: 55 ms against 117 ms).
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
  params.kv_unified = true;
  params.swa_full = true;
  params.no_perf = true;
  params.abort_callback = [](void* flag) {
    return static_cast<std::atomic<bool>*>(flag)->load(std::memory_order_relaxed);
  };
  params.abort_callback_data = interrupted_;

  const AssertionGuard guard;
  const ErrorLogCapture errors;
  const std::shared_lock lock(model_->adapters_mutex());
  ContextHandle context(llama_init_from_model(model_->get(), params));
  if (!context) throw errors.failure("ENGINE_FAILED", "The context for " + what + " could not be made", smaller_cache);
  llama_attach_threadpool(context.get(), pool_.get(), pool_.get());
  return context;
}

void Context::resolve_sizes(const ContextOptions& options) {
  const uint32_t trained = model_->info().training_context_size;
  if (options.context_size && *options.context_size > trained) {
    throw EngineError::argument("contextSize",
                                "at most " + std::to_string(trained) + ", the length this model was trained for",
                                std::to_string(*options.context_size));
  }
  context_size_ = options.context_size.value_or(std::min(trained, default_context_size));
  if (!model_->generates()) return;
  const uint64_t cache = options.cache_tokens ? *options.cache_tokens : 2ull * context_size_;
  if (cache < smallest_cache) {
    throw EngineError::argument("cacheTokens", "at least " + std::to_string(smallest_cache), std::to_string(cache));
  }
  if (options.context_size && cache < context_size_) {
    throw EngineError::argument("cacheTokens",
                                "at least " + std::to_string(context_size_) + ", the length of one context",
                                std::to_string(cache));
  }
  if (cache > INT32_MAX) throw EngineError::argument("cacheTokens", "at most 2147483647", std::to_string(cache));
  cache_tokens_ = static_cast<uint32_t>(cache);
  context_size_ = std::min(context_size_, cache_tokens_);
  check_memory();
}

void Context::check_memory() const {
  const uint64_t free = available_memory();
  const uint64_t memory = free - std::min(free, UntouchedMemory::promised());
  const uint32_t layers = model_->info().layers;
  // Layers on a GPU have their cache there.
  const uint64_t needed = layers == 0 ? cache_bytes() : cache_bytes() / layers * (layers - model_->gpu_layers());
  if (free == 0 || needed <= memory) return;
  throw EngineError::out_of_memory("A cache of " + std::to_string(cache_tokens_) + " tokens needs " +
                                       mebibytes(needed) + ", but " + mebibytes(memory) + " are free.",
                                   smaller_cache);
}

std::vector<Context::DeviceUse> Context::device_use() const {
  std::vector<DeviceUse> all;
  if (!context_) {
    ggml_backend_dev_t device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    all.push_back({.device = device,
                   .name = ggml_backend_dev_name(device),
                   .description = ggml_backend_dev_description(device),
                   .weights_bytes = model_->info().size_bytes});
    return all;
  }
  for (const auto& [type, use] : llama_get_memory_breakdown(context_.get())) {
    ggml_backend_dev_t device = ggml_backend_buft_is_host(type) ? nullptr : ggml_backend_buft_get_device(type);
    // Memory of the processor has no device, or belongs to a GPU's driver.
    if (!device || ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_CPU)
      device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    auto found = std::find_if(all.begin(), all.end(), [&](const DeviceUse& one) { return one.device == device; });
    if (found == all.end())
      found = all.insert(all.end(), {.device = device,
                                     .name = ggml_backend_dev_name(device),
                                     .description = ggml_backend_dev_description(device)});
    found->weights_bytes += use.model;
    found->cache_bytes += use.context;
    found->compute_bytes += use.compute;
  }
  std::stable_partition(all.begin(), all.end(), [](const DeviceUse& one) { return !is_gpu(one.device); });
  return all;
}

int Context::decode(std::span<const Row> rows) {
  llama_batch& batch = batch_->batch;
  batch.n_tokens = static_cast<int32_t>(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    batch.token[i] = rows[i].token;
    batch.pos[i] = rows[i].position;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = rows[i].sequence;
    batch.logits[i] = rows[i].output ? 1 : 0;
  }
  return compute(context_.get(), batch, threads_set_);
}

void Context::use(std::shared_ptr<const AdapterSet> adapters) {
  if (key_of(adapters) == key_of(adapters_)) return;
  std::vector<llama_adapter_lora*> list;
  std::vector<float> scales;
  for (const auto& [adapter, scale] : adapters ? adapters->uses : std::vector<AdapterSet::Use>()) {
    list.push_back(adapter->get());
    scales.push_back(scale);
  }
  const std::shared_lock lock(model_->adapters_mutex());
  llama_set_adapters_lora(context_.get(), list.data(), list.size(), scales.data());
  // The next computation would do it too, and without the lock.
  context_->sched_reserve();
  adapters_ = std::move(adapters);
}

int Context::compute(llama_context* context, const llama_batch& batch, uint32_t& threads_set) {
  const uint32_t forced = std::min(forced_threads_.load(), threads_);
  const bool governed = controlled_ && forced == 0;
  const uint32_t threads = governed     ? controller_->begin(ThreadController::Clock::now())
                           : forced > 0 ? forced
                                        : threads_;
  if (threads != threads_set) {
    // More than one row uses the second count: both are set.
    llama_set_n_threads(context, static_cast<int32_t>(threads), static_cast<int32_t>(threads));
    threads_set = threads;
  }
  const ErrorLogCapture errors;
  const int result = llama_decode(context, batch);
  llama_synchronize(context);
  if (result != 0 && result != 2)
    failure_ = errors.failure("ENGINE_FAILED", "llama_decode failed with " + std::to_string(result), smaller_cache);
  if (governed) controller_->end(ThreadController::Clock::now());
  return result;
}

std::span<const float> Context::logits(int row) {
  const float* values = llama_get_logits_ith(context_.get(), row);
  return values ? std::span(values, model_->info().vocabulary_size) : std::span<const float>{};
}

}  // namespace caduceus
