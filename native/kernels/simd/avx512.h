// AVX-512: sixteen rows of weights to a panel, four bytes of each in a vector. With VNNI four products are added in one
// instruction; without it in three, of which two are shared by several groups.
#pragma once
#include <immintrin.h>

#include <cmath>
#include <cstdint>

#include "column_sums.h"
#include "four_bytes.h"

namespace caduceus::kernels {

struct Simd {
#ifdef __AVX512VNNI__
  static constexpr const char* name = "AVX-512 VNNI";
  // Codes of eight bits are stored unsigned, with this added.
  static constexpr int byte_offset = 128;
#else
  static constexpr const char* name = "AVX-512";
  static constexpr int byte_offset = 0;
#endif
  static constexpr int rows = 16;
  // As many columns as there are registers for: two sums each, and eight registers for the rest.
  static constexpr int max_columns = 12;

  using Bytes = __m512i;
  using Ints = __m512i;
  using Floats = __m512;

  static Bytes load(const uint8_t* p) { return _mm512_loadu_si512(p); }
  static void store(uint8_t* p, Bytes v) { _mm512_storeu_si512(p, v); }
  static Bytes bits(Bytes v, uint8_t mask) { return _mm512_and_si512(v, _mm512_set1_epi8(static_cast<char>(mask))); }
  template <int Right>
  static Bytes shift(Bytes v) {
    if constexpr (Right >= 0)
      return _mm512_srli_epi16(v, Right);
    else
      return _mm512_slli_epi16(v, -Right);
  }
  static Bytes either(Bytes a, Bytes b) { return _mm512_or_si512(a, b); }
  static Bytes look_up(const int8_t* table, Bytes index) {
    const __m128i t = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(t), index);
  }

  static Floats load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, Floats v) { _mm512_storeu_ps(p, v); }
  static Floats halves(const uint8_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static Ints signed_bytes(const uint8_t* p) {
    return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static Ints words(const uint8_t* p) {
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  template <int Right>
  static Ints shift_words(Ints v) {
    return _mm512_srli_epi32(v, Right);
  }
  static Ints low_bits(Ints v, int32_t mask) { return _mm512_and_si512(v, _mm512_set1_epi32(mask)); }
  static Ints byte_pairs(const uint8_t* p) {
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static Ints load_ints(const int32_t* p) { return _mm512_loadu_si512(p); }
  static void store_ints(int32_t* p, Ints v) { _mm512_storeu_si512(p, v); }
  static Ints all(int32_t v) { return _mm512_set1_epi32(v); }
  static Floats all(float v) { return _mm512_set1_ps(v); }
  static Floats zero() { return _mm512_setzero_ps(); }
  static Floats to_float(Ints v) { return _mm512_cvtepi32_ps(v); }
  static Floats multiply(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
  static Floats add_product(Floats sum, Floats a, Floats b) { return _mm512_fmadd_ps(a, b, sum); }
  static Floats subtract_product(Floats sum, Floats a, Floats b) { return _mm512_fnmadd_ps(a, b, sum); }

  static float sum(Floats v) { return _mm512_reduce_add_ps(v); }
  /** Of four vectors, the sums of their quarters: in each quarter of the result those of the four. */
  static Floats sum_parts(const Floats (&v)[4]) {
    const Floats a = _mm512_add_ps(_mm512_unpacklo_ps(v[0], v[1]), _mm512_unpackhi_ps(v[0], v[1]));
    const Floats b = _mm512_add_ps(_mm512_unpacklo_ps(v[2], v[3]), _mm512_unpackhi_ps(v[2], v[3]));
    const __m512d c = _mm512_castps_pd(a), d = _mm512_castps_pd(b);
    return _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(c, d)), _mm512_castpd_ps(_mm512_unpackhi_pd(c, d)));
  }
  /** Adds up the quarters of four results of `sum_parts`, to sixteen sums. */
  static Floats join_parts(const Floats* v) {
    const Floats a = _mm512_add_ps(_mm512_shuffle_f32x4(v[0], v[1], 0x88), _mm512_shuffle_f32x4(v[0], v[1], 0xdd));
    const Floats b = _mm512_add_ps(_mm512_shuffle_f32x4(v[2], v[3], 0x88), _mm512_shuffle_f32x4(v[2], v[3], 0xdd));
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
  }
  static Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
  static Floats larger(Floats a, Floats b) { return _mm512_max_ps(a, b); }
  /** −∞ where the mask is, whatever the value. */
  static Floats masked(Floats v, Floats mask) {
    const Floats unseen = _mm512_set1_ps(-INFINITY);
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(mask, unseen, _CMP_EQ_OQ), v, unseen);
  }
  static float largest(Floats v) { return _mm512_reduce_max_ps(v); }

  /** Adds products of pairs of 16-bit numbers. */
  static Ints add_pairs(Ints sum, Ints a, Ints b) {
#ifdef __AVX512VNNI__
    return _mm512_dpwssd_epi32(sum, a, b);
#else
    return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
#endif
  }

  /** The sum of a row's codes times a column's values, over some groups of four. */
  template <int MaxCode, bool Signed>
  struct Sum {
#ifdef __AVX512VNNI__
    Ints sum;
    void begin(int32_t start) { sum = all(start); }
    template <int Group>
    void add(Bytes codes, const int8_t* x) {
      sum = _mm512_dpbusd_epi32(sum, codes, all(four_bytes(x + Group * 4)));
    }
    Ints end() const { return sum; }
#else
    static constexpr int per_word = 32767 / (2 * 127 * MaxCode);
    Ints words, sum;
    void begin(int32_t start) {
      words = _mm512_setzero_si512();
      sum = all(start);
    }
    template <int Group>
    void add(Bytes codes, const int8_t* x) {
      const Ints values = all(four_bytes(x + Group * 4));
      if constexpr (Signed) {
        const __mmask64 negative = _mm512_movepi8_mask(codes);
        const Ints turned = _mm512_mask_sub_epi8(values, negative, _mm512_setzero_si512(), values);
        words = _mm512_add_epi16(words, _mm512_maddubs_epi16(_mm512_abs_epi8(codes), turned));
      } else {
        words = _mm512_add_epi16(words, _mm512_maddubs_epi16(codes, values));
      }
      if constexpr ((Group + 1) % per_word == 0) widen();
    }
    void widen() {
      sum = _mm512_add_epi32(sum, _mm512_madd_epi16(words, _mm512_set1_epi16(1)));
      words = _mm512_setzero_si512();
    }
    Ints end() {
      widen();
      return sum;
    }
#endif
  };
  template <int MaxCode, bool Signed, int Columns>
  using Sums = ColumnSums<Sum<MaxCode, Signed>, Columns>;
};

}  // namespace caduceus::kernels
