#include "model/weight_reading.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

#include "llama-mmap.h"
#include "platform/devices.h"

#if defined(__linux__)
#include <unistd.h>

namespace {

thread_local bool active = false;

}  // namespace

// The linker sends calls of llama_file::read_raw here (`--wrap`, in CMakeLists.txt).
extern "C" void __real__ZN10llama_file8read_rawEPvm(llama_file* file, void* data, size_t size);
extern "C" void __wrap__ZN10llama_file8read_rawEPvm(llama_file* file, void* data, size_t size);

extern "C" void __wrap__ZN10llama_file8read_rawEPvm(llama_file* file, void* data, size_t size) {
  const size_t offset = active ? file->tell() : 0;
  const int result =
      active ? caduceus::weight_packing().read(data, caduceus::file_of(file->file_id()), static_cast<int64_t>(offset))
             : CADUCEUS_NOT_OURS;
  if (result == CADUCEUS_NOT_OURS) return __real__ZN10llama_file8read_rawEPvm(file, data, size);
  if (result < 0) throw std::runtime_error("unexpectedly reached end of file");
  if (result > 0) throw std::runtime_error(std::string("read error: ") + std::strerror(result));
  file->seek(offset + size, SEEK_SET);
}
#endif

namespace caduceus {

#if defined(__linux__)
CaduceusFile file_of(int descriptor) {
  const auto read = [](void* file, void* to, size_t size, int64_t offset) {
    const auto descriptor = static_cast<int>(reinterpret_cast<intptr_t>(file));
    for (size_t done = 0; done < size;) {
      const ssize_t count =
          pread(descriptor, static_cast<char*>(to) + done, size - done, offset + static_cast<int64_t>(done));
      if (count == 0) return -1;
      if (count > 0)
        done += static_cast<size_t>(count);
      else if (errno != EINTR)
        return errno;
    }
    return 0;
  };
  return {read, reinterpret_cast<void*>(static_cast<intptr_t>(descriptor))};
}

WeightReading::WeightReading() {
  active = weight_packing().load && weight_packing().read;
  if (active) weight_packing().load(true);
}

WeightReading::~WeightReading() {
  if (active) weight_packing().load(false);
  active = false;
}
#else
WeightReading::WeightReading() = default;
WeightReading::~WeightReading() = default;
#endif

}  // namespace caduceus
