// Loads the models that the tests use, which environment variables name.
#pragma once

#include <memory>

#include "check.h"
#include "model/model.h"

// By the environment variable that holds its path.
inline std::shared_ptr<caduceus::Model> load_test_model(const char* variable) {
  caduceus::ModelOptions options;
  options.path = test_model(variable);
  return caduceus::Model::load(options);
}
