#include "platform/files.h"

#if !defined(_WIN32)
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace caduceus {

std::filesystem::path to_path(const std::string& name) { return std::u8string(name.begin(), name.end()); }

std::string to_name(const std::filesystem::path& path) {
  const std::u8string name = path.u8string();
  return {name.begin(), name.end()};
}

#if defined(_WIN32)
File open_regular(const std::filesystem::path& path) {
  std::error_code failed;
  return File(std::filesystem::is_regular_file(path, failed) ? _wfopen(path.c_str(), L"rb") : nullptr);
}

File open_new(const std::filesystem::path& path) { return File(_wfopen(path.c_str(), L"wbx")); }

bool seek(std::FILE* file, uint64_t at) { return _fseeki64(file, static_cast<int64_t>(at), SEEK_SET) == 0; }
#else
File open_regular(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return nullptr;
  struct stat about{};
  std::FILE* file = ::fstat(descriptor, &about) == 0 && S_ISREG(about.st_mode) ? ::fdopen(descriptor, "rb") : nullptr;
  if (!file) ::close(descriptor);
  return File(file);
}

File open_new(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  return File(descriptor < 0 ? nullptr : ::fdopen(descriptor, "wb"));
}

bool seek(std::FILE* file, uint64_t at) { return ::fseeko(file, static_cast<off_t>(at), SEEK_SET) == 0; }
#endif

}  // namespace caduceus
