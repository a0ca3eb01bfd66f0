// A vocabulary with grammars over it, for tests of constraints.
#pragma once

#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "check.h"
#include "constraint/constraint.h"
#include "model/model.h"
#include "platform/error.h"
#include "test_model.h"

namespace caduceus {

using Kind = ConstraintSpec::Kind;

inline constexpr const char* spacing =
    R"("x-guidance": {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": false})";

inline std::string schema(const std::string& body) { return "{" + body + ", " + spacing + "}"; }

struct Vocabulary {
  explicit Vocabulary(const char* variable)
      : model(load_test_model(variable)),
        tokenizer(model->vocab()),
        tokens(std::make_shared<ConstraintVocabulary>(tokenizer)) {}
  Matcher matcher(Kind kind, const std::string& text) const {
    return Matcher(std::make_shared<Grammar>(tokens, kind, text));
  }
  std::string text(std::span<const Token> all) const { return tokenizer.detokenize(all, false); }

  std::shared_ptr<Model> model;
  Tokenizer tokenizer;
  std::shared_ptr<ConstraintVocabulary> tokens;
};

inline std::string code_of(const std::function<void()>& body) {
  try {
    body();
    return "";
  } catch (const EngineError& error) {
    return error.code();
  }
}

inline std::string message_of(const std::function<void()>& body) {
  try {
    body();
    return "";
  } catch (const EngineError& error) {
    return error.code() + ": " + error.what();
  }
}

// Each group of tests on each of the vocabularies.
template <typename... Groups>
void on_each_vocabulary(Groups... groups) {
  for (const char* variable : {"CADUCEUS_TEST_SMOLLM2", "CADUCEUS_TEST_HERMES_MODEL"}) {
    std::fprintf(stderr, "%s\n", variable);
    const Vocabulary vocabulary(variable);
    (groups(vocabulary), ...);
  }
}

}  // namespace caduceus
