// Files and their names. Names are UTF-8 wherever they are strings, and become paths only here: a path that is made of
// a plain string on Windows reads it in the system's own encoding.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

namespace caduceus {

std::filesystem::path to_path(const std::string& name);
std::string to_name(const std::filesystem::path& path);

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

// For reading. Null for what is no file: opening a pipe would wait for a writer for ever.
File open_regular(const std::filesystem::path& path);
// For writing, for this user alone. Null where there is one already.
File open_new(const std::filesystem::path& path);
bool seek(std::FILE* file, uint64_t at);

}  // namespace caduceus
