// How weights are laid out for the kernels: panels of as many rows as a vector has 32-bit elements, so that one load
// feeds the same four positions of all rows. A panel first has the scales of all its blocks, then their codes,
// with the bits that the file spends on them.
//
// Codes of 32 values of each row are a unit: low bits first, then what does not fit beside them. Vector g/2 has the low
// nibbles of the positions 4g … 4g+3 for even g, and the high nibbles for odd g; the other widths likewise.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "weight_types.h"

namespace caduceus::kernels {

template <class S, class T>
struct Panel {
  static constexpr int rows = S::rows;
  static constexpr size_t vector_bytes = rows * 4;
  static constexpr int vectors_per_unit = T::bits;  // 32 codes of `bits` bits are 4 × bits bytes a row
  static constexpr size_t unit_bytes = vectors_per_unit * vector_bytes;
  static constexpr size_t code_bytes = unit_bytes * (T::values / 32);
  // Scale, min, and for blocks of 256 the sub-blocks' scales and mins. Q2_K has both in a byte, like its file.
  static constexpr bool packed_mins = T::super && T::mins && T::bits == 2;
  static constexpr size_t sub_scale_bytes = T::super ? T::sub_blocks * rows : 0;
  static constexpr size_t scale_bytes =
      rows * 2 * (T::mins ? 2 : 1) + sub_scale_bytes * (T::mins && !packed_mins ? 2 : 1);

  static size_t scales_size(int blocks) { return (scale_bytes * blocks + 63) / 64 * 64; }
  static size_t size(int blocks) { return scales_size(blocks) + code_bytes * blocks; }
  static size_t bytes(int64_t row_count, int64_t width) {
    return static_cast<size_t>((row_count + rows - 1) / rows) * size(static_cast<int>(width / T::values));
  }

  /** Writes the panels from `first` to `last` of a matrix as it is in the file. Rows past its end are zeros. */
  static void pack(const void* file, uint8_t* out, int64_t row_count, int64_t width, int64_t first, int64_t last) {
    const int blocks = static_cast<int>(width / T::values);
    for (int64_t p = first; p < last; p++) {
      uint8_t* panel = out + p * size(blocks);
      const int present = static_cast<int>(std::min<int64_t>(rows, row_count - p * rows));
      if (present < rows) std::memset(panel, 0, size(blocks));
      const auto* row = static_cast<const typename T::File*>(file) + p * rows * blocks;
      // Block by block, so that what all rows write to stays in the first-level cache.
      for (int b = 0; b < blocks; b++) {
        for (int r = 0; r < present; r++) {
          Block block;
          T::read(row[r * blocks + b], block);
          put_scales(panel + scale_bytes * b, block, r);
          put_codes(panel + scales_size(blocks) + code_bytes * b, block, r);
        }
      }
    }
  }

 private:
  static void put_scales(uint8_t* out, const Block& block, int r) {
    std::memcpy(out + r * 2, &block.scale, 2);
    uint8_t* sub = out + rows * 2;
    if constexpr (T::mins) {
      std::memcpy(sub + r * 2, &block.min, 2);
      sub += rows * 2;
    }
    if constexpr (packed_mins) {
      // Two neighbors of a row side by side, so that they are read as the halves of a word.
      for (int s = 0; s < T::sub_blocks; s++) {
        sub[s / 2 * rows * 2 + r * 2 + s % 2] = static_cast<uint8_t>(block.scales[s] | block.mins[s] << 4);
      }
    } else if constexpr (T::super) {
      for (int s = 0; s < T::sub_blocks; s++) sub[s * rows + r] = block.scales[s];
      if constexpr (T::mins) {
        uint8_t* mins = sub + sub_scale_bytes;
        for (int s = 0; s < T::sub_blocks; s++) mins[s / 2 * rows * 2 + r * 2 + s % 2] = block.mins[s];
      }
    }
  }

  static void put_codes(uint8_t* out, const Block& block, int r) {
    for (int u = 0; u < T::values / 32; u++) {
      uint64_t pairs[4];
      uint32_t vectors[T::bits] = {};
      std::memcpy(pairs, block.codes + u * 32, 32);
      if constexpr (T::bits == 8) {
        for (uint64_t& pair : pairs) pair ^= S::byte_offset == 128 ? 0x8080808080808080u : 0;
        std::memcpy(vectors, pairs, 32);
      } else if constexpr (T::bits >= 4) {
        put_bits<4>(pairs, vectors, 0);
        if constexpr (T::bits == 5) put_bits<1>(pairs, vectors + 4, 4);
        if constexpr (T::bits == 6) put_bits<2>(pairs, vectors + 4, 4);
      } else {
        put_bits<2>(pairs, vectors, 0);
        if constexpr (T::bits == 3) put_bits<1>(pairs, vectors + 2, 2);
      }
      for (int v = 0; v < T::bits; v++) std::memcpy(out + u * unit_bytes + v * vector_bytes + r * 4, vectors + v, 4);
    }
  }

  /** `Width` bits of each code from bit `from` on, those of several groups in one byte. A pair is two groups. */
  template <int Width>
  static void put_bits(const uint64_t (&pairs)[4], uint32_t* vectors, int from) {
    constexpr int per_byte = 8 / Width;
    constexpr uint64_t mask = ((1u << Width) - 1) * 0x0101010101010101u;
    for (int i = 0; i < 4; i++) {
      const uint64_t bits = (pairs[i] >> from) & mask;
      // The second group, beside the first.
      const auto both = static_cast<uint32_t>(bits | bits >> (32 - Width));
      vectors[2 * i / per_byte] |= both << (2 * i % per_byte * Width);
    }
  }
};

/** Reads a panel as the kernels want it, straight from its bits. */
template <class S, class T>
struct PackedWeights {
  using P = Panel<S, T>;
  const uint8_t* scales;
  const uint8_t* codes;
  size_t next;  // to the same place of the next panel

  PackedWeights(const uint8_t* panel, int blocks, int from)
      : scales(panel + P::scale_bytes * from),
        codes(panel + P::scales_size(blocks) + P::code_bytes * from),
        next(P::size(blocks)) {}

  // Bring the same piece of the next panel into the second-level cache. A matrix of 14336 × 4096 in Q4_K that comes
  // from memory, with and without: 8 columns 1.8 and 2.3 ms, 16 columns 3.0 and 3.7, 64 columns 9.7 and 10.9.
  void fetch_scales(int b) const { fetch<P::scale_bytes>(scales + next + P::scale_bytes * b); }
  void fetch_codes(int b, int unit) const {
    fetch<P::unit_bytes>(codes + next + P::code_bytes * b + P::unit_bytes * unit);
  }

  typename S::Floats scale(int b) const { return S::halves(scales + P::scale_bytes * b); }
  typename S::Floats min(int b) const { return S::halves(scales + P::scale_bytes * b + P::rows * 2); }

  /** The scale of a sub-block, times that of its block. */
  typename S::Floats sub_scale(int b, int s, typename S::Floats scale) const {
    return S::multiply(S::to_float(sub_code(b, s)), scale);
  }

  /** Mins of two neighboring sub-blocks, as pairs of 16-bit numbers. */
  typename S::Ints min_pair(int b, int pair) const {
    const uint8_t* at = sub(b) + (P::packed_mins ? 0 : P::sub_scale_bytes) + pair * P::rows * 2;
    if constexpr (P::packed_mins)
      return S::low_bits(S::template shift_words<4>(S::byte_pairs(at)), 0x000f000f);
    else
      return S::byte_pairs(at);
  }

  /** Codes of the positions 4 × Group … + 3 of a unit. */
  template <int Group>
  typename S::Bytes code(int b, int unit) const {
    const uint8_t* at = codes + P::code_bytes * b + P::unit_bytes * unit;
    const auto vector = [&](int v) { return S::load(at + v * P::vector_bytes); };
    if constexpr (T::bits == 8) {
      return vector(Group);
    } else if constexpr (T::bits >= 4) {
      const auto low = S::bits(S::template shift<Group % 2 * 4>(vector(Group / 2)), 15);
      if constexpr (T::table)
        return S::look_up(table(), low);
      else if constexpr (T::bits == 5)
        return S::either(low, S::bits(S::template shift<Group - 4>(vector(4)), 16));
      else if constexpr (T::bits == 6)
        return S::either(low, S::bits(S::template shift<Group % 4 * 2 - 4>(vector(4 + Group / 4)), 48));
      else
        return low;
    } else {
      const auto low = S::bits(S::template shift<Group % 4 * 2>(vector(Group / 4)), 3);
      if constexpr (T::bits == 3)
        return S::either(low, S::bits(S::template shift<Group - 2>(vector(2)), 4));
      else
        return low;
    }
  }

 private:
  template <size_t Bytes>
  static void fetch(const uint8_t* at) {
#if defined(__GNUC__) || defined(__clang__)
    for (size_t i = 0; i < Bytes; i += 64) __builtin_prefetch(at + i, 0, 2);
#endif
  }

  const uint8_t* sub(int b) const { return scales + P::scale_bytes * b + P::rows * (T::mins ? 4 : 2); }

  typename S::Ints sub_code(int b, int s) const {
    if constexpr (P::packed_mins) {
      const auto both = S::words(sub(b) + s / 2 * P::rows * 2);
      return S::low_bits(s % 2 ? S::template shift_words<8>(both) : both, 15);
    } else {
      return S::signed_bytes(sub(b) + s * P::rows);
    }
  }

  static const int8_t* table() {
    static constexpr auto moved = [] {
      struct {
        int8_t v[16];
      } t{};
      for (int i = 0; i < 16; i++) t.v[i] = static_cast<int8_t>(iq4_values[i] + S::byte_offset);
      return t;
    }();
    return moved.v;
  }
};

}  // namespace caduceus::kernels
