// Memory of llama.cpp's buffers in huge pages. Decoding reads every weight for each token, and with pages of 4 KiB it
// waits for their addresses as well: SmolLM2 wrote 150 tokens/s where it wrote 134 (llama-bench, 2 threads, AMD EPYC).
//
// The linker sends ggml's calls of posix_memalign here (`--wrap`, in CMakeLists.txt); where the kernel gives no huge
// pages nothing changes.
#if defined(__linux__)
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>

namespace {

constexpr size_t huge_page = size_t{2} << 20;
// Smaller ones would lose much of their last page.
constexpr size_t smallest = 2 * huge_page;

}  // namespace

extern "C" int __real_posix_memalign(void** memory, size_t alignment, size_t size);
extern "C" int __wrap_posix_memalign(void** memory, size_t alignment, size_t size);

extern "C" int __wrap_posix_memalign(void** memory, size_t alignment, size_t size) {
  if (size < smallest) return __real_posix_memalign(memory, alignment, size);
  const int result = __real_posix_memalign(memory, std::max(alignment, huge_page), size);
  if (result == 0) madvise(*memory, size, MADV_HUGEPAGE);
  return result;
}
#endif
