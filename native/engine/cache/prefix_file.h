// The file format of one kept prefix: how it is read and written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cache/kv_memory.h"
#include "scheduler/request.h"

namespace caduceus {

// A hash that tells contents apart and shows damage. It does not protect against deliberate tampering.
uint64_t hash_bytes(std::span<const uint8_t> bytes, uint64_t seed);

// Hash of a model's file, from its size and samples over its whole length: reading gigabytes would take longer than a
// prefix saves. 0 when it cannot be read.
uint64_t hash_model(const std::filesystem::path& model, const std::string& settings);

struct PrefixHeader {
  uint64_t identity = 0;  // hash_model
  std::string scope;
  std::vector<Token> tokens;
  uint64_t checksum = 0;  // of scope, tokens and state
  uint64_t state_at = 0;  // where in the file the state begins
  uint64_t state_size = 0;
};

// Writes a file that only its owner can read. False when that failed; no file is left then.
bool write_prefix_file(const std::filesystem::path& file, uint64_t identity, const std::string& scope,
                       std::span<const Token> tokens, std::span<const uint8_t> state);

// The header; nullopt when the file is not a prefix file or its length differs from what its header says.
std::optional<PrefixHeader> read_prefix_header(const std::filesystem::path& file);

// The state; empty when its checksum does not match.
SavedState read_prefix_state(const std::filesystem::path& file, const PrefixHeader& header);

}  // namespace caduceus
