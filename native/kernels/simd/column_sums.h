// Sums of codes times values for the columns of a tile, and the loops of which they are made.
#pragma once
#include <cstdint>
#include <utility>

namespace caduceus::kernels {

#if defined(_MSC_VER) && !defined(__clang__)
#define CADUCEUS_INLINE __forceinline
#define CADUCEUS_INLINE_LAMBDA [[msvc::forceinline]]
#else
#define CADUCEUS_INLINE inline __attribute__((always_inline))
#define CADUCEUS_INLINE_LAMBDA __attribute__((always_inline))
#endif

/** Calls `body` with the compile-time constants 0 … N−1. */
template <int N, class Body>
CADUCEUS_INLINE void unrolled(Body&& body) {
  [&]<int... I>(std::integer_sequence<int, I...>)
      CADUCEUS_INLINE_LAMBDA { (body(std::integral_constant<int, I>{}), ...); }(std::make_integer_sequence<int, N>());
}

/** A sum for each column. `Sum` has those of all rows of a panel for one column. */
template <class Sum, int Columns>
struct ColumnSums {
  Sum sum[Columns];
  template <class Start>
  CADUCEUS_INLINE void begin(Start start) {
    unrolled<Columns>([&](auto n) { sum[n].begin(start(n)); });
  }
  /** Adds the codes of a group times the four values there of each column; `values` gives those of the first group. */
  template <int Group, class Codes, class Values>
  CADUCEUS_INLINE void add(const Codes& codes, Values values) {
    unrolled<Columns>([&](auto n) { sum[n].template add<Group>(codes, values(n)); });
  }
  CADUCEUS_INLINE auto end(int n) { return sum[n].end(); }
};

}  // namespace caduceus::kernels
