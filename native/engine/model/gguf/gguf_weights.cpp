#include "model/gguf/gguf_weights.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <stdexcept>
#include <vector>

#include "llama-arch.h"
#include "platform/runtime.h"

namespace caduceus {
namespace {

struct Use {
  llm_tensor tensor;
  ggml_op op;
};
using Uses = std::map<std::string, std::vector<Use>>;

// As many as llama.cpp's enumeration can name, which has no last one.
constexpr int most_tensors = 512;

// "blk.7.ffn_up.3" -> "blk.0.ffn_up.0"
std::string without_numbers(const std::string& name) {
  std::string plain;
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('.', begin), name.size());
    const bool number = end > begin && std::all_of(name.begin() + static_cast<std::ptrdiff_t>(begin),
                                                   name.begin() + static_cast<std::ptrdiff_t>(end),
                                                   [](unsigned char c) { return std::isdigit(c) != 0; });
    plain += number ? "0" : name.substr(begin, end - begin);
    if (end < name.size()) plain += '.';
    begin = end + 1;
  }
  return plain;
}

Uses known_uses() {
  Uses uses;
  const AssertionGuard guard;
  for (int i = 0; i < most_tensors; ++i) {
    const auto tensor = static_cast<llm_tensor>(i);
    try {
      const ggml_op op = llm_tensor_info_for(tensor).op;
      uses[LLM_TN(LLM_ARCH_LLAMA)(tensor, 0, 0).str()].push_back({tensor, op});
    } catch (const std::exception&) {
      // Has no use, or no name.
    }
  }
  return uses;
}

bool fits(const Use& use, const std::string& suffix, ggml_type type) {
  const bool is_matrix = suffix.empty() || suffix == "weight" || suffix == "lora_a" || suffix == "lora_b";
  switch (is_matrix ? use.op : GGML_OP_ADD) {
    case GGML_OP_NONE:
      return true;
    case GGML_OP_GET_ROWS:
      // Lists of token ids.
      if (use.tensor == LLM_TENSOR_FFN_GATE_TID2EID || use.tensor == LLM_TENSOR_D2T)
        return type == GGML_TYPE_I32 || type == GGML_TYPE_I64 || is_matrix_type(type);
      return is_matrix_type(type);
    case GGML_OP_MUL_MAT:
    case GGML_OP_MUL_MAT_ID:
    case GGML_OP_IM2COL:
      return is_matrix_type(type);
    // What is added to activations, or multiplied with them one by one, is of their type.
    default:
      return type == GGML_TYPE_F32;
  }
}

}  // namespace

// ggml's own table: what can be turned back into numbers has all its kernels. Q8_1 and Q8_K, which only hold
// activations, integers and doubles cannot.
bool is_matrix_type(ggml_type type) { return type == GGML_TYPE_F32 || ggml_get_type_traits(type)->to_float != nullptr; }

bool can_compute(const std::string& tensor, ggml_type type) {
  static const Uses uses = known_uses();
  const std::string plain = without_numbers(tensor);
  auto found = uses.find(plain);
  std::string suffix;
  if (const size_t dot = plain.rfind('.'); found == uses.end() && dot != std::string::npos) {
    suffix = plain.substr(dot + 1);
    found = uses.find(plain.substr(0, dot));
  }
  if (found == uses.end()) return true;
  return std::any_of(found->second.begin(), found->second.end(),
                     [&](const Use& use) { return fits(use, suffix, type); });
}

}  // namespace caduceus
