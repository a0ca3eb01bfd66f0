// Whether ggml can compute with a weight as its file stores it. Where it cannot it ends the process: kernels it does
// not have are null pointers, and its assertions on threads of their own cannot be caught.
#pragma once

#include <string>

#include "ggml.h"

namespace caduceus {

// A matrix of this type can be multiplied with, and its rows taken.
bool is_matrix_type(ggml_type type);

// By llama.cpp's own list of what it does with the tensor of this name; true for names it does not know, which it
// refuses itself.
bool can_compute(const std::string& tensor, ggml_type type);

}  // namespace caduceus
