#include "model/gguf/gguf_shape.h"

#include <array>
#include <optional>
#include <string_view>

namespace caduceus {
namespace {

// llama.cpp's LLAMA_MAX_LAYERS and LLAMA_MAX_EXPERTS.
constexpr uint32_t max_layers = 512;
constexpr uint32_t max_experts = 1024;

class Shape {
 public:
  explicit Shape(const GgufHeader& header)
      : header_(header), architecture_(text("general.architecture").value_or("")) {}

  std::string wrong() const {
    for (const auto check : {&Shape::wrong_architecture, &Shape::wrong_layers, &Shape::wrong_heads,
                             &Shape::wrong_experts, &Shape::wrong_rope, &Shape::wrong_vocabulary}) {
      if (std::string found = (this->*check)(); !found.empty()) return found;
    }
    return {};
  }

 private:
  std::optional<std::string> text(const std::string& key) const {
    const auto it = header_.texts.find(key);
    return it == header_.texts.end() ? std::nullopt : std::optional(it->second);
  }
  std::optional<uint32_t> number(const std::string& key) const {
    const auto it = header_.numbers.find(key);
    return it == header_.numbers.end() ? std::nullopt : std::optional(it->second);
  }
  std::optional<uint32_t> own(const std::string& key) const { return number(architecture_ + key); }

  static std::string corrupt(const std::string& what) { return "is corrupt: " + what; }

  std::string wrong_architecture() const {
    if (architecture_.empty() ||
        architecture_.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") != std::string::npos)
      return corrupt("its architecture is no name");
    return {};
  }

  std::string wrong_layers() const {
    const auto layers = own(".block_count");
    if (layers && (*layers == 0 || *layers > max_layers))
      return corrupt("it counts " + std::to_string(*layers) + " layers");
    if (const auto embedding = own(".embedding_length"); embedding && (*embedding == 0 || *embedding > (1u << 20)))
      return corrupt("its embedding has " + std::to_string(*embedding) + " values");
    if (const auto context = own(".context_length"); context && (*context == 0 || *context > (1u << 28)))
      return corrupt("its context length is " + std::to_string(*context));
    if (const auto next = own(".nextn_predict_layers"); next && layers && *next > *layers)
      return corrupt("it predicts with more layers than it has");
    return {};
  }

  std::string wrong_heads() const {
    const auto heads = own(".attention.head_count");
    const auto heads_kv = own(".attention.head_count_kv");
    const auto embedding = own(".embedding_length");
    if (!heads || *heads == 0) return {};
    if (*heads > (1u << 16)) return corrupt("it counts " + std::to_string(*heads) + " heads");
    if (heads_kv && (*heads_kv > *heads || (*heads_kv > 0 && *heads % *heads_kv != 0)))
      return corrupt("its " + std::to_string(*heads) + " heads cannot share " + std::to_string(*heads_kv));
    const auto key_length = own(".attention.key_length");
    if (embedding && !key_length && *embedding % *heads != 0)
      return corrupt("its embedding cannot be divided among its heads");
    for (const char* key : {".attention.key_length", ".attention.value_length", ".rope.dimension_count"}) {
      if (const auto length = own(key); length && (*length == 0 || *length > (1u << 16)))
        return corrupt(architecture_ + key + " is " + std::to_string(*length));
    }
    if (architecture_ == "llama" && embedding) {
      const uint32_t head = key_length.value_or(*embedding / *heads);
      if (own(".attention.value_length").value_or(head) != head || own(".rope.dimension_count").value_or(head) != head)
        return corrupt("its heads have different sizes");
    }
    return {};
  }

  std::string wrong_experts() const {
    const uint32_t experts = own(".expert_count").value_or(0);
    const auto used = own(".expert_used_count");
    const uint32_t groups = own(".expert_group_count").value_or(0);
    if (experts > max_experts) return corrupt("it counts " + std::to_string(experts) + " experts");
    if (used && (*used > experts || (experts > 0 && *used == 0)))
      return corrupt("it uses " + std::to_string(*used) + " of " + std::to_string(experts) + " experts");
    if (groups > 0 && groups >= experts) return corrupt("it has more groups of experts than experts");
    if (groups > 1) {
      const uint32_t group_used = own(".expert_group_used_count").value_or(0);
      if (experts % groups != 0 || group_used == 0 || group_used >= groups)
        return corrupt("its experts cannot be divided into groups");
    }
    return {};
  }

  std::string wrong_rope() const {
    const auto type = text(architecture_ + ".rope.scaling.type");
    for (const std::string_view known : {"none", "linear", "yarn", "longrope"}) {
      if (!type || *type == known) return {};
    }
    return corrupt("it scales its positions in an unknown way");
  }

  std::string wrong_vocabulary() const {
    const auto tokens = header_.lengths.find("tokenizer.ggml.tokens");
    if (tokens == header_.lengths.end() || tokens->second == 0) return "has no vocabulary";
    for (const char* key : {"tokenizer.ggml.scores", "tokenizer.ggml.token_type"}) {
      const auto it = header_.lengths.find(key);
      if (it != header_.lengths.end() && it->second != tokens->second)
        return corrupt("its vocabulary has " + std::to_string(tokens->second) + " tokens but " +
                       std::to_string(it->second) + " entries in " + key);
    }
    for (const auto& [key, value] : header_.numbers) {
      const bool id = key.starts_with("tokenizer.ggml.") && key.ends_with("_token_id");
      // All ones is how some converters write "none".
      if (id && value >= tokens->second && value != UINT32_MAX)
        return corrupt(key + " is " + std::to_string(value) + ", beyond its vocabulary");
    }
    return {};
  }

  const GgufHeader& header_;
  std::string architecture_;
};

}  // namespace

std::string wrong_shape(const GgufHeader& header) { return Shape(header).wrong(); }

}  // namespace caduceus
