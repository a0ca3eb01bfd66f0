// Attention over a cache of keys and values, a block of cells at a time. All sums are in single precision and
// belong to one query, so that the result depends neither on the number of threads nor on other rows.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace caduceus::kernels {

/** Queries that share keys and values: some heads of some rows, and where to find all this. Strides are in bytes. */
struct AttentionTile {
  const char* queries;
  size_t query_row_stride, query_head_stride;
  const char* keys;
  size_t key_stride;
  const char* values;
  size_t value_stride;
  /** For each row a half-precision number for each cell, −∞ where it is not seen; null if all are. */
  const char* mask;
  size_t mask_stride;
  char* out;
  size_t out_row_stride, out_head_stride;
  int64_t cells;
  int rows, heads;
  float scale;
};

inline constexpr int most_attention_rows = 4;
/** Rows times heads of a tile at most. */
inline constexpr int most_attention_queries = 16;

/** e^x for x ≤ 0, within two units in the last place; 0 below −87. */
inline float exponential(float x) {
  constexpr float magic = 12582912.0f;
  const float shifted = x * 1.44269504f + magic;
  const float n = shifted - magic;
  const float r = x - n * 0.693145752f - n * 1.42860677e-6f;
  const float p =
      1.0f +
      r * (1.0f + r * (0.5f + r * (0.166666672f + r * (0.0416664853f + r * (0.00833336357f + r * 0.00139298f)))));
  const float result = std::bit_cast<float>(std::bit_cast<uint32_t>(p) + (std::bit_cast<uint32_t>(shifted) << 23));
  return x < -87.0f ? 0.0f : result;
}

/** One value of half precision. */
inline float from_half(uint16_t h) {
  const uint32_t sign = (h & 0x8000u) << 16, rest = h & 0x7fffu;
  if (rest >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
  if (rest >= 0x0400u) return std::bit_cast<float>(sign | ((rest << 13) + 0x38000000u));
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(static_cast<float>(rest) * 0x1p-24f));
}

/** Keys and values in half precision. */
template <class S>
struct HalfCache {
  static void read(const uint8_t* at, float* out, int size) {
    for (int i = 0; i < size; i += S::rows) S::store(out + i, S::halves(at + i * 2));
  }
};

/** Keys and values in ggml's Q8_0: blocks of 32 bytes behind their scale. */
template <class S>
struct Q8Cache {
  static void read(const uint8_t* at, float* out, int size) {
    for (int i = 0; i < size; i += 32, at += 34) {
      uint16_t scale;
      std::memcpy(&scale, at, sizeof(scale));
      const auto factor = S::all(from_half(scale));
      for (int k = 0; k < 32; k += S::rows)
        S::store(out + i + k, S::multiply(S::to_float(S::signed_bytes(at + 2 + k)), factor));
    }
  }
};

template <class S, template <class> class Cache, int Size>
class Attention {
 public:
  static void attend(const AttentionTile& tile) {
    Attention own(tile);
    for (int64_t first = 0; first < tile.cells; first += stretch) own.look_for_cells(first);
    if (own.count_ > 0) own.add_block();
    own.write();
  }

 private:
  /** Cells of a block: as many as fit in a first-level cache with their keys and values in single precision. */
  static constexpr int block = Size <= 64 ? 64 : Size <= 128 ? 32 : 16;
  /** How many cells of the mask are looked at together. */
  static constexpr int stretch = 16;
  static_assert(block % stretch == 0 && stretch % S::rows == 0);
  static constexpr int vectors = Size / S::rows;
  /** Vectors of a sum that are held in registers, for two queries at once. */
  static constexpr int held = vectors % 4 == 0 ? 4 : vectors % 3 == 0 ? 3 : vectors % 5 == 0 ? 5 : vectors;
  static_assert(held <= 5);

  explicit Attention(const AttentionTile& tile) : tile_(tile), queries_(tile.rows * tile.heads) {
    std::fill_n(&sums_[0][0], queries_ * Size, 0.0f);
    std::fill_n(largest_, queries_, -INFINITY);
    std::fill_n(total_, queries_, 0.0f);
  }

  const uint16_t* mask(int row) const {
    return reinterpret_cast<const uint16_t*>(tile_.mask + row * tile_.mask_stride);
  }

  /**
   * Collects the cells that a row sees. Blocks are made of these alone, so that a row's sums are formed in the same
   * order wherever its cells lie between those of others.
   */
  void look_for_cells(int64_t first) {
    const int present = static_cast<int>(std::min<int64_t>(stretch, tile_.cells - first));
    bool all_seen = !tile_.mask;
    if (tile_.mask && present == stretch) {
      bool none_seen = true;
      all_seen = true;
      for (int r = 0; r < tile_.rows; r++) {
        none_seen &= is_all(mask(r) + first, 0xfc00fc00fc00fc00);
        all_seen &= is_all(mask(r) + first, 0);
      }
      if (none_seen) return;
    }
    for (int i = 0; i < present; i++) {
      bool is_seen = all_seen;
      for (int r = 0; r < tile_.rows; r++) {
        const float value = all_seen ? 0.0f : from_half(mask(r)[first + i]);
        masks_[r][count_] = value;
        is_seen |= value != -INFINITY;
      }
      if (!is_seen) continue;
      const int64_t cell = first + i;
      Cache<S>::read(reinterpret_cast<const uint8_t*>(tile_.keys + cell * tile_.key_stride), keys_[count_], Size);
      Cache<S>::read(reinterpret_cast<const uint8_t*>(tile_.values + cell * tile_.value_stride), values_[count_], Size);
      if (++count_ == block) add_block();
    }
  }

  /** Whether a stretch of a mask consists of these four numbers. */
  static bool is_all(const uint16_t* mask, uint64_t numbers) {
    uint64_t four[stretch / 4];
    std::memcpy(four, mask, sizeof(four));
    return std::all_of(four, four + stretch / 4, [numbers](uint64_t v) { return v == numbers; });
  }

  void add_block() {
    const int end = (count_ + stretch - 1) / stretch * stretch;
    for (int r = 0; r < tile_.rows; r++) std::fill(masks_[r] + count_, masks_[r] + end, -INFINITY);
    // Two queries at a time, for each load of a key or value to be of use twice.
    for (int q = 0; q + 1 < queries_; q += 2) multiply_keys<2>(q, end);
    if (queries_ % 2) multiply_keys<1>(queries_ - 1, end);
    for (int q = 0; q < queries_;) {
      const bool pair = q + 1 < queries_ && sees_any(q) && sees_any(q + 1);
      if (pair)
        add_values<2>(q, end);
      else if (sees_any(q))
        add_values<1>(q, end);
      q += pair ? 2 : 1;
    }
    count_ = 0;
  }

  /** Scores of N queries for the cells up to `end`, −∞ where they do not see one. */
  template <int N>
  void multiply_keys(int q, int end) {
    const float* queries[N];
    typename S::Floats most[N];
    for (int n = 0; n < N; n++) {
      queries[n] = query((q + n) / tile_.heads, (q + n) % tile_.heads);
      most[n] = S::all(-INFINITY);
    }
    for (int i = 0; i < end; i += S::rows) {
      typename S::Floats parts[N][S::rows / 4];
      for (int part = 0; part < S::rows / 4; part++) {
        typename S::Floats sums[N][4];
        for (int n = 0; n < N; n++)
          for (auto& sum : sums[n]) sum = S::zero();
        for (int v = 0; v < Size; v += S::rows) {
          for (int c = 0; c < 4; c++) {
            const auto key = S::load(keys_[i + part * 4 + c] + v);
            for (int n = 0; n < N; n++) sums[n][c] = S::add_product(sums[n][c], key, S::load(queries[n] + v));
          }
        }
        for (int n = 0; n < N; n++) parts[n][part] = S::sum_parts(sums[n]);
      }
      for (int n = 0; n < N; n++) {
        const auto mask = S::load(masks_[(q + n) / tile_.heads] + i);
        const auto scores = S::masked(S::add_product(mask, S::join_parts(parts[n]), S::all(tile_.scale)), mask);
        S::store(scores_[q + n] + i, scores);
        most[n] = S::larger(most[n], scores);
      }
    }
    for (int n = 0; n < N; n++) most_[q + n] = S::largest(most[n]);
  }

  bool sees_any(int q) const { return most_[q] != -INFINITY; }

  template <int N>
  void add_values(int q, int end) {
    typename S::Floats factors[N];
    for (int n = 0; n < N; n++) {
      float* scores = scores_[q + n];
      const float most = std::max(largest_[q + n], most_[q + n]);
      const float factor = exponential(largest_[q + n] - most);
      largest_[q + n] = most;
      for (int i = 0; i < end; i++) scores[i] = exponential(scores[i] - most);
      auto total = S::zero();
      for (int i = 0; i < end; i += S::rows) total = S::add(total, S::load(scores + i));
      total_[q + n] = total_[q + n] * factor + S::sum(total);
      factors[n] = S::all(factor);
    }
    for (int from = 0; from < vectors; from += held) {
      typename S::Floats sums[N][held];
      for (int n = 0; n < N; n++)
        for (int v = 0; v < held; v++)
          sums[n][v] = S::multiply(S::load(sums_[q + n] + (from + v) * S::rows), factors[n]);
      for (int i = 0; i < count_; i++) {
        for (int n = 0; n < N; n++) {
          const auto weight = S::all(scores_[q + n][i]);
          for (int v = 0; v < held; v++)
            sums[n][v] = S::add_product(sums[n][v], S::load(values_[i] + (from + v) * S::rows), weight);
        }
      }
      for (int n = 0; n < N; n++)
        for (int v = 0; v < held; v++) S::store(sums_[q + n] + (from + v) * S::rows, sums[n][v]);
    }
  }

  void write() {
    for (int q = 0; q < queries_; q++) {
      const int row = q / tile_.heads, head = q % tile_.heads;
      auto* out = reinterpret_cast<float*>(tile_.out + row * tile_.out_row_stride + head * tile_.out_head_stride);
      // A row that sees no cell comes to zero.
      const auto factor = S::all(total_[q] == 0.0f ? 0.0f : 1.0f / total_[q]);
      for (int v = 0; v < Size; v += S::rows) S::store(out + v, S::multiply(S::load(sums_[q] + v), factor));
    }
  }

  const float* query(int row, int head) const {
    return reinterpret_cast<const float*>(tile_.queries + row * tile_.query_row_stride +
                                          head * tile_.query_head_stride);
  }

  const AttentionTile& tile_;
  const int queries_;
  int count_ = 0;
  alignas(64) float masks_[most_attention_rows][block];
  alignas(64) float keys_[block][Size];
  alignas(64) float values_[block][Size];
  alignas(64) float scores_[most_attention_queries][block];
  alignas(64) float sums_[most_attention_queries][Size];
  float most_[most_attention_queries];
  float largest_[most_attention_queries];
  float total_[most_attention_queries];
};

}  // namespace caduceus::kernels
