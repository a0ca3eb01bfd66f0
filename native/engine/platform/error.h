// The one error type of the engine. Codes are those of the TypeScript layer (src/errors.ts).
#pragma once

#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace caduceus {

// What helps where a KV cache or a computation needs more memory than there is.
inline constexpr const char* smaller_cache = "Lower cacheTokens or contextSize, or use kvType \"q8_0\".";

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

  // Memory that this machine or a GPU has not; `remedy` is a sentence.
  static EngineError out_of_memory(const std::string& problem, std::string remedy = {}) {
    EngineError error("OUT_OF_MEMORY", problem);
    error.remedy_ = std::move(remedy);
    return error;
  }

  // What is being handled: in a `catch (...)`.
  static EngineError current() {
    try {
      throw;
    } catch (const EngineError& error) {
      return error;
    } catch (const std::bad_alloc&) {
      return out_of_memory("There is not enough memory.");
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
  // What to do, as a sentence that is no part of `what`; empty if nothing can be said.
  const std::string& remedy() const { return remedy_; }

 private:
  std::string code_;
  std::string param_;
  std::string expected_;
  std::string received_;
  std::string remedy_;
};

}  // namespace caduceus
