// Whether an adapter (LoRA) fits a model: llama.cpp checks some of it, and asserts the rest while it computes.
#pragma once

#include <string>

#include "model/gguf/gguf_check.h"

struct llama_model;

namespace caduceus {

// What is wrong, as the end of a sentence that begins with the file's name; empty when nothing is.
std::string wrong_adapter(const GgufContent& adapter, const llama_model& model, const std::string& architecture);

}  // namespace caduceus
