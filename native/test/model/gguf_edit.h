// GGUF files made from another one, with something in their headers changed, for tests of what is refused.
#pragma once

#include <fstream>
#include <map>
#include <span>
#include <string>

#include "check.h"
#include "ggml.h"
#include "gguf.h"

class GgufEdit {
 public:
  explicit GgufEdit(const std::string& path) {
    gguf_init_params params{.no_alloc = false, .ctx = &tensors_};
    gguf_ = gguf_init_from_file(path.c_str(), params);
    CHECK(gguf_ && tensors_);
  }
  ~GgufEdit() {
    gguf_free(gguf_);
    ggml_free(tensors_);
  }
  GgufEdit(const GgufEdit&) = delete;
  GgufEdit& operator=(const GgufEdit&) = delete;

  gguf_context* get() { return gguf_; }
  const ggml_tensor* tensor(const char* name) const { return ggml_get_tensor(tensors_, name); }

  // The bytes of its weights, to be changed.
  std::span<char> data(const char* name) {
    ggml_tensor* found = ggml_get_tensor(tensors_, name);
    CHECK(found);
    return {static_cast<char*>(found->data), ggml_nbytes(found)};
  }

  // Its weights are zeros then. False where its rows have no whole blocks of that type.
  bool set_type(const char* name, ggml_type type) {
    const ggml_tensor* found = tensor(name);
    CHECK(found);
    if (found->ne[0] % ggml_blck_size(type) != 0) return false;
    gguf_set_tensor_type(gguf_, name, type);
    zeros_[name].assign(ggml_row_size(type, found->ne[0]) * static_cast<size_t>(ggml_nrows(found)), '\0');
    return true;
  }

  void write(const std::string& path) {
    CHECK(gguf_write_to_file(gguf_, path.c_str(), true));
    std::ofstream file(path, std::ios::binary | std::ios::app);
    for (int64_t i = 0; i < gguf_get_n_tensors(gguf_); ++i) {
      const char* name = gguf_get_tensor_name(gguf_, i);
      const ggml_tensor* found = tensor(name);
      const auto zeros = zeros_.find(name);
      const std::string bytes = zeros == zeros_.end()
                                    ? std::string(static_cast<const char*>(found->data), ggml_nbytes(found))
                                    : zeros->second;
      const size_t alignment = gguf_get_alignment(gguf_);
      file << bytes << std::string((alignment - bytes.size() % alignment) % alignment, '\0');
    }
  }

 private:
  gguf_context* gguf_ = nullptr;
  ggml_context* tensors_ = nullptr;
  std::map<std::string, std::string> zeros_;
};
