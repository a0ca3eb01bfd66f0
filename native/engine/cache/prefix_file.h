// The format of one kept prefix, and nothing else of the file system than reading and writing it.
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

// A hash to tell contents apart and to find damage; no protection against somebody who means harm.
uint64_t hash_bytes(std::span<const uint8_t> bytes, uint64_t seed);

// Of a model's file, from its size and samples of its whole length, since reading gigabytes would take longer than what
// a prefix saves. 0 when it cannot be read.
uint64_t hash_model(const std::filesystem::path& model, const std::string& settings);

struct PrefixHeader {
  uint64_t identity = 0;  // hash_model
  std::string scope;
  std::vector<Token> tokens;
  uint64_t checksum = 0;  // of scope, tokens and state
  uint64_t state_at = 0;  // where in the file the state begins
  uint64_t state_size = 0;
};

// Readable by its owner only; false when it could not be written, and then no such file is left.
bool write_prefix_file(const std::filesystem::path& file, uint64_t identity, const std::string& scope,
                       std::span<const Token> tokens, std::span<const uint8_t> state);

// Nothing when the file is none of ours or of another length than its header says.
std::optional<PrefixHeader> read_prefix_header(const std::filesystem::path& file);

// The state, when it is as it was written; else empty.
SavedState read_prefix_state(const std::filesystem::path& file, const PrefixHeader& header);

}  // namespace caduceus
