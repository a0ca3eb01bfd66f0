// A module of ggml without any device, for devices_test.cpp, which says by the environment what is wrong with it.
#include <cstdlib>
#include <cstring>

#include "ggml-backend-impl.h"

#if defined(_WIN32)
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

extern "C" EXPORTED ggml_backend_reg_t ggml_backend_init() {
  static ggml_backend_reg module{};
  const char* fault = std::getenv("CADUCEUS_TEST_MODULE");
  if (fault && std::strcmp(fault, "none") == 0) return nullptr;
  module.api_version = GGML_BACKEND_API_VERSION + (fault && std::strcmp(fault, "version") == 0 ? 1 : 0);
  module.iface.get_name = [](ggml_backend_reg_t) { return "module of a test"; };
  module.iface.get_device_count = [](ggml_backend_reg_t) { return size_t{0}; };
  return &module;
}
