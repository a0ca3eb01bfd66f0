// The multiplication itself: one panel of weights times the columns of a tile, and how a matrix is divided into both.
#pragma once
#include <algorithm>
#include <array>
#include <cstring>

#include "activations.h"
#include "panel.h"
#include "simd/column_sums.h"

namespace caduceus::kernels {

/**
 * Adds `blocks` blocks of a panel times `Columns` columns to `out`, or writes the sum there. With `fetch`, the same
 * blocks of the next panel come into the cache meanwhile.
 */
template <class S, class T, int Columns, bool Add, class Weights>
void multiply_tile(const Weights& w, const Activations<S, T>* x, int blocks, bool fetch, float* out, size_t stride) {
  constexpr bool is_signed = (T::bits == 8 || T::table) && S::byte_offset == 0;
  constexpr int max_code = T::bits == 8 || T::table ? 128 : (1 << T::bits) - 1;
  constexpr int groups = T::sub_block / 4;
  using Sums = typename S::template Sums<max_code, is_signed, Columns>;
  typename S::Floats total[Columns];
  unrolled<Columns>([&](auto n) {
    if constexpr (Add)
      total[n] = S::load(out + n * stride);
    else
      total[n] = S::zero();
  });
  for (int b = 0; b < blocks; b++, x += Columns) {
    const auto scale = w.scale(b);
    if (fetch) w.fetch_scales(b);
    if constexpr (T::super) {
      typename S::Floats block[Columns];
      unrolled<Columns>([&](auto n) { block[n] = S::zero(); });
      for (int u = 0; u < 8; u++) {
        if (fetch) w.fetch_codes(b, u);
        unrolled<32 / T::sub_block>([&](auto half) {
          constexpr int h = decltype(half)::value;
          const int s = u * (32 / T::sub_block) + h;
          Sums sums;
          sums.begin([&](int n) { return T::mins ? 0 : x[n].start[s]; });
          unrolled<groups>([&](auto group) {
            const auto codes = w.template code<h * groups + decltype(group)::value>(b, u);
            sums.template add<decltype(group)::value>(codes, [&](int n) { return x[n].values + s * T::sub_block; });
          });
          const auto factor = w.sub_scale(b, s, scale);
          unrolled<Columns>([&](auto n) { block[n] = S::add_product(block[n], S::to_float(sums.end(n)), factor); });
        });
      }
      if constexpr (T::mins) {
        typename S::Ints mins[Columns];
        unrolled<Columns>([&](auto n) { mins[n] = S::all(int32_t{0}); });
        for (int p = 0; p < T::sub_blocks / 2; p++) {
          const auto pair = w.min_pair(b, p);
          unrolled<Columns>([&](auto n) {
            int32_t sums;
            std::memcpy(&sums, x[n].sums + p * 2, 4);
            mins[n] = S::add_pairs(mins[n], pair, S::all(sums));
          });
        }
        const auto factor = w.min(b);
        unrolled<Columns>([&](auto n) { block[n] = S::subtract_product(block[n], S::to_float(mins[n]), factor); });
      }
      unrolled<Columns>([&](auto n) { total[n] = S::add_product(total[n], block[n], S::all(x[n].scale)); });
    } else {
      if (fetch) w.fetch_codes(b, 0);
      Sums sums;
      sums.begin([&](int n) { return T::mins ? 0 : x[n].start[0]; });
      unrolled<8>([&](auto group) {
        const auto codes = w.template code<decltype(group)::value>(b, 0);
        sums.template add<decltype(group)::value>(codes, [&](int n) { return x[n].values; });
      });
      unrolled<Columns>([&](auto n) {
        const auto scaled = S::multiply(S::to_float(sums.end(n)), S::all(x[n].scale));
        total[n] = S::add_product(total[n], scaled, scale);
      });
      if constexpr (T::mins) {
        const auto min = w.min(b);
        unrolled<Columns>([&](auto n) { total[n] = S::add_product(total[n], min, S::all(x[n].sum)); });
      }
    }
  }
  unrolled<Columns>([&](auto n) { S::store(out + n * stride, total[n]); });
}

/** Widths of tiles for so many columns: full ones, and few for the rest. */
template <class S>
struct Tiles {
  static constexpr std::array<int, 7> widths = {12, 8, 6, 4, 3, 2, 1};

  /** Width of the tile that begins where `left` columns are left. */
  static int width(int left) {
    for (const int w : widths)
      if (w <= S::max_columns && w <= left) return w;
    return 1;
  }
};

/** One matrix, as the kernels see it. */
template <class S, class T>
class Matrix {
 public:
  using X = Activations<S, T>;
  using P = Panel<S, T>;

  Matrix(const uint8_t* panels, int64_t row_count, int64_t width)
      : panels_(panels), row_count_(row_count), blocks_(static_cast<int>(width / T::values)) {}

  static size_t activation_bytes(int64_t width, int64_t columns) {
    return static_cast<size_t>(width / T::values * columns) * sizeof(X);
  }

  /** Writes column `n` of `columns` to its place. */
  void quantize(const float* x, X* out, int n, int columns) const {
    int first = 0, width = Tiles<S>::width(columns);
    while (n >= first + width) {
      first += width;
      width = Tiles<S>::width(columns - first);
    }
    X* at = out + static_cast<size_t>(first) * blocks_ + (n - first);
    for (int b = 0; b < blocks_; b++) at[static_cast<size_t>(b) * width].quantize(x + b * T::values);
  }

  /**
   * Multiplies panels `first` … `last` with all columns; a column of `out` has `stride` numbers. Few columns take whole
   * rows, so that the weights stream by. More are divided so that the activations of some tiles stay in the first-level
   * cache while panels pass that stay in the second.
   */
  void multiply(const X* x, int columns, float* out, size_t stride, int64_t first, int64_t last) const {
    const int depth = columns < S::max_columns ? blocks_ : std::max(1, chunk_values / T::values);
    const size_t chunk_bytes = (P::scale_bytes + P::code_bytes) * depth;
    const int64_t group = std::max<int64_t>(4, static_cast<int64_t>(group_bytes / chunk_bytes));
    const int step =
        std::max(S::max_columns, static_cast<int>(tile_bytes / (sizeof(X) * depth)) / S::max_columns * S::max_columns);
    for (int b = 0; b < blocks_; b += depth) {
      const int count = std::min(depth, blocks_ - b);
      for (int64_t g = first; g < last; g += group) {
        for (int n = 0; n < columns; n += step) {
          for (int64_t p = g; p < std::min(last, g + group); p++) {
            multiply_panel(p, x, n, std::min(columns, n + step), columns, b, count, out, stride);
          }
        }
      }
    }
  }

 private:
  static constexpr int chunk_values = 1024;
  static constexpr size_t tile_bytes = size_t{28} << 10;
  static constexpr size_t group_bytes = size_t{256} << 10;

  template <bool Add>
  static void tile(int width, const PackedWeights<S, T>& w, const X* x, int blocks, bool fetch, float* out,
                   size_t stride) {
    unrolled<Tiles<S>::widths.size()>([&](auto i) {
      constexpr int columns = Tiles<S>::widths[decltype(i)::value];
      if constexpr (columns <= S::max_columns) {
        if (width == columns) multiply_tile<S, T, columns, Add>(w, x, blocks, fetch, out, stride);
      }
    });
  }

  /** Multiplies `count` blocks of one panel from block `b` on with the columns from `n` up to `end`. */
  void multiply_panel(int64_t p, const X* x, int n, int end, int columns, int b, int count, float* out,
                      size_t stride) const {
    const PackedWeights<S, T> w(panels_ + p * P::size(blocks_), blocks_, b);
    const int present = static_cast<int>(std::min<int64_t>(S::rows, row_count_ - p * S::rows));
    while (n < end) {
      const int width = Tiles<S>::width(columns - n);
      const bool fetch = n == 0;
      const X* from = x + static_cast<size_t>(n) * blocks_ + static_cast<size_t>(b) * width;
      float* at = out + n * stride + p * S::rows;
      n += width;
      if (present == S::rows) {
        if (b == 0)
          tile<false>(width, w, from, count, fetch, at, stride);
        else
          tile<true>(width, w, from, count, fetch, at, stride);
        continue;
      }
      float whole[S::max_columns * S::rows] = {};
      for (int i = 0; b > 0 && i < width; i++)
        std::memcpy(whole + i * S::rows, at + i * stride, present * sizeof(float));
      tile<true>(width, w, from, count, fetch, whole, S::rows);
      for (int i = 0; i < width; i++) std::memcpy(at + i * stride, whole + i * S::rows, present * sizeof(float));
    }
  }

  const uint8_t* panels_;
  int64_t row_count_;
  int blocks_;
};

}  // namespace caduceus::kernels
