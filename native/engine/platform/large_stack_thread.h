// Every thread of ours: with a stack large enough for code that recurses with its input. Its destructor joins it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

// GCC says the first, Clang the second.
#if defined(__SANITIZE_ADDRESS__)
#define CADUCEUS_SANITIZES_ADDRESSES
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CADUCEUS_SANITIZES_ADDRESSES
#endif
#endif

namespace caduceus {

class LargeStackThread {
 public:
  LargeStackThread() = default;
  // Address space; untouched pages take no memory. And what recursion may use of it before it throws.
#if defined(CADUCEUS_SANITIZES_ADDRESSES)
  // Frames are up to ten times as large. Where an exception leaves more than 64 MB of a stack, the sanitizer keeps its
  // marks there, and reports what is called later.
  static constexpr size_t large = size_t{640} << 20;
  static constexpr size_t recursion = size_t{60} << 20;
#else
  static constexpr size_t large = size_t{64} << 20;
  static constexpr size_t recursion = large / 2;
#endif
  // Throws ENGINE_FAILED when the system refuses a thread.
  explicit LargeStackThread(std::function<void()> body, size_t stack_bytes = large);
  ~LargeStackThread() { join(); }
  LargeStackThread(LargeStackThread&& other) noexcept = default;
  LargeStackThread& operator=(LargeStackThread&& other) noexcept {
    join();
    handle_ = std::move(other.handle_);
    return *this;
  }

  void join();

 private:
  struct Handle;
  struct FreeHandle {
    void operator()(Handle* handle) const;
  };
  std::unique_ptr<Handle, FreeHandle> handle_;
};

}  // namespace caduceus
