// Fills a matrix's panels from what a file has for it, with all processors.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels.h"
#include "plugin.h"

namespace caduceus::kernels {

struct Matrix {
  const Kernel& kernel;
  uint8_t* packed;
  int64_t rows;
  int64_t width;
  /** Bytes of a row in the file. */
  size_t row_bytes;
};

/** Packs the matrix at `file`. */
void pack(const Matrix& matrix, const void* file);

/** Packs the matrix that begins at `offset` of a file, each thread what it has read itself; see `ggml_caduceus_read`.
 */
int read_and_pack(const Matrix& matrix, CaduceusFile file, int64_t offset);

}  // namespace caduceus::kernels
