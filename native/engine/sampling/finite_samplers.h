// Links of a sampler chain that keep its numbers finite, where llama.cpp's own would compute with infinities and NaN.
#pragma once

#include "llama.h"

namespace caduceus {

// After what changes logits: what is no number cannot come, where some are infinite one of them does, and logits so
// large that dividing them by `lowest_temperature` could overflow are counted from the best one. All others stay as
// they are. Where none can come, LLAMA_TOKEN_NULL is all that is left.
llama_sampler* init_steady(float lowest_temperature);

// Before what takes logarithms of probabilities: leaves out what is so unlikely that its probability may be 0 as a
// float. One token always stays.
llama_sampler* init_drop_impossible();

}  // namespace caduceus
