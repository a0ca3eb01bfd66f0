// How the kernels get into ggml.
#pragma once

#if defined(_WIN32)
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

/** Whether they are used. */
bool ggml_caduceus_uses_kernels();
