// KV caches are zero without having been written, nothing of them is lost, and an idle engine has their memory
// provided.
#include "model/untouched_memory.h"

#include <algorithm>
#include <cstring>

#include "engine_harness.h"
#include "platform/runtime.h"
#include "test_model.h"

#if defined(__linux__)
#include <sys/mman.h>

namespace {

using namespace caduceus;

constexpr size_t size = size_t{24} << 20;

bool is_filled(ggml_backend_buffer_t buffer, char value) {
  const auto* const bytes = static_cast<const char*>(ggml_backend_buffer_get_base(buffer));
  return std::all_of(bytes, bytes + ggml_backend_buffer_get_size(buffer), [=](char byte) { return byte == value; });
}

size_t pages_there(ggml_backend_buffer_t buffer) {
  const size_t page = 4096, pages = ggml_backend_buffer_get_size(buffer) / page;
  std::vector<unsigned char> there(pages);
  CHECK(mincore(ggml_backend_buffer_get_base(buffer), pages * page, there.data()) == 0);
  return static_cast<size_t>(std::count_if(there.begin(), there.end(), [](unsigned char one) { return one & 1; }));
}

void buffers() {
  ggml_backend_buffer_t buffer = ggml_backend_buft_alloc_buffer(ggml_backend_cpu_buffer_type(), size + 12345);
  const auto fill = [&] { std::memset(ggml_backend_buffer_get_base(buffer), 7, ggml_backend_buffer_get_size(buffer)); };

  CLAIM("what is cleared is zero, whatever was there, and its memory is left to the system");
  fill();
  {
    UntouchedMemory memory;
    {
      const UntouchedMemory::Gathering gathering(memory, 5);
      ggml_backend_buffer_clear(buffer, 0);
    }
    CHECK(pages_there(buffer) < 2000);
    CHECK(UntouchedMemory::promised() > size - (size_t{4} << 20));
    CHECK(is_filled(buffer, 0));

    CLAIM("touching provides all of it, changes nothing, and comes to an end");
    fill();
    while (!memory.is_empty()) memory.touch_some();
    CHECK(UntouchedMemory::promised() == 0);
    CHECK(pages_there(buffer) == ggml_backend_buffer_get_size(buffer) / 4096);
    CHECK(is_filled(buffer, 7));
    {
      const UntouchedMemory::Gathering gathering(memory, 5);
      ggml_backend_buffer_clear(buffer, 0);
    }
    memory.touch_some();
    CHECK(!memory.is_empty());
  }
  CLAIM("what was not touched is promised no longer when its owner is gone");
  CHECK(UntouchedMemory::promised() == 0);

  CLAIM("other values, and buffers that nobody gathers, are written");
  UntouchedMemory memory;
  {
    const UntouchedMemory::Gathering gathering(memory, 5);
    ggml_backend_buffer_clear(buffer, 3);
    CHECK(is_filled(buffer, 3));
  }
  ggml_backend_buffer_clear(buffer, 0);
  CHECK(is_filled(buffer, 0) && UntouchedMemory::promised() == 0);
  ggml_backend_buffer_free(buffer);
}

}  // namespace

int main() {
  ensure_backend();
  buffers();
  const auto model = load_test_model("CADUCEUS_TEST_HERMES_MODEL");
  const auto cache = static_cast<uint32_t>(size / model->cache_bytes_per_token(GGML_TYPE_F16));
  ContextOptions options;
  options.cache_tokens = cache;
  auto context = std::make_unique<Context>(model, options);
  CHECK(UntouchedMemory::promised() > size / 2);
  Harness harness(std::move(context));
  CLAIM("an engine answers while its cache is not there yet, and has it provided when it is idle");
  CHECK(harness.wait(harness.engine->submit(question("Hello!"))).tokens.size() == 24);
  while (UntouchedMemory::promised() > 0) std::this_thread::sleep_for(1ms);
  CHECK(harness.wait(harness.engine->submit(question("Hello?"))).tokens.size() == 24);
  return report();
}
#else
int main() { return report(); }
#endif
