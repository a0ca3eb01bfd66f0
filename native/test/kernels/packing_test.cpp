// Weights get from a file into our panels: the same whether llama.cpp hands them over or our threads read them, and
// a file that cannot be read is told.
#include "kernels/packing.h"

#include <cerrno>
#include <cstdio>
#include <random>
#include <thread>
#include <vector>

#include "check.h"
#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "ggml.h"
#include "llama.h"
#include "model/weight_reading.h"
#include "platform/devices.h"
#include "platform/runtime.h"

#if defined(__linux__)
#include <unistd.h>

namespace {

using caduceus::file_of;
using namespace caduceus::kernels;

constexpr int64_t offset = 4099;

void compare(ggml_type type, int64_t rows, int64_t width) {
  const Kernel& kernel = *kernel_for(type);
  std::vector<uint8_t> bytes(ggml_row_size(type, width) * static_cast<size_t>(rows));
  std::mt19937 random(static_cast<unsigned>(rows + width));
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  FILE* file = std::tmpfile();
  CHECK(file && std::fseek(file, offset, SEEK_SET) == 0);
  CHECK(std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size() && std::fflush(file) == 0);

  const size_t size = kernel.packed_bytes(rows, width);
  std::vector<uint8_t> expected(size), packed(size), read(size);
  kernel.pack(bytes.data(), expected.data(), rows, width, 0, (rows + kernel.rows - 1) / kernel.rows);
  const size_t row_bytes = ggml_row_size(type, width);
  pack({kernel, packed.data(), rows, width, row_bytes}, bytes.data());
  CHECK(read_and_pack({kernel, read.data(), rows, width, row_bytes}, file_of(fileno(file)), offset) == 0);
  CHECK(packed == expected);
  CHECK(read == expected);

  CHECK(ftruncate(fileno(file), offset + static_cast<int64_t>(bytes.size()) - 1) == 0);
  CHECK(read_and_pack({kernel, read.data(), rows, width, row_bytes}, file_of(fileno(file)), offset) == -1);
  std::fclose(file);
}

}  // namespace

int main() {
  caduceus::ensure_backend();
  if (caduceus::matrix_kernels() == "ggml") {
    std::fprintf(stderr, "No kernels for this processor.\n");
    return report();
  }
  CLAIM("panels read from a file are those packed from memory, and a file that ends too early is told");
  for (const ggml_type type :
       {GGML_TYPE_Q4_0, GGML_TYPE_Q4_1, GGML_TYPE_Q8_0, GGML_TYPE_Q2_K, GGML_TYPE_Q4_K, GGML_TYPE_Q6_K}) {
    for (const int64_t rows : {1, 16, 17, 1000, 5000}) compare(type, rows, 1024);
    compare(type, 40, 14336);
  }
  CLAIM("an error of the system is told by its number");
  {
    const Kernel& kernel = *kernel_for(GGML_TYPE_Q8_0);
    std::vector<uint8_t> packed(kernel.packed_bytes(16, 32));
    const Matrix matrix{kernel, packed.data(), 16, 32, ggml_row_size(GGML_TYPE_Q8_0, 32)};
    CHECK(read_and_pack(matrix, file_of(-1), 0) == EBADF);
  }
  CLAIM("our buffers are the host's to the thread that loads a model, and to no other");
  ggml_backend_buffer_type_t type = nullptr;
  {
    const auto types = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
        caduceus::processor_function("ggml_backend_dev_get_extra_bufts"));
    type = types(ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU))[0];
    const caduceus::WeightReading reading;
    CHECK(ggml_backend_buft_is_host(type));
    std::thread([&] { CHECK(!ggml_backend_buft_is_host(type)); }).join();
    CHECK(ggml_caduceus_read(&type, caduceus::file_of(0), 0) == CADUCEUS_NOT_OURS);
  }
  CHECK(!ggml_backend_buft_is_host(type));
  return report();
}
#else
int main() { return report(); }
#endif
