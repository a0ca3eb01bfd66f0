// Memory of KV caches that nobody has written yet. llama.cpp fills a new cache with zeros, on one thread, and whoever
// loads a model waits for it: a third of a second for a gigabyte, several where a virtual machine's memory comes from
// its host. What the system provides is zero already, when it is first written to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace caduceus {

class UntouchedMemory {
 public:
  // While it lives, what llama.cpp clears on this thread (large buffers of the host, on Linux) is left to the system,
  // and remembered. `parts`: of a buffer, one after the other, of which all beginnings are used first.
  class Gathering {
   public:
    Gathering(UntouchedMemory& memory, size_t parts);
    ~Gathering();
    Gathering(const Gathering&) = delete;
    Gathering& operator=(const Gathering&) = delete;
  };

  UntouchedMemory() = default;
  ~UntouchedMemory();
  UntouchedMemory(const UntouchedMemory&) = delete;
  UntouchedMemory& operator=(const UntouchedMemory&) = delete;

  bool is_empty() const { return left_.empty(); }
  // Has the system provide the next 2 MiB, so that who writes to them need not wait, and memory that is not there is
  // found soon. Changes no contents.
  void touch_some();

  // Bytes in this process that count as free memory and will be written to.
  static uint64_t promised();

 private:
  void forget();

  std::vector<std::span<std::byte>> left_;
  size_t next_ = 0;
};

}  // namespace caduceus
