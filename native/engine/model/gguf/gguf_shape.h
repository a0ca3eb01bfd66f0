// Whether the numbers in a GGUF header can be those of a model: llama.cpp asserts most of this, and would abort.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace caduceus {

struct GgufHeader {
  std::map<std::string, std::string> texts;
  std::map<std::string, uint32_t> numbers;  // those of 32 bits
  std::map<std::string, float> floats;
  std::map<std::string, uint64_t> lengths;  // of arrays
};

// What is wrong, as the end of a sentence that begins with the file's name; empty when nothing is.
std::string wrong_shape(const GgufHeader& header);

}  // namespace caduceus
