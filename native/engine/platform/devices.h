// What computes: processor and GPUs, and in the portable build the modules that know how.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ggml-backend.h"

namespace caduceus {

struct Device {
  std::string name;         // "CPU", "CUDA0", "Vulkan0"
  std::string description;  // "NVIDIA H100 80GB HBM3"
  bool is_gpu = false;
  uint64_t memory_bytes = 0;
  uint64_t free_bytes = 0;
};

// Whether GPUs are added by modules; else only what was built in can compute.
bool takes_modules();

// Portable build: loads the module that is best for this processor, from beside the addon, and on Apple's machines
// Metal's. Others have them built in. Throws ENGINE_FAILED where there is none.
void load_own_modules();

// Loads a GPU's module; its full path. Throws ENGINE_FAILED with the reason.
void load_gpu_module(const std::string& path);

// The processor first. Asks the drivers, so not on the event loop.
std::vector<Device> devices();

bool is_gpu(ggml_backend_dev_t device);

// A function that ggml's code for the processor offers by its name.
void* processor_function(const char* name);

}  // namespace caduceus
