#include "model/untouched_memory.h"

#include <algorithm>
#include <atomic>

#include "ggml-backend.h"

#if defined(__linux__)
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#endif

namespace caduceus {
namespace {

std::atomic<uint64_t> promised_bytes = 0;

#if defined(__linux__)
constexpr size_t huge_page = size_t{2} << 20;
// Smaller ones are written at once.
constexpr size_t smallest = 4 * huge_page;

thread_local std::vector<std::span<std::byte>>* gathered = nullptr;
thread_local size_t parts_of_each = 1;

// Gives pages of the process's own memory back; read again, they are zero. False where the system does not, and for
// memory that is not the host's.
bool give_back(ggml_backend_buffer_t buffer) {
  if (ggml_backend_buffer_get_type(buffer) != ggml_backend_cpu_buffer_type()) return false;
  auto* const base = static_cast<std::byte*>(ggml_backend_buffer_get_base(buffer));
  const size_t size = ggml_backend_buffer_get_size(buffer);
  if (size < smallest) return false;
  const size_t before = (huge_page - reinterpret_cast<uintptr_t>(base) % huge_page) % huge_page;
  const size_t whole = (size - before) / huge_page * huge_page;
  if (madvise(base + before, whole, MADV_DONTNEED) != 0) return false;
  std::fill(base, base + before, std::byte{0});
  std::fill(base + before + whole, base + size, std::byte{0});
  const size_t part = std::max(size_t{1}, whole / huge_page / parts_of_each) * huge_page;
  for (size_t at = 0; at < whole; at += part) gathered->emplace_back(base + before + at, std::min(part, whole - at));
  promised_bytes += whole;
  return true;
}

bool provide(std::span<std::byte> part) { return madvise(part.data(), part.size(), MADV_POPULATE_WRITE) == 0; }
#endif

}  // namespace

#if defined(__linux__)
UntouchedMemory::Gathering::Gathering(UntouchedMemory& memory, size_t parts) {
  gathered = &memory.left_;
  parts_of_each = std::max(size_t{1}, parts);
}
UntouchedMemory::Gathering::~Gathering() { gathered = nullptr; }

void UntouchedMemory::touch_some() {
  if (left_.empty()) return;
  next_ %= left_.size();
  auto& range = left_[next_];
  // An old kernel does not know how: then whoever writes there waits, as everywhere else.
  if (!provide(range.first(huge_page))) return forget();
  promised_bytes -= huge_page;
  range = range.subspan(huge_page);
  if (range.empty())
    left_.erase(left_.begin() + static_cast<std::ptrdiff_t>(next_));
  else
    ++next_;
}
#else
UntouchedMemory::Gathering::Gathering(UntouchedMemory&, size_t) {}
UntouchedMemory::Gathering::~Gathering() = default;
void UntouchedMemory::touch_some() {}
#endif

UntouchedMemory::~UntouchedMemory() { forget(); }

void UntouchedMemory::forget() {
  for (const auto& range : left_) promised_bytes -= range.size();
  left_.clear();
}

uint64_t UntouchedMemory::promised() { return promised_bytes; }

}  // namespace caduceus

#if defined(__linux__)
// The linker sends llama.cpp's calls here (`--wrap`, in CMakeLists.txt).
extern "C" void __real_ggml_backend_buffer_clear(ggml_backend_buffer_t buffer, uint8_t value);
extern "C" void __wrap_ggml_backend_buffer_clear(ggml_backend_buffer_t buffer, uint8_t value);

extern "C" void __wrap_ggml_backend_buffer_clear(ggml_backend_buffer_t buffer, uint8_t value) {
  using namespace caduceus;
  if (!gathered || value != 0 || !give_back(buffer)) __real_ggml_backend_buffer_clear(buffer, value);
}
#endif
