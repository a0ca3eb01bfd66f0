// Samplers that keep the numbers of a chain finite, where llama.cpp's own would compute with infinities and NaN.
#pragma once

#include "llama.h"

namespace caduceus {

// Follows samplers that change logits. NaN becomes impossible; of infinite logits, one is kept; and logits so large
// that dividing them by `lowest_temperature` could overflow are shifted to the best one. All others stay unchanged. If
// no token is possible, LLAMA_TOKEN_NULL is all that is left.
llama_sampler* init_steady(float lowest_temperature);

// Precedes samplers that take logarithms of probabilities: removes tokens whose probability may be 0 as a float. At
// least one token stays.
llama_sampler* init_drop_impossible();

}  // namespace caduceus
