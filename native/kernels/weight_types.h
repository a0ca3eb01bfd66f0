// The quantized types of ggml that the kernels know: how a block in the file is read. A weight is `scale × (code −
// offset)` or `scale × code − min`. Names and layouts are ggml's (ggml-common.h, dequantize_row_* in ggml-quants.c).
#pragma once
#define GGML_COMMON_DECL_C
#include <cstdint>
#include <cstring>

#include "ggml-common.h"

namespace caduceus::kernels {

/** What one block of a row consists of, once its bit fields are apart. */
struct Block {
  uint8_t codes[256];
  uint16_t scale, min;  // half precision
  uint8_t scales[16];   // for each sub-block, multiplied by `scale`; signed where the type has no mins
  uint8_t mins[16];     // for each sub-block, multiplied by `min`
};

// Values in a block and in a sub-block with a scale of its own, bits of a code, what is subtracted from it, and whether
// there are mins instead. With `table` the code is an index into the values of IQ4_NL.
template <int Values, int SubBlock, int Bits, int Offset, bool Mins, bool Table = false>
struct Shape {
  static constexpr int values = Values, sub_block = SubBlock, bits = Bits, offset = Offset;
  static constexpr bool mins = Mins, table = Table;
  /** Blocks of 256 with a scale for each sub-block, or of 32 with one scale. */
  static constexpr bool super = Values == 256;
  static constexpr int sub_blocks = Values / SubBlock;
};

inline constexpr int8_t iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

inline uint16_t half_bits(const void* p) {
  uint16_t v;
  std::memcpy(&v, p, 2);
  return v;
}

/** Sixteen bytes of two nibbles are 32 codes: the low ones, then the high ones. */
inline void read_nibbles(const uint8_t* in, uint8_t* out) {
  uint64_t words[2];
  std::memcpy(words, in, 16);
  constexpr uint64_t mask = 0x0f0f0f0f0f0f0f0f;
  const uint64_t codes[4] = {words[0] & mask, words[1] & mask, words[0] >> 4 & mask, words[1] >> 4 & mask};
  std::memcpy(out, codes, 32);
}

inline void read_fifth_bits(const uint8_t* in, uint8_t* codes) {
  uint64_t words[4];
  std::memcpy(words, codes, 32);
  for (int i = 0; i < 4; i++) {
    // Its eight bits, each in a byte of its own; where one is set, the highest bit of that byte is after the addition.
    const uint64_t bits = in[i] * 0x0101010101010101u & 0x8040201008040201u;
    words[i] |= ((bits + 0x7f7f7f7f7f7f7f7f) & 0x8080808080808080u) >> 3;
  }
  std::memcpy(codes, words, 32);
}

/** 64 bytes of four 2-bit codes are 256 codes. */
inline void read_pairs_of_bits(const uint8_t* in, uint8_t* codes) {
  for (int half = 0; half < 2; half++) {
    uint8_t bytes[32];
    std::memcpy(bytes, in + half * 32, 32);
    for (int i = 0; i < 4; i++) {
      for (int j = 0; j < 32; j++) codes[half * 128 + i * 32 + j] = (bytes[j] >> (i * 2)) & 3;
    }
  }
}

/** The 6-bit scales and mins of Q4_K and Q5_K. */
inline void read_scales_and_mins(const uint8_t* in, Block& out) {
  for (int i = 0; i < 4; i++) {
    out.scales[i] = in[i] & 63;
    out.mins[i] = in[i + 4] & 63;
    out.scales[i + 4] = (in[i + 8] & 15) | (in[i] >> 6 << 4);
    out.mins[i + 4] = (in[i + 8] >> 4) | (in[i + 4] >> 6 << 4);
  }
}

struct Q4_0 : Shape<32, 32, 4, 8, false> {
  using File = block_q4_0;
  static void read(const File& in, Block& out) {
    out.scale = half_bits(&in.d);
    read_nibbles(in.qs, out.codes);
  }
};

struct Q4_1 : Shape<32, 32, 4, 0, true> {
  using File = block_q4_1;
  static void read(const File& in, Block& out) {
    out.scale = half_bits(&in.d);
    out.min = half_bits(&in.m);
    read_nibbles(in.qs, out.codes);
  }
};

struct Q5_0 : Shape<32, 32, 5, 16, false> {
  using File = block_q5_0;
  static void read(const File& in, Block& out) {
    out.scale = half_bits(&in.d);
    read_nibbles(in.qs, out.codes);
    read_fifth_bits(in.qh, out.codes);
  }
};

struct Q5_1 : Shape<32, 32, 5, 0, true> {
  using File = block_q5_1;
  static void read(const File& in, Block& out) {
    out.scale = half_bits(&in.d);
    out.min = half_bits(&in.m);
    read_nibbles(in.qs, out.codes);
    read_fifth_bits(in.qh, out.codes);
  }
};

struct Q8_0 : Shape<32, 32, 8, 0, false> {
  using File = block_q8_0;
  static void read(const File& in, Block& out) {
    out.scale = half_bits(&in.d);
    std::memcpy(out.codes, in.qs, 32);
  }
};

struct IQ4_NL : Shape<32, 32, 4, 0, false, true> {
  using File = block_iq4_nl;
  static void read(const File& in, Block& out) {
    out.scale = half_bits(&in.d);
    read_nibbles(in.qs, out.codes);
  }
};

struct IQ4_XS : Shape<256, 32, 4, 0, false, true> {
  using File = block_iq4_xs;
  static void read(const File& in, Block& out) {
    out.scale = half_bits(&in.d);
    for (int i = 0; i < 8; i++) {
      read_nibbles(in.qs + i * 16, out.codes + i * 32);
      const int low = (in.scales_l[i / 2] >> 4 * (i % 2)) & 15;
      out.scales[i] = static_cast<uint8_t>((low | ((in.scales_h >> 2 * i) & 3) << 4) - 32);
    }
  }
};

struct Q2_K : Shape<256, 16, 2, 0, true> {
  using File = block_q2_K;
  static void read(const File& in, Block& out) {
    out.scale = half_bits(&in.d);
    out.min = half_bits(&in.dmin);
    read_pairs_of_bits(in.qs, out.codes);
    for (int i = 0; i < 16; i++) {
      out.scales[i] = in.scales[i] & 15;
      out.mins[i] = in.scales[i] >> 4;
    }
  }
};

struct Q3_K : Shape<256, 16, 3, 4, false> {
  using File = block_q3_K;
  static void read(const File& in, Block& out) {
    out.scale = half_bits(&in.d);
    read_pairs_of_bits(in.qs, out.codes);
    uint8_t high[32];
    std::memcpy(high, in.hmask, 32);
    for (int i = 0; i < 8; i++) {
      for (int j = 0; j < 32; j++) out.codes[i * 32 + j] |= ((high[j] >> i) & 1) << 2;
    }
    for (int i = 0; i < 16; i++) {
      const int low = (in.scales[i % 8] >> (i / 8 * 4)) & 15;
      const int high = (in.scales[8 + i % 4] >> (i / 4 * 2)) & 3;
      out.scales[i] = static_cast<uint8_t>((low | high << 4) - 32);
    }
  }
};

struct Q4_K : Shape<256, 32, 4, 0, true> {
  using File = block_q4_K;
  static void read(const File& in, Block& out) {
    out.scale = half_bits(&in.d);
    out.min = half_bits(&in.dmin);
    read_scales_and_mins(in.scales, out);
    for (int i = 0; i < 4; i++) {
      for (int j = 0; j < 32; j++) {
        out.codes[i * 64 + j] = in.qs[i * 32 + j] & 15;
        out.codes[i * 64 + 32 + j] = in.qs[i * 32 + j] >> 4;
      }
    }
  }
};

struct Q5_K : Shape<256, 32, 5, 0, true> {
  using File = block_q5_K;
  static void read(const File& in, Block& out) {
    out.scale = half_bits(&in.d);
    out.min = half_bits(&in.dmin);
    read_scales_and_mins(in.scales, out);
    for (int i = 0; i < 4; i++) {
      for (int j = 0; j < 32; j++) {
        out.codes[i * 64 + j] = static_cast<uint8_t>((in.qs[i * 32 + j] & 15) | ((in.qh[j] >> (2 * i)) & 1) << 4);
        out.codes[i * 64 + 32 + j] =
            static_cast<uint8_t>((in.qs[i * 32 + j] >> 4) | ((in.qh[j] >> (2 * i + 1)) & 1) << 4);
      }
    }
  }
};

struct Q6_K : Shape<256, 16, 6, 32, false> {
  using File = block_q6_K;
  static void read(const File& in, Block& out) {
    out.scale = half_bits(&in.d);
    std::memcpy(out.scales, in.scales, 16);
    for (int h = 0; h < 2; h++) {
      const uint8_t* low = in.ql + h * 64;
      const uint8_t* high = in.qh + h * 32;
      uint8_t* codes = out.codes + h * 128;
      for (int j = 0; j < 32; j++) {
        codes[j] = static_cast<uint8_t>((low[j] & 15) | (high[j] & 3) << 4);
        codes[j + 32] = static_cast<uint8_t>((low[j + 32] & 15) | ((high[j] >> 2) & 3) << 4);
        codes[j + 64] = static_cast<uint8_t>((low[j] >> 4) | ((high[j] >> 4) & 3) << 4);
        codes[j + 96] = static_cast<uint8_t>((low[j + 32] >> 4) | (high[j] >> 6) << 4);
      }
    }
  }
};

}  // namespace caduceus::kernels
