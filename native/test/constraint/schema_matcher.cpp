// What constraints take, and what they write. Standard input has tasks, each "<bytes of the schema> <number of texts>
// <number to write> <seed>\n", the schema or a grammar in Lark, then for each text "<bytes>\n" and the text. Each is
// answered by a line: "accepts " and 0 or 1 for each text, or "refused " and why it does not compile. A line for each
// written text follows: "wrote " and the text, "open " and the text where it came to no end, "complex " and the text
// after which a limit of the engine was reached, "stuck " and the text after which nothing could come.
#include <algorithm>
#include <iostream>
#include <memory>
#include <random>
#include <utility>

#include "check.h"
#include "constraint/constraint.h"
#include "model/model.h"
#include "platform/error.h"
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

// Writes with random tokens among those that may come: short ones, and what is rare in texts and common in faults, more
// often.
class Writer {
 public:
  explicit Writer(const Tokenizer& tokenizer) {
    for (Token token = 0; tokenizer.is_token(token); ++token) {
      const std::string piece = tokenizer.is_end_of_generation(token) ? std::string() : tokenizer.piece(token);
      pieces_.push_back(piece);
      if (piece.empty()) continue;
      all_.push_back(token);
      if (piece.size() == 1) single_.push_back(token);
      if (piece.find_first_of("eE.-+09%:/@#\\~") != std::string::npos || static_cast<unsigned char>(piece[0]) >= 0x80)
        odd_.push_back(token);
    }
    mask_.resize((pieces_.size() + 31) / 32);
  }

  std::pair<const char*, std::string> write(std::shared_ptr<const Grammar> grammar, std::mt19937& random) {
    Matcher matcher(std::move(grammar));
    // Some texts run on in one character, such as a number of hundreds of digits.
    const bool is_obsessed = random() % 8 == 0;
    const char favorite = "0019.e-:/%@~#"[random() % 13];
    const size_t most_steps = is_obsessed ? 400 : 2 + random() % 50;
    std::string text;
    try {
      for (size_t step = 0; step < most_steps + 100; ++step) {
        const bool is_late = step > most_steps;
        if (matcher.stopped() || (matcher.accepts() && (is_late || random() % 8 == 0))) return {"wrote", text};
        matcher.mask(mask_);
        Token token = is_late                             ? first_of(is_inside_string(text) ? "\"" : "}],")
                      : is_obsessed && random() % 16 != 0 ? first_of(std::string_view(&favorite, 1))
                                                          : -1;
        if (token < 0) token = any(random);
        if (token < 0) return {matcher.accepts() ? "wrote" : "stuck", text};
        if (!matcher.take(token)) return {"stuck", text + " (a token of the mask is not taken)"};
        text += pieces_[static_cast<size_t>(token)];
      }
    } catch (const EngineError& error) {
      return {error.code() == "CONSTRAINT_TOO_COMPLEX" ? "complex" : "stuck", text};
    }
    return {"open", text};
  }

 private:
  static bool is_inside_string(std::string_view text) {
    bool is_inside = false;
    for (size_t at = 0; at < text.size(); ++at) {
      if (text[at] == '"') is_inside = !is_inside;
      if (text[at] == '\\') ++at;
    }
    return is_inside;
  }

  Token first_of(std::string_view characters) const {
    for (const char character : characters) {
      for (const Token token : single_) {
        if (pieces_[static_cast<size_t>(token)][0] == character && allows(mask_, token)) return token;
      }
    }
    return -1;
  }

  Token any(std::mt19937& random) const {
    const auto& from = random() % 4 == 0 ? odd_ : random() % 2 == 0 ? single_ : all_;
    for (int attempt = 0; attempt < 24; ++attempt) {
      if (const Token token = from[random() % from.size()]; allows(mask_, token)) return token;
    }
    std::vector<Token> allowed;
    std::ranges::copy_if(all_, std::back_inserter(allowed), [&](Token token) { return allows(mask_, token); });
    return allowed.empty() ? -1 : allowed[random() % allowed.size()];
  }

  std::vector<std::string> pieces_;
  std::vector<Token> all_, single_, odd_;
  TokenMask mask_;
};

}  // namespace

int main() {
  const auto model = load_test_model("CADUCEUS_TEST_HERMES_MODEL");
  const Tokenizer tokenizer(model->vocab());
  const auto vocabulary = std::make_shared<ConstraintVocabulary>(tokenizer);
  Writer writer(tokenizer);
  size_t bytes = 0;
  size_t count = 0;
  size_t to_write = 0;
  uint32_t seed = 0;
  while (std::cin >> bytes >> count >> to_write >> seed) {
    std::cin.get();
    const std::string schema = read(bytes);
    std::shared_ptr<const Grammar> grammar;
    std::string line = "accepts ";
    try {
      const auto kind = schema.starts_with("start:") ? ConstraintSpec::Kind::lark : ConstraintSpec::Kind::json;
      grammar = std::make_shared<Grammar>(vocabulary, kind, schema);
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
    std::mt19937 random(seed);
    for (; grammar && to_write > 0; --to_write) {
      const auto [how, text] = writer.write(grammar, random);
      std::cout << how << ' ' << text << '\n';
    }
  }
}
