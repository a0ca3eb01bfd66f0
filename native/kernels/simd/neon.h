// NEON with dot product: eight rows of weights to a panel, in two vectors of four rows. With i8mm one instruction
// multiplies two rows by two columns.
#pragma once
#include <arm_neon.h>

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "column_sums.h"

namespace caduceus::kernels {

struct Simd {
#ifdef __ARM_FEATURE_MATMUL_INT8
  static constexpr const char* name = "NEON i8mm";
#else
  static constexpr const char* name = "NEON dot product";
#endif
  // Bytes are signed on both sides.
  static constexpr int byte_offset = 0;
  static constexpr int rows = 8;
  static constexpr int max_columns = 6;

  struct Bytes {
    uint8x16_t low, high;
  };
  struct Ints {
    int32x4_t low, high;
  };
  struct Floats {
    float32x4_t low, high;
  };

  static Bytes load(const uint8_t* p) { return {vld1q_u8(p), vld1q_u8(p + 16)}; }
  static void store(uint8_t* p, Bytes v) {
    vst1q_u8(p, v.low);
    vst1q_u8(p + 16, v.high);
  }
  static Bytes bits(Bytes v, uint8_t mask) {
    const uint8x16_t m = vdupq_n_u8(mask);
    return {vandq_u8(v.low, m), vandq_u8(v.high, m)};
  }
  template <int Right>
  static Bytes shift(Bytes v) {
    if constexpr (Right > 0)
      return {vshrq_n_u8(v.low, Right), vshrq_n_u8(v.high, Right)};
    else if constexpr (Right < 0)
      return {vshlq_n_u8(v.low, -Right), vshlq_n_u8(v.high, -Right)};
    else
      return v;
  }
  static Bytes either(Bytes a, Bytes b) { return {vorrq_u8(a.low, b.low), vorrq_u8(a.high, b.high)}; }
  static Bytes look_up(const int8_t* table, Bytes index) {
    const uint8x16_t t = vreinterpretq_u8_s8(vld1q_s8(table));
    return {vqtbl1q_u8(t, index.low), vqtbl1q_u8(t, index.high)};
  }

  static Floats load(const float* p) { return {vld1q_f32(p), vld1q_f32(p + 4)}; }
  static void store(float* p, Floats v) {
    vst1q_f32(p, v.low);
    vst1q_f32(p + 4, v.high);
  }
  static Floats halves(const uint8_t* p) {
    const float16x8_t h = vreinterpretq_f16_u8(vld1q_u8(p));
    return {vcvt_f32_f16(vget_low_f16(h)), vcvt_f32_f16(vget_high_f16(h))};
  }
  static Ints signed_bytes(const uint8_t* p) {
    const int16x8_t w = vmovl_s8(vld1_s8(reinterpret_cast<const int8_t*>(p)));
    return {vmovl_s16(vget_low_s16(w)), vmovl_s16(vget_high_s16(w))};
  }
  static Ints words(const uint8_t* p) {
    const uint16x8_t w = vreinterpretq_u16_u8(vld1q_u8(p));
    return {vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(w))), vreinterpretq_s32_u32(vmovl_u16(vget_high_u16(w)))};
  }
  static Ints byte_pairs(const uint8_t* p) {
    const uint8x16_t b = vld1q_u8(p);
    return {vreinterpretq_s32_u16(vmovl_u8(vget_low_u8(b))), vreinterpretq_s32_u16(vmovl_u8(vget_high_u8(b)))};
  }
  template <int Right>
  static Ints shift_words(Ints v) {
    return {vshrq_n_s32(v.low, Right), vshrq_n_s32(v.high, Right)};
  }
  static Ints low_bits(Ints v, int32_t mask) {
    const int32x4_t m = vdupq_n_s32(mask);
    return {vandq_s32(v.low, m), vandq_s32(v.high, m)};
  }
  static Ints load_ints(const int32_t* p) { return {vld1q_s32(p), vld1q_s32(p + 4)}; }
  static void store_ints(int32_t* p, Ints v) {
    vst1q_s32(p, v.low);
    vst1q_s32(p + 4, v.high);
  }
  static Ints all(int32_t v) { return {vdupq_n_s32(v), vdupq_n_s32(v)}; }
  static Floats all(float v) { return {vdupq_n_f32(v), vdupq_n_f32(v)}; }
  static Floats zero() { return all(0.0f); }
  static Floats to_float(Ints v) { return {vcvtq_f32_s32(v.low), vcvtq_f32_s32(v.high)}; }
  static Floats multiply(Floats a, Floats b) { return {vmulq_f32(a.low, b.low), vmulq_f32(a.high, b.high)}; }
  static Floats add_product(Floats sum, Floats a, Floats b) {
    return {vfmaq_f32(sum.low, a.low, b.low), vfmaq_f32(sum.high, a.high, b.high)};
  }
  static Floats subtract_product(Floats sum, Floats a, Floats b) {
    return {vfmsq_f32(sum.low, a.low, b.low), vfmsq_f32(sum.high, a.high, b.high)};
  }

  static float sum(Floats v) { return vaddvq_f32(vaddq_f32(v.low, v.high)); }
  /** Of four vectors, the sums of their halves: in each half of the result those of the four. */
  static Floats sum_parts(const Floats (&v)[4]) {
    return {vpaddq_f32(vpaddq_f32(v[0].low, v[1].low), vpaddq_f32(v[2].low, v[3].low)),
            vpaddq_f32(vpaddq_f32(v[0].high, v[1].high), vpaddq_f32(v[2].high, v[3].high))};
  }
  /** Adds up the halves of two results of `sum_parts`, to eight sums. */
  static Floats join_parts(const Floats* v) { return {vaddq_f32(v[0].low, v[0].high), vaddq_f32(v[1].low, v[1].high)}; }
  static Floats add(Floats a, Floats b) { return {vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high)}; }
  static Floats larger(Floats a, Floats b) { return {vmaxq_f32(a.low, b.low), vmaxq_f32(a.high, b.high)}; }
  /** −∞ where the mask is, whatever the value. */
  static Floats masked(Floats v, Floats mask) {
    const float32x4_t unseen = vdupq_n_f32(-INFINITY);
    return {vbslq_f32(vceqq_f32(mask.low, unseen), unseen, v.low),
            vbslq_f32(vceqq_f32(mask.high, unseen), unseen, v.high)};
  }
  static float largest(Floats v) { return vmaxvq_f32(vmaxq_f32(v.low, v.high)); }

  /** Adds products of pairs of 16-bit numbers. */
  static Ints add_pairs(Ints sum, Ints a, Ints b) {
    return {add_pairs(sum.low, a.low, b.low), add_pairs(sum.high, a.high, b.high)};
  }

  /** The sum of a row's codes times a column's values, over some groups of four. */
  template <int MaxCode, bool Signed>
  struct Sum {
    int32x4_t low, high;
    void begin(int32_t start) { low = high = vdupq_n_s32(start); }
    template <int Group>
    void add(Bytes codes, const int8_t* x) {
      const int8x16_t values = vld1q_s8(x + Group / 4 * 16);
      low = vdotq_laneq_s32(low, vreinterpretq_s8_u8(codes.low), values, Group % 4);
      high = vdotq_laneq_s32(high, vreinterpretq_s8_u8(codes.high), values, Group % 4);
    }
    Ints end() const { return {low, high}; }
  };
#ifdef __ARM_FEATURE_MATMUL_INT8
  /** Of two columns and two rows side by side, eight positions at once: those of an even group and the one after it. */
  template <int Columns>
  struct PairSums {
    static constexpr int pairs = (Columns + 1) / 2;
    int32x4_t sum[pairs][4];
    Bytes even;
    template <class Start>
    CADUCEUS_INLINE void begin(Start start) {
      unrolled<pairs>([&](auto pair) {
        const int32x4_t first = vdupq_n_s32(start(2 * pair)), second = vdupq_n_s32(start(other(pair)));
        for (auto& rows : sum[pair]) rows = vzip1q_s32(first, second);
      });
    }
    template <int Group, class Values>
    CADUCEUS_INLINE void add(const Bytes& codes, Values values) {
      if constexpr (Group % 2 == 0) {
        even = codes;
      } else {
        const int8x16_t rows[] = {zip<1>(even.low, codes.low), zip<2>(even.low, codes.low),
                                  zip<1>(even.high, codes.high), zip<2>(even.high, codes.high)};
        unrolled<pairs>([&](auto pair) {
          constexpr int at = Group / 2 * 8;
          const int8x16_t columns = vcombine_s8(vld1_s8(values(2 * pair) + at), vld1_s8(values(other(pair)) + at));
          unrolled<4>([&](auto i) { sum[pair][i] = vmmlaq_s32(sum[pair][i], rows[i], columns); });
        });
      }
    }
    CADUCEUS_INLINE Ints end(int n) const {
      const int32x4_t* of = sum[n / 2];
      if (n % 2 == 0) return {vuzp1q_s32(of[0], of[1]), vuzp1q_s32(of[2], of[3])};
      return {vuzp2q_s32(of[0], of[1]), vuzp2q_s32(of[2], of[3])};
    }

   private:
    /** The second column of a pair; the last one of an odd number is its own. */
    static constexpr int other(int pair) { return 2 * pair + 1 < Columns ? 2 * pair + 1 : 2 * pair; }
    template <int Half>
    static int8x16_t zip(uint8x16_t a, uint8x16_t b) {
      const int32x4_t x = vreinterpretq_s32_u8(a), y = vreinterpretq_s32_u8(b);
      return vreinterpretq_s8_s32(Half == 1 ? vzip1q_s32(x, y) : vzip2q_s32(x, y));
    }
  };
  template <int MaxCode, bool Signed, int Columns>
  using Sums = std::conditional_t<Columns == 1, ColumnSums<Sum<MaxCode, Signed>, 1>, PairSums<Columns>>;
#else
  template <int MaxCode, bool Signed, int Columns>
  using Sums = ColumnSums<Sum<MaxCode, Signed>, Columns>;
#endif

 private:
  static int32x4_t add_pairs(int32x4_t sum, int32x4_t a, int32x4_t b) {
    const int16x8_t x = vreinterpretq_s16_s32(a), y = vreinterpretq_s16_s32(b);
    const int32x4_t low = vmull_s16(vget_low_s16(x), vget_low_s16(y));
    const int32x4_t high = vmull_s16(vget_high_s16(x), vget_high_s16(y));
    return vaddq_s32(sum, vpaddq_s32(low, high));
  }
};

}  // namespace caduceus::kernels
