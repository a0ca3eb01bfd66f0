// AVX2: eight rows of weights to a panel, four bytes of each in a vector. With AVX-VNNI (or its AVX-512 form) four
// products are added in one instruction; without it in two to four, since sums are kept in 16 bits as long as they fit.
#pragma once
#include <immintrin.h>

#include <cmath>
#include <cstdint>

#include "column_sums.h"
#include "four_bytes.h"

#if defined(__AVXVNNI__) || (defined(__AVX512VNNI__) && defined(__AVX512VL__))
#define CADUCEUS_DOT_256 1
#endif

namespace caduceus::kernels {

struct Simd {
#ifdef CADUCEUS_DOT_256
  static constexpr const char* name = "AVX2 VNNI";
  // Codes of eight bits are stored unsigned, with this added.
  static constexpr int byte_offset = 128;
#else
  static constexpr const char* name = "AVX2";
  static constexpr int byte_offset = 0;
#endif
  static constexpr int rows = 8;
  // Sixteen registers: two or three sums a column, and the rest for the weights.
  static constexpr int max_columns = 4;

  using Bytes = __m256i;
  using Ints = __m256i;
  using Floats = __m256;

  static Bytes load(const uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static void store(uint8_t* p, Bytes v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
  static Bytes bits(Bytes v, uint8_t mask) { return _mm256_and_si256(v, _mm256_set1_epi8(static_cast<char>(mask))); }
  template <int Right>
  static Bytes shift(Bytes v) {
    if constexpr (Right >= 0)
      return _mm256_srli_epi16(v, Right);
    else
      return _mm256_slli_epi16(v, -Right);
  }
  static Bytes either(Bytes a, Bytes b) { return _mm256_or_si256(a, b); }
  static Bytes look_up(const int8_t* table, Bytes index) {
    const __m128i t = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(t), index);
  }

  static Floats load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, Floats v) { _mm256_storeu_ps(p, v); }
  static Floats halves(const uint8_t* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static Ints signed_bytes(const uint8_t* p) {
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
  static Ints words(const uint8_t* p) {
    return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  template <int Right>
  static Ints shift_words(Ints v) {
    return _mm256_srli_epi32(v, Right);
  }
  static Ints low_bits(Ints v, int32_t mask) { return _mm256_and_si256(v, _mm256_set1_epi32(mask)); }
  static Ints byte_pairs(const uint8_t* p) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static Ints load_ints(const int32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static void store_ints(int32_t* p, Ints v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
  static Ints all(int32_t v) { return _mm256_set1_epi32(v); }
  static Floats all(float v) { return _mm256_set1_ps(v); }
  static Floats zero() { return _mm256_setzero_ps(); }
  static Floats to_float(Ints v) { return _mm256_cvtepi32_ps(v); }
  static Floats multiply(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
  static Floats add_product(Floats sum, Floats a, Floats b) { return _mm256_fmadd_ps(a, b, sum); }
  static Floats subtract_product(Floats sum, Floats a, Floats b) { return _mm256_fnmadd_ps(a, b, sum); }

  static float sum(Floats v) {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  /** Of four vectors, the sums of their halves: in each half of the result those of the four. */
  static Floats sum_parts(const Floats (&v)[4]) {
    return _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
  }
  /** Adds up the halves of two results of `sum_parts`, to eight sums. */
  static Floats join_parts(const Floats* v) {
    return _mm256_add_ps(_mm256_permute2f128_ps(v[0], v[1], 0x20), _mm256_permute2f128_ps(v[0], v[1], 0x31));
  }
  static Floats add(Floats a, Floats b) { return _mm256_add_ps(a, b); }
  static Floats larger(Floats a, Floats b) { return _mm256_max_ps(a, b); }
  /** −∞ where the mask is, whatever the value. */
  static Floats masked(Floats v, Floats mask) {
    const Floats unseen = _mm256_set1_ps(-INFINITY);
    return _mm256_blendv_ps(v, unseen, _mm256_cmp_ps(mask, unseen, _CMP_EQ_OQ));
  }
  static float largest(Floats v) {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }

  /** Adds products of pairs of 16-bit numbers. */
  static Ints add_pairs(Ints sum, Ints a, Ints b) { return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)); }

  /** The sum of a row's codes times a column's values, over some groups of four. */
  template <int MaxCode, bool Signed>
  struct Sum {
#ifdef CADUCEUS_DOT_256
    Ints sum;
    void begin(int32_t start) { sum = all(start); }
    template <int Group>
    void add(Bytes codes, const int8_t* x) {
#ifdef __AVXVNNI__
      sum = _mm256_dpbusd_avx_epi32(sum, codes, all(four_bytes(x + Group * 4)));
#else
      sum = _mm256_dpbusd_epi32(sum, codes, all(four_bytes(x + Group * 4)));
#endif
    }
    Ints end() const { return sum; }
#else
    // So many products of two bytes can be added in 16 bits.
    static constexpr int per_word = 32767 / (2 * 127 * MaxCode);
    Ints words, sum;
    bool pending = false;
    void begin(int32_t start) {
      words = _mm256_setzero_si256();
      sum = all(start);
    }
    template <int Group>
    void add(Bytes codes, const int8_t* x) {
      const Ints values = all(four_bytes(x + Group * 4));
      const Ints products = Signed ? _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(values, codes))
                                   : _mm256_maddubs_epi16(codes, values);
      words = pending ? _mm256_add_epi16(words, products) : products;
      pending = true;
      if constexpr ((Group + 1) % per_word == 0) widen();
    }
    void widen() {
      if (pending) sum = _mm256_add_epi32(sum, _mm256_madd_epi16(words, _mm256_set1_epi16(1)));
      pending = false;
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
