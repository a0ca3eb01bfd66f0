// Every thread of ours: with a stack large enough for code that recurses with its input. Its destructor joins it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace caduceus {

class LargeStackThread {
 public:
  LargeStackThread() = default;
  // Address space; untouched pages take no memory.
#if defined(__SANITIZE_ADDRESS__)
  // Frames are up to ten times as large.
  static constexpr size_t large = size_t{640} << 20;
#else
  static constexpr size_t large = size_t{64} << 20;
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
