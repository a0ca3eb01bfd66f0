// llguidance says by sentences alone that one of its limits was reached. All of them, and an assertion that is one, are
// reached here; test/unit/constraint/limit_sentences.test.ts looks for all of them in its source.
#include <chrono>

#include "constraint_harness.h"

using namespace caduceus;

namespace {

std::string repeated(int times, const std::string& text) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

std::string listed(int count, const std::string& before, const std::string& after, const std::string& separator) {
  std::string all;
  for (int i = 0; i < count; ++i) all += (i ? separator : "") + before + std::to_string(i) + after;
  return all;
}

// 2^20 clauses when it is multiplied out.
std::string condition() {
  std::string all = "true";
  for (int bit = 0; bit < 20; ++bit) {
    const std::string one = "[" + std::to_string(bit) + ":" + std::to_string(bit + 1) + "]";
    all = "and(or(eq(" + one + ", 0), eq(" + one + ", 1)), " + all + ")";
  }
  return all;
}

// Words that may begin with any letters, so that a text can be inside of many of them.
std::string overlapping_words() {
  std::string all;
  for (int i = 0; i < 500; ++i)
    all += (i ? "|[a-z]*" : "[a-z]*") + std::string(1, static_cast<char>('a' + i % 26)) + "[a-z]{" + std::to_string(i) +
           "}";
  return all;
}

}  // namespace

int main() {
  const Vocabulary vocabulary("CADUCEUS_TEST_HERMES_MODEL");
  const struct {
    const char* words;
    Kind kind;
    std::string text;
  } limits[] = {
      {"recursion limit exceeded", Kind::json, repeated(200, "[") + "1" + repeated(200, "]")},
      {"lark grammar too deeply nested", Kind::lark, "start: " + repeated(300, "( ") + "1" + repeated(300, " )")},
      {"schema too large", Kind::json,
       schema(R"("type": "array", "prefixItems": [)" + listed(200'000, R"({"const": )", "}", ", ") + "]")},
      {"Schema intersection stack level exceeded", Kind::json,
       schema(R"("$defs": {"a": {"type": "object", "properties": {"n": {"$ref": "#/$defs/a"}}},
                 "b": {"type": "object", "properties": {"n": {"$ref": "#/$defs/b"}}}},
                 "allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}])")},
      {"Unable to determine if regex is empty: ", Kind::json,
       schema(R"("type": "string", "pattern": "^\\w+([.-]?\\w+)*@\\w+([.-]?\\w+)*(\\.\\w{2,})+$", "format": "email",
                 "minLength": 10000)")},
      {"grammar size (number of symbols) too big", Kind::lark,
       "start: " + listed(510'000, "r", "", " ") + "\n" + listed(510'000, "r", ": \"a\"", "\n")},
      {"initial lexer configuration (grammar) too big", Kind::lark,
       "start: /(" + listed(400'000, "w", "x", "|") + ")/"},
      {"grammar size (number of symbols) too big", Kind::lark,
       "start: " + listed(70'000, "r", "", " ") + "\n" + listed(70'000, "r", ": \"a\"", "\n")},
      {"DNF too large", Kind::lark, "start: a::0\na::_: \"\" %if " + condition()},
      {"can't determine if patternProperty regexes ", Kind::json,
       schema(R"("type": "object", "patternProperties": {"^(a{101})+b$": {"type": "string"},
                 "^(a{103})+c$": {"type": "number"}})")},
      {"fuel exhausted when checking relevance of lexemes", Kind::lark,
       "start: ALL\nALL: /(a{7})+c/ & /(a{11})+c/ & /(a{13})+c/ & /(a{17})+c/ & /(a{19})+c/"},
      {"lexer precomputation failed", Kind::lark, "start: /(" + overlapping_words() + ")/"},
  };
  CLAIM("a limit that is reached is too complex, and its sentence is told");
  bool all = true;
  for (const auto& limit : limits) {
    const auto before = std::chrono::steady_clock::now();
    const std::string said = message_of([&] { vocabulary.matcher(limit.kind, limit.text); });
    const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
    std::fprintf(stderr, "    %s (%.1f s): %.300s\n", limit.words, took, said.c_str());
    all = all && said.starts_with("CONSTRAINT_TOO_COMPLEX: ") && said.find(limit.words) != std::string::npos;
  }
  CHECK(all);
  return report();
}
