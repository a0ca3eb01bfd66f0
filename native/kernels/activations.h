// Activations for the kernels: bytes with one scale for as many values as the weights' blocks have, like ggml's Q8_K
// (256) and Q8_0 (32), but with scales in single precision. The columns of a tile lie side by side, block after block,
// so that a kernel reaches all of them at fixed distances.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "weight_types.h"

namespace caduceus::kernels {

/** What is subtracted from a weight's code. */
template <class S, class T>
inline constexpr int code_offset = T::bits == 8 || T::table ? S::byte_offset : T::offset;

template <class S, class T>
struct Activations {
  int8_t values[T::values];
  float scale;
  // For types with an offset: what a sub-block's sum starts from, −offset × the sum of its values.
  // For those with mins: the sums themselves, as pairs for blocks of 256, and times the scale for those of 32.
  union {
    int32_t start[T::sub_blocks];
    int16_t sums[T::sub_blocks];
    float sum;
  };

  void quantize(const float* x) {
    float largest = 0;
    for (int i = 0; i < T::values; i++) largest = std::max(largest, std::fabs(x[i]));
    scale = largest / 127;
    const float inverse = largest > 0 ? 127 / largest : 0;
    // Adding 1.5 × 2^23 rounds to the nearest integer, which is then in the low bits.
    constexpr float magic = 12582912.0f;
    for (int i = 0; i < T::values; i++) {
      values[i] = static_cast<int8_t>(std::bit_cast<int32_t>(x[i] * inverse + magic));
    }
    for (int s = 0; s < T::sub_blocks; s++) {
      int32_t total = 0;
      for (int i = 0; i < T::sub_block; i++) total += values[s * T::sub_block + i];
      if constexpr (!T::mins)
        start[s] = -code_offset<S, T> * total;
      else if constexpr (T::super)
        sums[s] = static_cast<int16_t>(total);
      else
        sum = static_cast<float>(total) * scale;
    }
  }
};

}  // namespace caduceus::kernels
