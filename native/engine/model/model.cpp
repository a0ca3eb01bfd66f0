#include "model/model.h"

#include <algorithm>

#include "llama-ext.h"
#include "model/gguf/gguf_check.h"
#include "model/weight_reading.h"
#include "platform/error.h"
#include "platform/runtime.h"

namespace caduceus {
namespace {

std::string vocabulary_type_name(enum llama_vocab_type type) {
  switch (type) {
    case LLAMA_VOCAB_TYPE_SPM:
      return "spm";
    case LLAMA_VOCAB_TYPE_BPE:
      return "bpe";
    case LLAMA_VOCAB_TYPE_WPM:
      return "wpm";
    case LLAMA_VOCAB_TYPE_UGM:
      return "ugm";
    case LLAMA_VOCAB_TYPE_RWKV:
      return "rwkv";
    case LLAMA_VOCAB_TYPE_PLAMO2:
      return "plamo2";
    case LLAMA_VOCAB_TYPE_TEST:
      return "test";
    default:
      return "none";
  }
}

// llama.cpp's string getters return the full length however short the buffer was.
template <typename Read>
std::string read_string(Read read) {
  const int32_t length = read(nullptr, 0);
  if (length <= 0) return {};
  std::string text(static_cast<size_t>(length) + 1, '\0');
  read(text.data(), text.size());
  text.resize(static_cast<size_t>(length));
  return text;
}

bool is_array_text(const std::string& value) { return value.size() > 1 && value.front() == '[' && value.back() == ']'; }

std::optional<InfillTokens> infill_tokens_of(const llama_vocab* vocabulary) {
  const auto given = [](llama_token token) {
    return token == LLAMA_TOKEN_NULL ? std::nullopt : std::optional<llama_token>(token);
  };
  const auto prefix = given(llama_vocab_fim_pre(vocabulary));
  const auto suffix = given(llama_vocab_fim_suf(vocabulary));
  const auto middle = given(llama_vocab_fim_mid(vocabulary));
  if (!prefix || !suffix || !middle) return std::nullopt;
  return InfillTokens{*prefix, *suffix, *middle, given(llama_vocab_fim_rep(vocabulary)),
                      given(llama_vocab_fim_sep(vocabulary))};
}

}  // namespace

std::shared_ptr<Model> Model::load(const ModelOptions& options) {
  ensure_backend(options.gpu_modules);
  check_gguf(options.path, options.cancelled);

  llama_model_params params = llama_model_default_params();
  params.n_gpu_layers = options.gpu_layers;
  // A GPU without layers would still compute large batches, and take memory for that.
  ggml_backend_dev_t none[] = {nullptr};
  if (options.gpu_layers == 0) params.devices = none;
  // With mmap, weights that llama.cpp repacks are in memory twice: 1.16 GB against 0.64 GB for a file of 607 MiB.
  params.load_mode = LLAMA_LOAD_MODE_NONE;
  params.progress_callback_user_data = const_cast<ModelOptions*>(&options);
  params.progress_callback = [](float progress, void* data) {
    const auto& self = *static_cast<const ModelOptions*>(data);
    if (self.on_progress) self.on_progress(progress);
    return !(self.cancelled && self.cancelled->load(std::memory_order_relaxed));
  };

  const AssertionGuard guard;
  const ErrorLogCapture errors;
  llama_model* model = nullptr;
  {
    const WeightReading reading;
    model = llama_model_load_from_file(options.path.c_str(), params);
  }
  if (options.cancelled && options.cancelled->load()) {
    if (model) llama_model_free(model);
    throw EngineError("CANCELLED", "Loading was cancelled.");
  }
  if (!model)
    throw errors.failure("MODEL_INVALID", options.path + " could not be loaded",
                         "Take a smaller quantization or model, or end other programs.");
  return std::shared_ptr<Model>(new Model(model, options));
}

Model::Model(llama_model* model, const ModelOptions& options) : model_(model) {
  const std::string& path = options.path;
  const llama_vocab* vocabulary = vocab();
  info_.path = path;
  info_.description = read_string([&](char* buffer, size_t size) { return llama_model_desc(model, buffer, size); });
  info_.parameters = llama_model_n_params(model);
  info_.size_bytes = llama_model_size(model);
  info_.training_context_size = static_cast<uint32_t>(llama_model_n_ctx_train(model));
  info_.layers = static_cast<uint32_t>(llama_model_n_layer(model));
  info_.embedding_size = static_cast<uint32_t>(llama_model_n_embd(model));
  info_.heads = static_cast<uint32_t>(llama_model_n_head(model));
  info_.heads_kv = static_cast<uint32_t>(llama_model_n_head_kv(model));
  info_.vocabulary_size = static_cast<uint32_t>(llama_vocab_n_tokens(vocabulary));
  info_.vocabulary_type = vocabulary_type_name(llama_vocab_type(vocabulary));
  if (const char* source = llama_model_chat_template(model, nullptr)) info_.chat_template = source;

  for (int32_t i = 0; i < llama_model_meta_count(model); ++i) {
    const auto key = read_string([&](char* b, size_t n) { return llama_model_meta_key_by_index(model, i, b, n); });
    auto value = read_string([&](char* b, size_t n) { return llama_model_meta_val_str_by_index(model, i, b, n); });
    if (key.empty() || is_array_text(value)) continue;
    info_.metadata.emplace(key, std::move(value));
  }
  if (const auto it = info_.metadata.find("general.architecture"); it != info_.metadata.end())
    info_.architecture = it->second;
  if (const auto it = info_.metadata.find("general.name"); it != info_.metadata.end()) info_.name = it->second;

  if (const llama_token bos = llama_vocab_bos(vocabulary); bos != LLAMA_TOKEN_NULL) info_.bos_token = bos;
  if (const llama_token eos = llama_vocab_eos(vocabulary); eos != LLAMA_TOKEN_NULL) info_.eos_token = eos;
  for (llama_token token = 0; token < llama_vocab_n_tokens(vocabulary); ++token) {
    if (llama_vocab_is_eog(vocabulary, token)) info_.end_of_generation_tokens.push_back(token);
  }
  info_.infill_tokens = infill_tokens_of(vocabulary);
  read_purpose();
  can_rewind_ = !llama_model_is_recurrent(model) && !llama_model_is_hybrid(model);
  if (llama_model_n_devices(model) > 0) gpu_layers_ = std::min(static_cast<uint32_t>(options.gpu_layers), info_.layers);

  if (llama_model_has_encoder(model) || !llama_model_has_decoder(model) || llama_model_is_diffusion(model)) {
    throw EngineError("MODEL_INVALID", path + " is not a model that generates text token by token (architecture " +
                                           info_.architecture + ").");
  }
  if (info_.vocabulary_type == "none") throw EngineError("MODEL_INVALID", path + " has no vocabulary.");
  try {
    tokenizer_ = std::make_unique<Tokenizer>(vocabulary, options.cancelled);
  } catch (const EngineError&) {
    throw;
  } catch (const std::exception& error) {
    // llama.cpp looks up tokens that this vocabulary lacks.
    throw EngineError("MODEL_INVALID",
                      path + " has a vocabulary that cannot write a simple text: " + error.what() + ".");
  }
}

// From what the file says of itself. BERT and its kin have no cache, whatever it says.
void Model::read_purpose() {
  const auto value = [&](const char* key) {
    const auto it = info_.metadata.find(info_.architecture + key);
    return it == info_.metadata.end() ? std::string() : it->second;
  };
  const bool encodes = info_.architecture.find("bert") != std::string::npos || info_.architecture == "gemma-embedding";
  causal_ = !encodes && value(".attention.causal") != "false";
  const std::string pooling = value(".pooling_type");
  for (const auto type :
       {LLAMA_POOLING_TYPE_MEAN, LLAMA_POOLING_TYPE_CLS, LLAMA_POOLING_TYPE_LAST, LLAMA_POOLING_TYPE_RANK}) {
    if (pooling == std::to_string(static_cast<int>(type))) pooling_ = type;
  }
  info_.purpose = pooling_ == LLAMA_POOLING_TYPE_RANK                          ? "reranking"
                  : pooling_ != LLAMA_POOLING_TYPE_NONE || encodes || !causal_ ? "embedding"
                                                                               : "text";
}

uint64_t Model::cache_bytes_per_token(ggml_type type) const {
  const auto number = [&](const std::string& key, uint64_t otherwise) {
    const auto it = info_.metadata.find(info_.architecture + key);
    try {
      return it == info_.metadata.end() ? otherwise : static_cast<uint64_t>(std::stoull(it->second));
    } catch (const std::exception&) {
      return otherwise;
    }
  };
  const uint64_t head = info_.heads == 0 ? 0 : info_.embedding_size / info_.heads;
  const uint64_t per_head = number(".attention.key_length", head) + number(".attention.value_length", head);
  const uint64_t values = per_head * info_.heads_kv * info_.layers;
  return values * ggml_type_size(type) / static_cast<uint64_t>(ggml_blck_size(type));
}

}  // namespace caduceus
