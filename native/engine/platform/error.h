// The one error type of the engine. Codes are those of the TypeScript layer (src/errors.ts).
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace caduceus {

class EngineError : public std::runtime_error {
 public:
  // `param` is the option that the error is about, if there is one.
  EngineError(std::string code, const std::string& message, std::string param = {})
      : std::runtime_error(message), code_(std::move(code)), param_(std::move(param)) {}

  // A wrong argument; `received` describes the value.
  static EngineError argument(const std::string& param, std::string expected, std::string received) {
    EngineError error("INVALID_ARGUMENT",
                      "Invalid value for " + param + ": " + received + ". Expected " + expected + ".", param);
    error.expected_ = std::move(expected);
    error.received_ = std::move(received);
    return error;
  }

  // What is being handled: in a `catch (...)`.
  static EngineError current() {
    try {
      throw;
    } catch (const EngineError& error) {
      return error;
    } catch (const std::exception& error) {
      return EngineError("ENGINE_FAILED", error.what());
    } catch (...) {
      return EngineError("ENGINE_FAILED", "A native exception was thrown.");
    }
  }

  const std::string& code() const { return code_; }
  // Empty if the error concerns no option; else `expected` and `received` are parts of the message.
  const std::string& param() const { return param_; }
  const std::string& expected() const { return expected_; }
  const std::string& received() const { return received_; }

 private:
  std::string code_;
  std::string param_;
  std::string expected_;
  std::string received_;
};

}  // namespace caduceus
