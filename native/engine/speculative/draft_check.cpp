// Whether one model can draft for another.
#include <string>

#include "platform/error.h"
#include "speculative/draft_model.h"

namespace caduceus {
namespace {

std::string quoted(const char* text) { return std::string("\"").append(text).append("\""); }

// How the vocabularies differ; empty where drafted tokens mean the same to both. Some models of a family have more
// unused tokens than others, so that their number can be divided well.
std::string difference(const llama_vocab* model, const llama_vocab* draft) {
  if (llama_vocab_type(model) != llama_vocab_type(draft)) return "their vocabularies are of different types";
  const int32_t sizes[] = {llama_vocab_n_tokens(model), llama_vocab_n_tokens(draft)};
  const int32_t both = std::min(sizes[0], sizes[1]);
  for (Token token = both; token < std::max(sizes[0], sizes[1]); ++token) {
    const llama_vocab* longer = sizes[0] > sizes[1] ? model : draft;
    if ((llama_vocab_get_attr(longer, token) & LLAMA_TOKEN_ATTR_UNUSED) == 0)
      return "it has " + std::to_string(sizes[1]) + " tokens, the model " + std::to_string(sizes[0]);
  }
  for (Token token = 0; token < both; ++token) {
    const char* texts[] = {llama_vocab_get_text(model, token), llama_vocab_get_text(draft, token)};
    const std::string which = "token " + std::to_string(token) + " ";
    if (std::string_view(texts[0]) != texts[1])
      return which + "is " + quoted(texts[1]) + ", and " + quoted(texts[0]) + " in the model";
    if (llama_vocab_is_control(model, token) != llama_vocab_is_control(draft, token))
      return which + quoted(texts[0]) + " is a control token in one of them only";
  }
  if (llama_vocab_bos(model) != llama_vocab_bos(draft))
    return "its texts begin with token " + std::to_string(llama_vocab_bos(draft)) + ", those of the model with " +
           std::to_string(llama_vocab_bos(model));
  return {};
}

}  // namespace

void check_draft_model(const Model& model, const Model& draft) {
  const auto refuse = [&](const char* code, const std::string& why) {
    throw EngineError(code, draft.info().path + " cannot draft for " + model.info().path + ": " + why + ".",
                      "draftModel");
  };
  if (!model.generates()) refuse("UNSUPPORTED", "that is a model for " + model.info().purpose);
  if (!draft.generates()) refuse("UNSUPPORTED", "it is a model for " + draft.info().purpose);
  if (!model.can_rewind()) refuse("UNSUPPORTED", "that model is recurrent and cannot take tokens back");
  if (!draft.can_rewind()) refuse("UNSUPPORTED", "it is recurrent and cannot take tokens back");
  if (const std::string how = difference(model.vocab(), draft.vocab()); !how.empty())
    refuse("MODEL_INVALID", "both need the same vocabulary, and " + how);
}

}  // namespace caduceus
