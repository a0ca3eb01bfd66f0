// How the kernels get into ggml.
#pragma once
#include <cstddef>
#include <cstdint>

#if defined(_MSC_VER)
#define CADUCEUS_EXPORT extern "C" __declspec(dllexport)
#else
#define CADUCEUS_EXPORT extern "C" __attribute__((visibility("default")))
#endif

/**
 * Puts our buffer type before those of ggml-cpu, where there are kernels for this processor. To be called before the
 * first model is loaded: llama.cpp asks for the list once. In the portable build the modules for processors offer it by
 * this name.
 */
CADUCEUS_EXPORT void ggml_caduceus_use_kernels(void);

/**
 * Between `true` and `false`, buffers of ours are the host's to the thread that loads a model: llama.cpp then reads
 * weights straight to where they belong, without a copy in between, and must do so by `ggml_caduceus_read`.
 */
CADUCEUS_EXPORT void ggml_caduceus_load(bool active);

/**
 * An open file, as its system reads it: `read` returns 0, the system's error number, or -1 where the file ends too
 * early. Several threads call it at once.
 */
struct CaduceusFile {
  int (*read)(void* file, void* to, size_t size, int64_t offset);
  void* file;
};

/**
 * Reads the matrix that belongs at `data` from a file, where it begins at `offset`, and packs it, with all processors.
 * Returns what `read` returned, ENOMEM, or CADUCEUS_NOT_OURS if `data` is no place in our buffers.
 */
CADUCEUS_EXPORT int ggml_caduceus_read(const void* data, CaduceusFile file, int64_t offset);
#define CADUCEUS_NOT_OURS (-2)

/** Whether they are used. */
bool ggml_caduceus_uses_kernels();
