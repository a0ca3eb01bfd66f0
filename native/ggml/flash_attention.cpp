// ggml's attention on a processor, made independent of the number of threads. For a single row over 512 cells and more
// ggml gives each thread its own stretch of the cells and adds up their sums, in half precision: another number of
// threads rounds otherwise, and moves scores by up to 0.3. Here such a row is divided by its heads, as ggml divides it
// over fewer cells, where each sum is one thread's. It then also comes out as it does beside other rows. SmolLM2's nine
// heads over 2,048 cells take two threads 0.237 ms so, and 0.231 ms by stretches.
//
// CMakeLists.txt compiles ggml's ops.cpp with its function under the name below, so that all who call it come here.
#include "ggml-cpu-impl.h"
#include "ops.h"

extern "C" {

void caduceus_ggml_flash_attention(const ggml_compute_params* params, ggml_tensor* dst);

void ggml_compute_forward_flash_attn_ext(const ggml_compute_params* params, ggml_tensor* dst) {
  ggml_compute_params own = *params;
  // "Neither tiles nor stretches". Tiles are for many rows, and stay.
  if (dst->src[0]->ne[1] == 1) own.use_ref = true;
  caduceus_ggml_flash_attention(&own, dst);
}

}  // extern "C"
