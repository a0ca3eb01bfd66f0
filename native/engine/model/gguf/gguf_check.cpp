#include "model/gguf/gguf_check.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "ggml.h"
#include "gguf.h"
#include "llama.h"
#include "model/gguf/gguf_shape.h"
#include "model/gguf/gguf_vocabulary.h"
#include "model/gguf/gguf_weights.h"
#include "platform/error.h"
#include "platform/files.h"

namespace caduceus {
namespace {

// A vocabulary of a million tokens and a template of a few hundred kilobytes fit; what is larger is not a header.
constexpr uint64_t max_string_bytes = 64ull << 20;
constexpr uint64_t max_entries = 1ull << 24;
// llama.cpp compares each key and each tensor with all before it, and cannot be interrupted meanwhile: 30,000 keys took
// 38 s.
constexpr uint64_t max_keys = 4096;
constexpr uint64_t max_tensors = 1 << 14;
// Compiled by the template's engine, on the event loop.
constexpr uint64_t max_template_bytes = 1 << 20;

class Header {
 public:
  Header(const std::string& path, uint64_t size, const std::atomic<bool>* cancelled)
      : path_(path), size_(size), cancelled_(cancelled), file_(open_regular(to_path(path))) {
    if (!file_) throw EngineError("MODEL_NOT_FOUND", path + " cannot be opened: " + std::strerror(errno) + ".");
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw EngineError("MODEL_INVALID", path_ + " " + what + ".");
  }

  // Of a model. `first`: not one of the further files of a split model, which only hold tensors. Gives the number of
  // files.
  uint32_t check(bool first) {
    const uint64_t tensors = read_keys();
    if (first && header_.texts["general.type"] == "adapter")
      refuse("is an adapter, not a model; name it in the option adapters of the model that it was made for");
    if (first && !header_.texts.contains("general.architecture")) refuse("is not a model: it names no architecture");
    if (first && !keys_.contains("tokenizer.ggml.model")) refuse("has no vocabulary");
    read_tensors(tensors, nullptr);
    if (!first) return 0;
    if (const std::string wrong = wrong_shape(header_); !wrong.empty()) refuse(wrong);
    auto& texts = header_.texts;
    if (const std::string wrong = vocabulary_.wrong(texts["tokenizer.ggml.model"], texts["tokenizer.ggml.pre"]);
        !wrong.empty())
      refuse(wrong);
    return files_;
  }

  GgufContent read_content() {
    GgufContent content;
    read_tensors(read_keys(), &content.tensors);
    content.header = std::move(header_);
    content.bytes = size_;
    return content;
  }

 private:
  // All up to the tensors. Returns their number.
  uint64_t read_keys() {
    check_magic();
    const auto version = number<uint32_t>();
    if (version < 2 || version > 3)
      refuse("is GGUF version " + std::to_string(version) + "; versions 2 and 3 can be read");
    const auto tensors = number<uint64_t>();
    const auto pairs = number<uint64_t>();
    if (tensors > max_tensors)
      refuse("counts " + std::to_string(tensors) + " tensors; more than " + std::to_string(max_tensors) +
             " are not read");
    if (pairs > max_keys)
      refuse("counts " + std::to_string(pairs) + " keys in its header; more than " + std::to_string(max_keys) +
             " are not read");
    for (uint64_t i = 0; i < pairs; ++i) {
      const std::string key = string();
      if (!keys_.insert(key).second) refuse("is corrupt: the key '" + printable(key) + "' appears twice");
      read_value(key, number<uint32_t>());
    }
    return tensors;
  }

  void check_magic() {
    std::array<char, 4> magic{};
    if (size_ < magic.size())
      refuse(size_ == 0 ? "is an empty file" : "is no GGUF file: it has only " + std::to_string(size_) + " bytes");
    read(magic.data(), magic.size());
    const std::string_view seen(magic.data(), magic.size());
    if (seen == "GGUF") return;
    if (seen == "FUGG") refuse("is a GGUF file of a big-endian machine, which cannot be read here");
    if (seen == "lmgg" || seen == "tjgg" || seen == "fmgg")
      refuse("is in an older format (GGML); a GGUF file is needed");
    if (seen.substr(0, 2) == "PK") refuse("is a zip archive or a PyTorch file; a GGUF file is needed");
    if (seen.substr(0, 1) == "<") refuse("is a web page, most likely a failed download; a GGUF file is needed");
    if (seen == "vers") refuse("is a Git LFS pointer, not the model itself; fetch it with 'git lfs pull'");
    refuse("is not a GGUF file");
  }

  void read(void* target, uint64_t bytes) {
    if (bytes > size_ - position_ || std::fread(target, 1, bytes, file_.get()) != bytes) {
      refuse("is truncated: its header ends at " + std::to_string(size_) + " bytes");
    }
    position_ += bytes;
  }

  void skip(uint64_t bytes) {
    if (bytes > size_ - position_) refuse("is truncated: its header ends at " + std::to_string(size_) + " bytes");
    position_ += bytes;
    seek(file_.get(), position_);
  }

  void stop_if_cancelled() const {
    if (cancelled_ && cancelled_->load(std::memory_order_relaxed))
      throw EngineError("CANCELLED", "Loading was cancelled.");
  }

  template <typename T>
  T number() {
    T value{};
    read(&value, sizeof value);
    return value;
  }

  std::string string() {
    const auto length = number<uint64_t>();
    if (length > max_string_bytes || length > size_ - position_)
      refuse("is corrupt: a text in its header is longer than the file");
    std::string text(length, '\0');
    read(text.data(), length);
    return text;
  }

  static uint64_t size_of(uint32_t type) {
    switch (type) {
      case GGUF_TYPE_UINT8:
      case GGUF_TYPE_INT8:
      case GGUF_TYPE_BOOL:
        return 1;
      case GGUF_TYPE_UINT16:
      case GGUF_TYPE_INT16:
        return 2;
      case GGUF_TYPE_UINT32:
      case GGUF_TYPE_INT32:
      case GGUF_TYPE_FLOAT32:
        return 4;
      case GGUF_TYPE_UINT64:
      case GGUF_TYPE_INT64:
      case GGUF_TYPE_FLOAT64:
        return 8;
      default:
        return 0;
    }
  }

  void read_value(const std::string& key, uint32_t type) {
    if (type == GGUF_TYPE_STRING) {
      std::string& text = header_.texts[key] = string();
      if (key.starts_with("tokenizer.chat_template") && text.size() > max_template_bytes) {
        refuse("has a chat template of " + std::to_string(text.size()) + " bytes; more than " +
               std::to_string(max_template_bytes) + " are not read");
      }
      return;
    }
    if (type == GGUF_TYPE_ARRAY) return read_array(key);
    const uint64_t bytes = size_of(type);
    if (bytes == 0) refuse("is corrupt: the key '" + printable(key) + "' has a type that does not exist");
    if (key == "general.alignment") {
      if (type != GGUF_TYPE_UINT32) refuse("is corrupt: its alignment is not a whole number");
      alignment_ = number<uint32_t>();
      if (alignment_ == 0 || (alignment_ & (alignment_ - 1)) != 0 || alignment_ > (1u << 20))
        refuse("is corrupt: its alignment is " + std::to_string(alignment_));
      return;
    }
    if (key == "split.count" && type == GGUF_TYPE_UINT16)
      files_ = number<uint16_t>();
    else if (type == GGUF_TYPE_UINT32 || type == GGUF_TYPE_INT32)
      header_.numbers[key] = number<uint32_t>();
    else if (type == GGUF_TYPE_FLOAT32)
      check_float(key, header_.floats[key] = number<float>());
    else
      skip(bytes);
  }

  // ggml asserts it on each of its threads, and what one of them throws nobody catches.
  void check_float(const std::string& key, float value) const {
    if (key.ends_with("epsilon") && (!(value >= 0) || !std::isfinite(value)))
      refuse("is corrupt: '" + printable(key) + "' is " + std::to_string(value));
  }

  void read_array(const std::string& key) {
    const auto type = number<uint32_t>();
    const auto count = number<uint64_t>();
    if (count > max_entries) refuse("is corrupt: the list '" + printable(key) + "' is too long");
    header_.lengths[key] = count;
    if (type == GGUF_TYPE_STRING) {
      const bool tokens = key == "tokenizer.ggml.tokens";
      if ((tokens || key == "tokenizer.ggml.merges") && count > VocabularyCheck::max_tokens)
        refuse("has " + std::to_string(count) + " entries in " + key + "; more than " +
               std::to_string(VocabularyCheck::max_tokens) + " are not read");
      for (uint64_t i = 0; i < count; ++i) {
        if (i % 1024 == 0) stop_if_cancelled();
        const std::string text = string();
        if (!tokens) continue;
        if (const std::string wrong = vocabulary_.add(text); !wrong.empty()) refuse(wrong);
      }
      return;
    }
    const uint64_t bytes = size_of(type);
    if (bytes == 0) refuse("is corrupt: the list '" + printable(key) + "' has a type that does not exist");
    if (key == "tokenizer.ggml.token_type" && (type == GGUF_TYPE_INT32 || type == GGUF_TYPE_UINT32)) {
      for (uint64_t i = 0; i < count; ++i) vocabulary_.add_type(number<int32_t>());
      return;
    }
    skip(bytes * count);
  }

  // Collects them in `all`, if given.
  void read_tensors(uint64_t count, std::vector<GgufTensor>* all) {
    if (count == 0 && files_ == 0) refuse("holds no weights");
    uint64_t end = 0;
    std::unordered_set<std::string> names;
    for (uint64_t i = 0; i < count; ++i) {
      stop_if_cancelled();
      const std::string name = string();
      const std::string where = "the tensor '" + printable(name) + "'";
      if (name.empty() || name.size() >= GGML_MAX_NAME)
        refuse("is corrupt: a tensor has a name of " + std::to_string(name.size()) + " bytes");
      if (!names.insert(name).second) refuse("is corrupt: " + where + " appears twice");
      const auto dimensions = number<uint32_t>();
      if (dimensions == 0 || dimensions > GGML_MAX_DIMS)
        refuse("is corrupt: " + where + " has " + std::to_string(dimensions) + " dimensions");
      std::array<uint64_t, GGML_MAX_DIMS> shape{1, 1, 1, 1};
      uint64_t elements = 1;
      for (uint32_t d = 0; d < dimensions; ++d) {
        shape[d] = number<uint64_t>();
        if (shape[d] == 0 || shape[d] > (1ull << 40) / elements)
          refuse("is corrupt: " + where + " has an impossible shape");
        elements *= shape[d];
      }
      const auto type = number<uint32_t>();
      const auto offset = number<uint64_t>();
      if (type >= GGML_TYPE_COUNT || ggml_blck_size(static_cast<ggml_type>(type)) == 0) {
        refuse("has weights of type " + std::to_string(type) + ", which this version of llama.cpp does not know");
      }
      if (!can_compute(name, static_cast<ggml_type>(type)))
        refuse("cannot be computed: " + where + " is stored as " + ggml_type_name(static_cast<ggml_type>(type)));
      const auto block = static_cast<uint64_t>(ggml_blck_size(static_cast<ggml_type>(type)));
      if (shape[0] % block != 0) refuse("is corrupt: " + where + " does not fit its type");
      const uint64_t bytes = elements / block * ggml_type_size(static_cast<ggml_type>(type));
      if (offset > size_ || offset % alignment_ != 0) refuse("is corrupt: " + where + " lies outside the file");
      end = std::max(end, offset + bytes);
      if (!all) continue;
      GgufTensor& tensor = all->emplace_back(name, std::array<int64_t, GGML_MAX_DIMS>{}, static_cast<ggml_type>(type));
      std::copy(shape.begin(), shape.end(), tensor.shape.begin());
    }
    const uint64_t data = (position_ + alignment_ - 1) / alignment_ * alignment_;
    if (data + end > size_)
      refuse("is truncated: " + std::to_string(data + end - size_) + " bytes are missing at its end");
  }

  static std::string printable(const std::string& text) {
    std::string shown;
    for (const char c : text.substr(0, 80)) shown.push_back(c >= 32 && c < 127 ? c : '?');
    return shown;
  }

  const std::string& path_;
  uint64_t size_;
  const std::atomic<bool>* cancelled_;
  uint64_t position_ = 0;
  uint32_t alignment_ = 32;
  uint32_t files_ = 0;
  std::unordered_set<std::string> keys_;
  GgufHeader header_;
  VocabularyCheck vocabulary_;
  File file_;
};

// Throws where there is none.
uint64_t size_of_file(const std::string& name) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path path = to_path(name);
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) throw EngineError("MODEL_NOT_FOUND", "There is no file " + name + ".");
  if (fs::is_directory(status)) throw EngineError("MODEL_INVALID", name + " is a folder; name the .gguf file in it.");
  if (!fs::is_regular_file(status)) throw EngineError("MODEL_INVALID", name + " is not a file.");
  const uint64_t size = fs::file_size(path, error);
  if (error) throw EngineError("MODEL_INVALID", name + " cannot be read: " + error.message() + ".");
  return size;
}

}  // namespace

void check_gguf(const std::string& path, const std::atomic<bool>* cancelled) {
  const uint32_t files = Header(path, size_of_file(path), cancelled).check(true);
  if (files < 2) return;
  // The further files of a split model, by the names under which llama.cpp opens them.
  std::string prefix(path.size() + 1, '\0');
  prefix.resize(static_cast<size_t>(
      llama_split_prefix(prefix.data(), prefix.size(), path.c_str(), 0, static_cast<int32_t>(files))));
  if (prefix.empty())
    throw EngineError("MODEL_INVALID",
                      path + " is one of " + std::to_string(files) + " files, and is not named as the first of them.");
  for (uint32_t file = 1; file < files; ++file) {
    std::string part(prefix.size() + 32, '\0');
    part.resize(static_cast<size_t>(llama_split_path(part.data(), part.size(), prefix.c_str(),
                                                     static_cast<int32_t>(file), static_cast<int32_t>(files))));
    Header(part, size_of_file(part), cancelled).check(false);
  }
}

GgufContent read_gguf_content(const std::string& path, const std::atomic<bool>* cancelled) {
  return Header(path, size_of_file(path), cancelled).read_content();
}

}  // namespace caduceus
