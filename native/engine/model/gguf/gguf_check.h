// Reads a GGUF file's header before llama.cpp does: whatever would make it abort, or fail without a reason, is
// refused here with a sentence that says what is wrong.
#pragma once

#include <atomic>
#include <string>

namespace caduceus {

// Throws MODEL_NOT_FOUND or MODEL_INVALID, or CANCELLED once `cancelled` is set. Of a split model all files are
// checked.
void check_gguf(const std::string& path, const std::atomic<bool>* cancelled = nullptr);

}  // namespace caduceus
