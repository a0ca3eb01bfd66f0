// Attention over a cache of half-precision keys and values, a block of sixteen cells at a time. All sums are in single
// precision and belong to one query, so that the result depends neither on the number of threads nor on other rows.
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

template <class S, int Vectors>
class Attention {
 public:
  static void attend(const AttentionTile& tile) {
    Attention own(tile);
    for (int64_t first = 0; first < tile.cells; first += block) own.look_for_cells(first);
    if (own.count_ > 0) own.add_block();
    own.write();
  }

 private:
  static constexpr int block = 16;
  static constexpr int size = Vectors * S::rows;

  explicit Attention(const AttentionTile& tile) : tile_(tile), queries_(tile.rows * tile.heads) {
    std::fill_n(&sums_[0][0], queries_ * size, 0.0f);
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
    const int present = static_cast<int>(std::min<int64_t>(block, tile_.cells - first));
    if (tile_.mask && present == block) {
      bool is_seen = false;
      for (int r = 0; r < tile_.rows; r++) {
        uint64_t four[block / 4];
        std::memcpy(four, mask(r) + first, sizeof(four));
        is_seen |= !std::all_of(four, four + block / 4, [](uint64_t v) { return v == 0xfc00fc00fc00fc00; });
      }
      if (!is_seen) return;
    }
    for (int i = 0; i < present; i++) {
      bool is_seen = false;
      for (int r = 0; r < tile_.rows; r++) {
        const float value = tile_.mask ? from_half(mask(r)[first + i]) : 0.0f;
        masks_[r][count_] = value;
        is_seen |= value != -INFINITY;
      }
      if (!is_seen) continue;
      cells_[count_++] = first + i;
      if (count_ == block) add_block();
    }
  }

  void add_block() {
    alignas(64) float scores[most_attention_queries][block];
    for (int q = 0; q < queries_; q++) std::fill_n(scores[q], block, -INFINITY);
    for (int i = 0; i < count_; i++) {
      const auto* at = reinterpret_cast<const uint8_t*>(tile_.keys + cells_[i] * tile_.key_stride);
      typename S::Floats key[Vectors];
      for (int v = 0; v < Vectors; v++) key[v] = S::halves(at + v * S::rows * 2);
      for (int r = 0; r < tile_.rows; r++) {
        if (masks_[r][i] == -INFINITY) continue;
        for (int h = 0; h < tile_.heads; h++) {
          const float* query = this->query(r, h);
          auto product = S::multiply(key[0], S::load(query));
          for (int v = 1; v < Vectors; v++) product = S::add_product(product, key[v], S::load(query + v * S::rows));
          scores[r * tile_.heads + h][i] = S::sum(product) * tile_.scale + masks_[r][i];
        }
      }
    }
    for (int i = 0; i < count_; i++) {
      const auto* at = reinterpret_cast<const uint8_t*>(tile_.values + cells_[i] * tile_.value_stride);
      for (int v = 0; v < Vectors; v++) S::store(values_[i] + v * S::rows, S::halves(at + v * S::rows * 2));
    }
    for (int q = 0; q < queries_; q++) add_values(q, scores[q]);
    count_ = 0;
  }

  void add_values(int q, float* scores) {
    float most = largest_[q];
    for (int i = 0; i < block; i += S::rows) most = std::max(most, S::largest(S::load(scores + i)));
    if (most == -INFINITY) return;
    const float factor = exponential(largest_[q] - most);
    largest_[q] = most;
    for (int i = 0; i < block; i++) scores[i] = exponential(scores[i] - most);
    float total = 0;
    for (int i = 0; i < block; i += S::rows) total += S::sum(S::load(scores + i));
    total_[q] = total_[q] * factor + total;
    typename S::Floats sum[Vectors];
    for (int v = 0; v < Vectors; v++) sum[v] = S::multiply(S::load(sums_[q] + v * S::rows), S::all(factor));
    for (int i = 0; i < count_; i++) {
      const auto weight = S::all(scores[i]);
      for (int v = 0; v < Vectors; v++) sum[v] = S::add_product(sum[v], S::load(values_[i] + v * S::rows), weight);
    }
    for (int v = 0; v < Vectors; v++) S::store(sums_[q] + v * S::rows, sum[v]);
  }

  void write() {
    for (int q = 0; q < queries_; q++) {
      const int row = q / tile_.heads, head = q % tile_.heads;
      auto* out = reinterpret_cast<float*>(tile_.out + row * tile_.out_row_stride + head * tile_.out_head_stride);
      // A row that sees no cell comes to zero.
      const auto factor = S::all(total_[q] == 0.0f ? 0.0f : 1.0f / total_[q]);
      for (int v = 0; v < Vectors; v++)
        S::store(out + v * S::rows, S::multiply(S::load(sums_[q] + v * S::rows), factor));
    }
  }

  const float* query(int row, int head) const {
    return reinterpret_cast<const float*>(tile_.queries + row * tile_.query_row_stride +
                                          head * tile_.query_head_stride);
  }

  const AttentionTile& tile_;
  const int queries_;
  int count_ = 0;
  int64_t cells_[block];
  float masks_[most_attention_rows][block];
  alignas(64) float values_[block][size];
  alignas(64) float sums_[most_attention_queries][size];
  float largest_[most_attention_queries];
  float total_[most_attention_queries];
};

}  // namespace caduceus::kernels
