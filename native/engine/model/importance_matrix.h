// Importance matrices: how strongly each input of a weight is used, as llama.cpp's llama-imatrix measures and writes
// it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace caduceus {

struct ImportanceMatrix {
  // The mean square of each input, by the name of the weight; of experts one after the other.
  std::map<std::string, std::vector<float>> values;
  std::string dataset;  // the first that the file names
  uint32_t chunks = 0;
};

// Throws MODEL_NOT_FOUND, or MODEL_INVALID for what is no file of llama-imatrix.
ImportanceMatrix read_importance_matrix(const std::string& path);

}  // namespace caduceus
