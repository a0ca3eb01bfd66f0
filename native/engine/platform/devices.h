// Devices that compute: the processor and GPUs, and in the portable build the modules that contain their code.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ggml-backend.h"
#include "kernels/plugin.h"

namespace caduceus {

struct Device {
  std::string name;         // "CPU", "CUDA0", "Vulkan0"
  std::string description;  // "NVIDIA H100 80GB HBM3"
  bool is_gpu = false;
  uint64_t memory_bytes = 0;
  uint64_t free_bytes = 0;
};

// Whether GPU support is loaded as modules; else only what is built in can compute.
bool takes_modules();

// In the portable build, loads the module that suits this processor best from the addon's folder, and Metal's on
// Apple's machines. In other builds they are built in. Throws ENGINE_FAILED without a suitable module.
void load_own_modules();

// Loads a GPU module from its full path. Throws ENGINE_FAILED with the reason.
void load_gpu_module(const std::string& path);

// What multiplies matrices on the processor: "Caduceus AVX-512 VNNI", or "ggml" where there are no kernels of ours for
// it or CADUCEUS_KERNELS=ggml is in the environment.
std::string matrix_kernels();

// The parts of native/kernels/plugin.h by which a model's file is read; null without kernels of ours.
struct WeightPacking {
  void (*load)(bool active) = nullptr;
  int (*read)(const void* data, CaduceusFile file, int64_t offset) = nullptr;
};
const WeightPacking& weight_packing();

// All devices, the processor first. Queries drivers, so not on the event loop.
std::vector<Device> devices();

bool is_gpu(ggml_backend_dev_t device);

// A function that ggml's processor module exports by name.
void* processor_function(const char* name);

}  // namespace caduceus
