#include "platform/devices.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "ggml-backend-impl.h"
#include "platform/error.h"
#include "platform/files.h"
#include "platform/runtime.h"

#if defined(_WIN32)
#define NOMINMAX
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace caduceus {
namespace {

namespace fs = std::filesystem;

#if defined(_WIN32)
using Library = HMODULE;

Library open_library(const fs::path& file) {
  return LoadLibraryExW(file.c_str(), nullptr, LOAD_WITH_ALTERED_SEARCH_PATH);
}
std::string why_not_opened() { return std::system_category().message(static_cast<int>(GetLastError())); }
void* find_symbol(Library library, const char* name) { return reinterpret_cast<void*>(GetProcAddress(library, name)); }
void close_library(Library library) { FreeLibrary(library); }
#else
using Library = void*;

Library open_library(const fs::path& file) { return dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL); }
std::string why_not_opened() { return dlerror(); }
void* find_symbol(Library library, const char* name) { return dlsym(library, name); }
void close_library(Library library) { dlclose(library); }
#endif

// As ggml_backend_load, which on Windows reads names in the system's own encoding only. Returns why it failed.
std::string load_module(const fs::path& file) {
  const Library library = open_library(file);
  if (!library) return why_not_opened();
  const auto init = reinterpret_cast<ggml_backend_init_t>(find_symbol(library, "ggml_backend_init"));
  ggml_backend_reg_t module = init ? init() : nullptr;
  if (module && module->api_version == GGML_BACKEND_API_VERSION) {
    ggml_backend_register(module);
    return {};
  }
  close_library(library);
  return !init ? "it is no module of ggml" : !module ? "it did not start" : "it is of another version of ggml";
}

#if defined(CADUCEUS_CPU_MODULES)
// ggml's own search also looks in the working folder and obeys an environment variable: whoever can write the one or
// set the other could run code in this process. So each module is scored and loaded by its full path in the addon's
// folder.

constexpr std::string_view prefix = CADUCEUS_CPU_MODULES;
constexpr std::string_view suffix = CADUCEUS_MODULE_SUFFIX;

fs::path own_folder() {
#if defined(_WIN32)
  HMODULE module = nullptr;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                     reinterpret_cast<LPCWSTR>(&load_own_modules), &module);
  std::wstring path(32768, L'\0');
  path.resize(GetModuleFileNameW(module, path.data(), static_cast<DWORD>(path.size())));
  return fs::path(path).parent_path();
#else
  Dl_info info{};
  dladdr(reinterpret_cast<void*>(&load_own_modules), &info);
  return fs::path(info.dli_fname ? info.dli_fname : "").parent_path();
#endif
}

// 0: unsuitable for this processor.
int score_of(const fs::path& file, std::string& failure) {
  const Library library = open_library(file);
  if (!library) {
    failure = why_not_opened();
    return 0;
  }
  const auto score = reinterpret_cast<int (*)()>(find_symbol(library, "ggml_backend_score"));
  const int result = score ? score() : 0;
  close_library(library);
  return result;
}

bool is_processor_module(const std::string& name) { return name.starts_with(prefix) && name.ends_with(suffix); }
#endif

WeightPacking packing;

bool wants_own_kernels() {
  const char* chosen = std::getenv("CADUCEUS_KERNELS");
  return !chosen || std::string_view(chosen) != "ggml";
}

}  // namespace

bool takes_modules() {
#if defined(CADUCEUS_CPU_MODULES)
  return true;
#else
  return false;
#endif
}

void load_own_modules() {
#if defined(CADUCEUS_CPU_MODULES)
  // Loaded by another copy of this package, of the same version.
  if (ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU)) return;
  const fs::path folder = own_folder();
  int best_score = 0;
  fs::path best;
  std::string failure;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (!is_processor_module(to_name(entry.path().filename()))) continue;
    const int score = score_of(entry.path(), failure);
    if (score <= best_score) continue;
    best_score = score;
    best = entry.path();
  }
#if defined(__APPLE__)
  if (const fs::path metal = folder / CADUCEUS_METAL_MODULE; fs::exists(metal, ignored))
    if (const std::string reason = load_module(metal); !reason.empty())
      log_line(LogLevel::warn, to_name(metal) + " could not be loaded: " + reason + ".");
#endif
  if (best_score > 0) {
    failure = load_module(best);
    if (failure.empty()) {
      if (!wants_own_kernels()) return;
      // Stays open, as ggml has it open.
      if (const Library library = open_library(best)) {
        const auto use = reinterpret_cast<void (*)()>(find_symbol(library, "ggml_caduceus_use_kernels"));
        if (use) use();
        packing.load = reinterpret_cast<decltype(packing.load)>(find_symbol(library, "ggml_caduceus_load"));
        packing.read = reinterpret_cast<decltype(packing.read)>(find_symbol(library, "ggml_caduceus_read"));
      }
      return;
    }
  }
  throw EngineError("ENGINE_FAILED", "No module for this processor could be loaded from " + to_name(folder) +
                                         (failure.empty() ? "" : " (" + failure + ")") +
                                         ". Install caduceus again, or build it here: `npm rebuild caduceus "
                                         "--foreground-scripts --build-from-source`.");
#else
  if (!wants_own_kernels()) return;
  ggml_caduceus_use_kernels();
  packing = {ggml_caduceus_load, ggml_caduceus_read};
#endif
}

void load_gpu_module(const std::string& path) {
  if (const std::string reason = load_module(to_path(path)); !reason.empty())
    throw EngineError("ENGINE_FAILED", path + " could not be loaded: " + reason + ".");
}

std::string matrix_kernels() {
  const auto types =
      reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(processor_function("ggml_backend_dev_get_extra_bufts"));
  ggml_backend_dev_t processor = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  for (ggml_backend_buffer_type_t* type = types && processor ? types(processor) : nullptr; type && *type; ++type) {
    const std::string_view name = ggml_backend_buft_name(*type);
    if (name.starts_with("Caduceus")) return std::string(name);
  }
  return "ggml";
}

const WeightPacking& weight_packing() { return packing; }

std::vector<Device> devices() {
  std::vector<Device> all;
  for (size_t i = 0; i < ggml_backend_dev_count(); ++i) {
    ggml_backend_dev_t device = ggml_backend_dev_get(i);
    size_t free = 0;
    size_t total = 0;
    ggml_backend_dev_memory(device, &free, &total);
    all.push_back({
        .name = ggml_backend_dev_name(device),
        .description = ggml_backend_dev_description(device),
        .is_gpu = is_gpu(device),
        .memory_bytes = total,
        .free_bytes = free,
    });
  }
  std::stable_partition(all.begin(), all.end(), [](const Device& device) { return !device.is_gpu; });
  return all;
}

bool is_gpu(ggml_backend_dev_t device) {
  const auto type = ggml_backend_dev_type(device);
  return type == GGML_BACKEND_DEVICE_TYPE_GPU || type == GGML_BACKEND_DEVICE_TYPE_IGPU;
}

void* processor_function(const char* name) {
  ggml_backend_dev_t processor = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  void* function =
      processor ? ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(processor), name) : nullptr;
  if (!function) throw EngineError("ENGINE_FAILED", std::string("ggml offers no ") + name + ".");
  return function;
}

}  // namespace caduceus
