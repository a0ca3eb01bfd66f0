// The one error type of the engine. Codes are those of the TypeScript layer (src/errors.ts).
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace caduceus {

class EngineError : public std::runtime_error {
 public:
  EngineError(std::string code, const std::string& message)
      : std::runtime_error(message), code_(std::move(code)) {}

  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

}  // namespace caduceus
