// Our own matrix multiplication for quantized weights. Apart from the layouts of ggml's types this knows nothing of
// ggml; plugin.cpp hands it to ggml-cpu.
#pragma once
#include <cstddef>
#include <cstdint>

namespace caduceus::kernels {

/** The kernel of one quantized type. Weights are packed once; each multiplication quantizes its activations first. */
struct Kernel {
  /** Rows of a panel: the unit in which weights are packed and multiplied. */
  int rows;
  /** Values in a block. Rows must be whole blocks. */
  int block;
  size_t (*packed_bytes)(int64_t row_count, int64_t width);
  /** Packs the panels from `first` up to `last`. */
  void (*pack)(const void* file, uint8_t* packed, int64_t row_count, int64_t width, int64_t first, int64_t last);
  size_t (*activation_bytes)(int64_t width, int64_t columns);
  /** Writes column `n` of `columns` to its place among the activations. */
  void (*quantize)(const float* x, void* activations, int64_t width, int n, int columns);
  /** Multiplies the panels from `first` up to `last`; `stride` is the distance of two columns of `out`. */
  void (*multiply)(const uint8_t* packed, int64_t row_count, int64_t width, const void* activations, int columns,
                   float* out, size_t stride, int64_t first, int64_t last);
};

/** The kernel for a type of ggml's (`ggml_type`), or null if there is none. */
const Kernel* kernel_for(int type);

struct AttentionTile;

/** Attention over a cache of this type of ggml's with heads of this size, or null if there is none. */
void (*attention_for(int type, int64_t head_size))(const AttentionTile&);

/** The instructions that these kernels were compiled for, or null where there are none for this processor. */
const char* kernel_instructions();

}  // namespace caduceus::kernels
