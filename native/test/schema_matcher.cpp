// For `npm run test:schemas`: whether constraints take texts whole, in the tokens the model would write. Standard input has
// tasks, each "<bytes of the schema> <number of texts>\n", the schema, then for each text "<bytes>\n" and the text. Each is answered
// by a line: "accepts " and 0 or 1 for each text, or "refused " and why it does not compile.
#include <iostream>
#include <memory>

#include "check.h"
#include "constraint.h"
#include "error.h"
#include "model.h"
#include "test_model.h"

using namespace caduceus;

namespace {

std::string read(size_t bytes) {
  std::string text(bytes, '\0');
  if (!std::cin.read(text.data(), static_cast<std::streamsize>(bytes))) throw std::runtime_error("a task is cut off");
  return text;
}

bool takes(std::shared_ptr<const Grammar> grammar, const Tokenizer& tokenizer, const std::string& text) {
  try {
    Matcher matcher(std::move(grammar));
    for (const Token token : tokenizer.tokenize_inside(text)) {
      if (!matcher.take(token)) return false;
    }
    return matcher.accepts();
  } catch (const EngineError&) {
    return false;  // nothing can come next
  }
}

}  // namespace

int main() {
  const auto model = load_test_model("CADUCEUS_TEST_HERMES_MODEL");
  const Tokenizer tokenizer(model->vocab());
  const auto vocabulary = std::make_shared<ConstraintVocabulary>(tokenizer);
  size_t bytes = 0;
  size_t count = 0;
  while (std::cin >> bytes >> count) {
    std::cin.get();
    const std::string schema = read(bytes);
    std::shared_ptr<const Grammar> grammar;
    std::string line = "accepts ";
    try {
      grammar = std::make_shared<Grammar>(vocabulary, ConstraintSpec::Kind::json, schema);
    } catch (const EngineError& error) {
      line = std::string("refused ") + error.what();
    }
    for (; count > 0; --count) {
      std::cin >> bytes;
      std::cin.get();
      const std::string text = read(bytes);
      if (grammar) line += takes(grammar, tokenizer, text) ? '1' : '0';
    }
    std::cout << line << '\n';
  }
}
