#include "gguf_check.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "error.h"
#include "gguf_shape.h"
#include "ggml.h"
#include "gguf.h"

namespace caduceus {
namespace {

// A vocabulary of a million tokens and a template of a few hundred kilobytes fit; what is larger is not a header.
constexpr uint64_t max_string_bytes = 64ull << 20;
constexpr uint64_t max_entries = 1ull << 24;

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

class Header {
 public:
  Header(const std::string& path, uint64_t size) : path_(path), size_(size), file_(std::fopen(path.c_str(), "rb")) {
    if (!file_) throw EngineError("MODEL_NOT_FOUND", path + " cannot be opened: " + std::strerror(errno) + ".");
  }

  [[noreturn]] void refuse(const std::string& what) const { throw EngineError("MODEL_INVALID", path_ + " " + what + "."); }

  void check() {
    check_magic();
    const auto version = number<uint32_t>();
    if (version < 2 || version > 3) refuse("is GGUF version " + std::to_string(version) + "; versions 2 and 3 can be read");
    const auto tensors = number<uint64_t>();
    const auto pairs = number<uint64_t>();
    if (tensors > max_entries || pairs > max_entries) refuse("is corrupt: its header counts more entries than any model has");
    std::unordered_set<std::string> keys;
    for (uint64_t i = 0; i < pairs; ++i) {
      const std::string key = string();
      if (!keys.insert(key).second) refuse("is corrupt: the key '" + printable(key) + "' appears twice");
      read_value(key, number<uint32_t>());
    }
    if (!keys.contains("general.architecture")) refuse("is not a model: it names no architecture");
    if (!keys.contains("tokenizer.ggml.model")) refuse("has no vocabulary");
    read_tensors(tensors);
    if (const std::string wrong = wrong_shape(header_); !wrong.empty()) refuse(wrong);
  }

 private:
  void check_magic() {
    std::array<char, 4> magic{};
    if (size_ < magic.size()) refuse(size_ == 0 ? "is an empty file" : "is no GGUF file: it has only " + std::to_string(size_) + " bytes");
    read(magic.data(), magic.size());
    const std::string_view seen(magic.data(), magic.size());
    if (seen == "GGUF") return;
    if (seen == "FUGG") refuse("is a GGUF file of a big-endian machine, which cannot be read here");
    if (seen == "lmgg" || seen == "tjgg" || seen == "fmgg") refuse("is in an older format (GGML); a GGUF file is needed");
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
#ifdef _WIN32
    _fseeki64(file_.get(), static_cast<int64_t>(position_), SEEK_SET);
#else
    fseeko(file_.get(), static_cast<off_t>(position_), SEEK_SET);
#endif
  }

  template <typename T>
  T number() {
    T value{};
    read(&value, sizeof value);
    return value;
  }

  std::string string() {
    const auto length = number<uint64_t>();
    if (length > max_string_bytes || length > size_ - position_) refuse("is corrupt: a text in its header is longer than the file");
    std::string text(length, '\0');
    read(text.data(), length);
    return text;
  }

  static uint64_t size_of(uint32_t type) {
    switch (type) {
      case GGUF_TYPE_UINT8: case GGUF_TYPE_INT8: case GGUF_TYPE_BOOL: return 1;
      case GGUF_TYPE_UINT16: case GGUF_TYPE_INT16: return 2;
      case GGUF_TYPE_UINT32: case GGUF_TYPE_INT32: case GGUF_TYPE_FLOAT32: return 4;
      case GGUF_TYPE_UINT64: case GGUF_TYPE_INT64: case GGUF_TYPE_FLOAT64: return 8;
      default: return 0;
    }
  }

  void read_value(const std::string& key, uint32_t type) {
    if (type == GGUF_TYPE_STRING) {
      header_.texts[key] = string();
      return;
    }
    if (type == GGUF_TYPE_ARRAY) return read_array(key);
    const uint64_t bytes = size_of(type);
    if (bytes == 0) refuse("is corrupt: the key '" + printable(key) + "' has a type that does not exist");
    if (key == "general.alignment") {
      if (type != GGUF_TYPE_UINT32) refuse("is corrupt: its alignment is not a whole number");
      alignment_ = number<uint32_t>();
      if (alignment_ == 0 || (alignment_ & (alignment_ - 1)) != 0 || alignment_ > (1u << 20)) refuse("is corrupt: its alignment is " + std::to_string(alignment_));
      return;
    }
    if (type == GGUF_TYPE_UINT32 || type == GGUF_TYPE_INT32) header_.numbers[key] = number<uint32_t>();
    else skip(bytes);
  }

  void read_array(const std::string& key) {
    const auto type = number<uint32_t>();
    const auto count = number<uint64_t>();
    if (count > max_entries) refuse("is corrupt: the list '" + printable(key) + "' is too long");
    header_.lengths[key] = count;
    if (type == GGUF_TYPE_STRING) {
      // llama.cpp maps texts to ids and asserts that there are as many of one as of the other.
      const bool unique = key == "tokenizer.ggml.tokens";
      std::unordered_set<std::string> seen;
      if (unique) seen.reserve(count);
      for (uint64_t i = 0; i < count; ++i) {
        std::string text = string();
        if (unique && text == "<0x0A>") header_.has_newline_byte = true;
        if (unique && !seen.insert(std::move(text)).second) refuse("is corrupt: token " + std::to_string(i) + " of its vocabulary has the same text as an earlier one");
      }
      return;
    }
    const uint64_t bytes = size_of(type);
    if (bytes == 0) refuse("is corrupt: the list '" + printable(key) + "' has a type that does not exist");
    skip(bytes * count);
  }

  void read_tensors(uint64_t count) {
    if (count == 0) refuse("holds no weights");
    uint64_t end = 0;
    std::unordered_set<std::string> names;
    for (uint64_t i = 0; i < count; ++i) {
      const std::string name = string();
      const std::string where = "the tensor '" + printable(name) + "'";
      if (name.empty() || name.size() >= GGML_MAX_NAME) refuse("is corrupt: a tensor has a name of " + std::to_string(name.size()) + " bytes");
      if (!names.insert(name).second) refuse("is corrupt: " + where + " appears twice");
      const auto dimensions = number<uint32_t>();
      if (dimensions == 0 || dimensions > GGML_MAX_DIMS) refuse("is corrupt: " + where + " has " + std::to_string(dimensions) + " dimensions");
      std::array<uint64_t, GGML_MAX_DIMS> shape{1, 1, 1, 1};
      uint64_t elements = 1;
      for (uint32_t d = 0; d < dimensions; ++d) {
        shape[d] = number<uint64_t>();
        if (shape[d] == 0 || shape[d] > (1ull << 40) / elements) refuse("is corrupt: " + where + " has an impossible shape");
        elements *= shape[d];
      }
      const auto type = number<uint32_t>();
      const auto offset = number<uint64_t>();
      if (type >= GGML_TYPE_COUNT || ggml_blck_size(static_cast<ggml_type>(type)) == 0) {
        refuse("has weights of type " + std::to_string(type) + ", which this version of llama.cpp does not know");
      }
      const auto block = static_cast<uint64_t>(ggml_blck_size(static_cast<ggml_type>(type)));
      if (shape[0] % block != 0) refuse("is corrupt: " + where + " does not fit its type");
      const uint64_t bytes = elements / block * ggml_type_size(static_cast<ggml_type>(type));
      if (offset > size_ || offset % alignment_ != 0) refuse("is corrupt: " + where + " lies outside the file");
      end = std::max(end, offset + bytes);
    }
    const uint64_t data = (position_ + alignment_ - 1) / alignment_ * alignment_;
    if (data + end > size_) refuse("is truncated: " + std::to_string(data + end - size_) + " bytes are missing at its end");
  }

  static std::string printable(const std::string& text) {
    std::string shown;
    for (const char c : text.substr(0, 80)) shown.push_back(c >= 32 && c < 127 ? c : '?');
    return shown;
  }

  const std::string& path_;
  uint64_t size_;
  uint64_t position_ = 0;
  uint32_t alignment_ = 32;
  GgufHeader header_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace

void check_gguf(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) throw EngineError("MODEL_NOT_FOUND", "There is no file " + path + ".");
  if (fs::is_directory(status)) throw EngineError("MODEL_INVALID", path + " is a folder; name the .gguf file in it.");
  if (!fs::is_regular_file(status)) throw EngineError("MODEL_INVALID", path + " is not a file.");
  const uint64_t size = fs::file_size(path, error);
  if (error) throw EngineError("MODEL_INVALID", path + " cannot be read: " + error.message() + ".");
  Header(path, size).check();
}

}  // namespace caduceus
