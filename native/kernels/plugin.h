// How the kernels get into ggml.
#pragma once

/**
 * Puts our buffer type before those of ggml-cpu, where there are kernels for this processor. To be called before the
 * first model is loaded: llama.cpp asks for the list once. In the portable build the modules for processors offer it by
 * this name.
 */
#if defined(_WIN32)
extern "C" __declspec(dllexport) void ggml_caduceus_use_kernels(void);
#else
extern "C" __attribute__((visibility("default"))) void ggml_caduceus_use_kernels(void);
#endif
