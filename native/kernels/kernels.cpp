#include "kernels.h"

#include "ggml.h"

#if defined(__AVX512F__) && defined(__AVX512BW__)
#include "simd/avx512.h"
#define CADUCEUS_KERNELS 1
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include "simd/avx2.h"
#define CADUCEUS_KERNELS 1
#elif defined(__ARM_FEATURE_DOTPROD)
#include "simd/neon.h"
#define CADUCEUS_KERNELS 1
#endif

#ifdef CADUCEUS_KERNELS
#include "attention.h"
#include "multiply.h"

namespace caduceus::kernels {
namespace {

template <class T>
constexpr Kernel kernel = {
    .rows = Simd::rows,
    .block = T::values,
    .packed_bytes = Panel<Simd, T>::bytes,
    .pack = Panel<Simd, T>::pack,
    .activation_bytes = Matrix<Simd, T>::activation_bytes,
    .quantize =
        [](const float* x, void* activations, int64_t width, int n, int columns) {
          Matrix<Simd, T>(nullptr, 0, width).quantize(x, static_cast<Activations<Simd, T>*>(activations), n, columns);
        },
    .multiply =
        [](const uint8_t* packed, int64_t row_count, int64_t width, const void* activations, int columns, float* out,
           size_t stride, int64_t first, int64_t last) {
          Matrix<Simd, T>(packed, row_count, width)
              .multiply(static_cast<const Activations<Simd, T>*>(activations), columns, out, stride, first, last);
        },
};

}  // namespace

const Kernel* kernel_for(int type) {
  switch (type) {
    case GGML_TYPE_Q4_0:
      return &kernel<Q4_0>;
    case GGML_TYPE_Q4_1:
      return &kernel<Q4_1>;
    case GGML_TYPE_Q5_0:
      return &kernel<Q5_0>;
    case GGML_TYPE_Q5_1:
      return &kernel<Q5_1>;
    case GGML_TYPE_Q8_0:
      return &kernel<Q8_0>;
    case GGML_TYPE_Q2_K:
      return &kernel<Q2_K>;
    case GGML_TYPE_Q3_K:
      return &kernel<Q3_K>;
    case GGML_TYPE_Q4_K:
      return &kernel<Q4_K>;
    case GGML_TYPE_Q5_K:
      return &kernel<Q5_K>;
    case GGML_TYPE_Q6_K:
      return &kernel<Q6_K>;
    case GGML_TYPE_IQ4_NL:
      return &kernel<IQ4_NL>;
    case GGML_TYPE_IQ4_XS:
      return &kernel<IQ4_XS>;
    default:
      return nullptr;
  }
}

template <template <class> class Cache>
static void (*attention_over(int64_t head_size))(const AttentionTile&) {
  switch (head_size) {
    case 32:
      return Attention<Simd, Cache, 32>::attend;
    case 64:
      return Attention<Simd, Cache, 64>::attend;
    case 96:
      return Attention<Simd, Cache, 96>::attend;
    case 128:
      return Attention<Simd, Cache, 128>::attend;
    case 256:
      return Attention<Simd, Cache, 256>::attend;
    default:
      return nullptr;
  }
}

void (*attention_for(int type, int64_t head_size))(const AttentionTile&) {
  if (type == GGML_TYPE_Q8_0) return attention_over<Q8Cache>(head_size);
  if (type != GGML_TYPE_F16) return nullptr;
  return head_size == 80 ? Attention<Simd, HalfCache, 80>::attend : attention_over<HalfCache>(head_size);
}

const char* kernel_instructions() { return Simd::name; }

}  // namespace caduceus::kernels

#else

namespace caduceus::kernels {
const Kernel* kernel_for(int) { return nullptr; }
void (*attention_for(int, int64_t))(const AttentionTile&) { return nullptr; }
const char* kernel_instructions() { return nullptr; }
}  // namespace caduceus::kernels

#endif
