#include "packing.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

namespace caduceus::kernels {
namespace {

// What a thread reads and packs at a time stays in its cache in between.
constexpr int64_t piece_bytes = int64_t{256} << 10;

int64_t panels_of(const Matrix& matrix) { return (matrix.rows + matrix.kernel.rows - 1) / matrix.kernel.rows; }

/** How many threads are worth their start. */
int threads_for(const Matrix& matrix) {
  const int64_t worthwhile = static_cast<int64_t>(matrix.row_bytes) * matrix.rows >> 17;
  return static_cast<int>(std::clamp<int64_t>(worthwhile, 1, std::max(1u, std::thread::hardware_concurrency())));
}

/** Panels that a thread takes at a time: several pieces for each thread. */
int64_t piece_of(const Matrix& matrix) {
  const int64_t cached = piece_bytes / static_cast<int64_t>(matrix.row_bytes * matrix.kernel.rows);
  return std::clamp<int64_t>(panels_of(matrix) / (4 * threads_for(matrix)), 1, std::max<int64_t>(1, cached));
}

/** Runs `work(thread, first, last)` for all panels, piece by piece. */
template <typename Work>
void share(const Matrix& matrix, Work work) {
  const int64_t panels = panels_of(matrix), piece = piece_of(matrix);
  std::atomic<int64_t> next = 0;
  const auto run = [&](int thread) {
    for (int64_t first; (first = next.fetch_add(piece, std::memory_order_relaxed)) < panels;)
      work(thread, first, std::min(panels, first + piece));
  };
  std::vector<std::thread> team;
  try {
    for (int thread = 1; thread < threads_for(matrix); thread++) team.emplace_back(run, thread);
  } catch (const std::system_error&) {
    // No thread to be had: those that there are do its part.
  }
  run(0);
  for (std::thread& thread : team) thread.join();
}

}  // namespace

void pack(const Matrix& matrix, const void* file) {
  share(matrix, [&](int, int64_t first, int64_t last) {
    matrix.kernel.pack(file, matrix.packed, matrix.rows, matrix.width, first, last);
  });
}

int read_and_pack(const Matrix& matrix, CaduceusFile file, int64_t offset) {
  const Kernel& kernel = matrix.kernel;
  const size_t panel_bytes = kernel.packed_bytes(kernel.rows, matrix.width);
  const size_t buffer_bytes = matrix.row_bytes * static_cast<size_t>(kernel.rows * piece_of(matrix));
  const size_t all_bytes = buffer_bytes * static_cast<size_t>(threads_for(matrix));
  const std::unique_ptr<uint8_t[]> buffers(new (std::nothrow) uint8_t[all_bytes]);
  if (!buffers) return ENOMEM;
  std::atomic<int> failure = 0;
  share(matrix, [&](int thread, int64_t first, int64_t last) {
    uint8_t* buffer = buffers.get() + buffer_bytes * static_cast<size_t>(thread);
    const int64_t rows = std::min<int64_t>(last * kernel.rows, matrix.rows) - first * kernel.rows;
    const size_t size = matrix.row_bytes * static_cast<size_t>(rows);
    const int64_t from = offset + first * kernel.rows * static_cast<int64_t>(matrix.row_bytes);
    if (failure.load(std::memory_order_relaxed)) return;
    if (const int result = file.read(file.file, buffer, size, from); result != 0) {
      failure = result;
      return;
    }
    kernel.pack(buffer, matrix.packed + panel_bytes * static_cast<size_t>(first), rows, matrix.width, 0, last - first);
  });
  return failure;
}

}  // namespace caduceus::kernels
