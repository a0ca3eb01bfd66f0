// Four bytes of a column, as the instructions of x86 spread them over a vector.
#pragma once
#include <cstdint>
#include <cstring>

namespace caduceus::kernels {

inline int32_t four_bytes(const int8_t* x) {
  int32_t v;
  std::memcpy(&v, x, 4);
  return v;
}

}  // namespace caduceus::kernels
