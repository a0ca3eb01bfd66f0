#include "cache/prefix_file.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "platform/files.h"

namespace caduceus {
namespace {

constexpr char magic[8] = {'C', 'A', 'D', 'U', 'P', 'F', 'X', '1'};

constexpr uint32_t max_prefix_tokens = 1 << 26;
constexpr uint32_t max_scope_bytes = 1 << 26;

// Header of a file; scope, tokens and state follow without gaps. Numbers are in the machine's byte order, as they are
// in the state.
struct Fixed {
  char magic[8];
  uint64_t identity;
  uint64_t checksum;
  uint64_t state_size;
  uint32_t token_count;
  uint32_t scope_size;
};
static_assert(sizeof(Fixed) == 40);

bool read(std::FILE* file, void* target, size_t bytes) {
  return bytes == 0 || std::fread(target, 1, bytes, file) == bytes;
}

template <typename T>
std::span<const uint8_t> as_bytes(std::span<const T> values) {
  return {reinterpret_cast<const uint8_t*>(values.data()), values.size_bytes()};
}

uint64_t checksum_of(const std::string& scope, std::span<const Token> tokens, std::span<const uint8_t> state) {
  const uint64_t begin = hash_bytes(as_bytes(std::span<const char>(scope)), 1);
  return hash_bytes(state, hash_bytes(as_bytes(tokens), begin));
}

}  // namespace

// FNV-1a by words with the high half folded in; each step is one-to-one, so that a single change always shows.
uint64_t hash_bytes(std::span<const uint8_t> bytes, uint64_t seed) {
  constexpr uint64_t prime = 0x9E3779B97F4A7C15;
  uint64_t hash = (seed ^ bytes.size()) * prime;
  size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + at, 8);
    hash = (hash ^ word) * prime;
    hash ^= hash >> 32;
  }
  uint64_t rest = 0;
  if (at < bytes.size()) std::memcpy(&rest, bytes.data() + at, bytes.size() - at);
  hash = (hash ^ rest) * prime;
  return hash ^ (hash >> 29);
}

uint64_t hash_model(const std::filesystem::path& model, const std::string& settings) {
  std::error_code failed;
  const uint64_t size = std::filesystem::file_size(model, failed);
  const File file = open_regular(model);
  if (failed || !file) return 0;
  bool whole = true;
  uint64_t hash = hash_bytes(as_bytes(std::span<const char>(settings)), size);
  const auto add = [&](uint64_t at, size_t count) {
    std::vector<char> bytes(static_cast<size_t>(std::min<uint64_t>(count, size - at)));
    whole = whole && seek(file.get(), at) && read(file.get(), bytes.data(), bytes.size());
    hash = hash_bytes(as_bytes(std::span<const char>(bytes)), hash);
  };
  // The first block, which mostly holds all metadata, then 256 samples of the tensors.
  add(0, 1 << 20);
  for (uint64_t i = 1; i <= 256; ++i) add(size / 257 * i, 4096);
  return whole ? std::max<uint64_t>(hash, 1) : 0;
}

bool write_prefix_file(const std::filesystem::path& path, uint64_t identity, const std::string& scope,
                       std::span<const Token> tokens, std::span<const uint8_t> state) {
  Fixed fixed{};
  std::memcpy(fixed.magic, magic, sizeof magic);
  fixed.identity = identity;
  fixed.checksum = checksum_of(scope, tokens, state);
  fixed.state_size = state.size();
  fixed.token_count = static_cast<uint32_t>(tokens.size());
  fixed.scope_size = static_cast<uint32_t>(scope.size());
  File file = open_new(path);
  if (!file) return false;
  const auto put = [&](std::span<const uint8_t> bytes) {
    return std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size();
  };
  const bool written = put(as_bytes(std::span<const Fixed>(&fixed, 1))) &&
                       put(as_bytes(std::span<const char>(scope))) && put(as_bytes(tokens)) && put(state) &&
                       std::fflush(file.get()) == 0;
  file.reset();
  if (written) return true;
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  return false;
}

std::optional<PrefixHeader> read_prefix_header(const std::filesystem::path& path) {
  std::error_code failed;
  const uint64_t size = std::filesystem::file_size(path, failed);
  const File file = open_regular(path);
  Fixed fixed;
  if (failed || !file || !read(file.get(), &fixed, sizeof fixed) || std::memcmp(fixed.magic, magic, sizeof magic) != 0)
    return std::nullopt;
  // Longer than any context.
  if (fixed.token_count > max_prefix_tokens || fixed.scope_size > max_scope_bytes) return std::nullopt;
  const uint64_t before_state = sizeof fixed + uint64_t{fixed.scope_size} + uint64_t{fixed.token_count} * sizeof(Token);
  // Checked before memory of that size is allocated.
  if (before_state > size || size - before_state != fixed.state_size) return std::nullopt;
  PrefixHeader header;
  header.identity = fixed.identity;
  header.checksum = fixed.checksum;
  header.state_at = before_state;
  header.state_size = fixed.state_size;
  header.scope.resize(fixed.scope_size);
  header.tokens.resize(fixed.token_count);
  if (!read(file.get(), header.scope.data(), header.scope.size()) ||
      !read(file.get(), header.tokens.data(), header.tokens.size() * sizeof(Token)))
    return std::nullopt;
  return header;
}

SavedState read_prefix_state(const std::filesystem::path& path, const PrefixHeader& header) {
  SavedState state{std::make_unique_for_overwrite<uint8_t[]>(header.state_size),
                   static_cast<size_t>(header.state_size)};
  const File file = open_regular(path);
  if (!file || !seek(file.get(), header.state_at) || !read(file.get(), state.data.get(), state.size) ||
      checksum_of(header.scope, header.tokens, state.bytes()) != header.checksum)
    return {};
  return state;
}

}  // namespace caduceus
