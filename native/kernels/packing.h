// Fills a matrix's panels from what a file has for it, with all processors.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels.h"

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

#if !defined(_WIN32)
/**
 * Packs the matrix that begins at `offset` of an open file, each thread what it has read itself. Returns 0, the
 * system's error number, or -1 where the file ends too early.
 */
int read_and_pack(const Matrix& matrix, int file, int64_t offset);
#endif

}  // namespace caduceus::kernels
