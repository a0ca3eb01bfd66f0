// Grammars and the matchers that follow them, on the vocabularies of Mistral and SmolLM2.
#include "constraint/constraint.h"

#include "constraint_harness.h"

using namespace caduceus;

namespace {

// Whether the text, in the tokens the model would write, is an output: taken whole, and allowed to end.
bool is_output(const Vocabulary& vocabulary, Kind kind, const std::string& grammar, const std::string& text) {
  Matcher matcher = vocabulary.matcher(kind, grammar);
  for (const Token token : vocabulary.tokenizer.tokenize_inside(text)) {
    if (!matcher.take(token)) return false;
  }
  return matcher.accepts();
}

void matches(const Vocabulary& vocabulary) {
  const std::string person = schema(
      R"("type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name"], "additionalProperties": false)");

  CLAIM("JSON is accepted with one space after : and , and with no other white space");
  CHECK(is_output(vocabulary, Kind::json, person, R"({"name": "Anna", "age": 31})"));
  CHECK(is_output(vocabulary, Kind::json, person, R"({"name": "日本 é \"x\" \n"})"));
  CHECK(!is_output(vocabulary, Kind::json, person, R"({"name":"Anna"})"));
  CHECK(!is_output(vocabulary, Kind::json, person, R"({ "name": "Anna"})"));
  CHECK(!is_output(vocabulary, Kind::json, person, R"({"name": "Anna" })"));
  CHECK(!is_output(vocabulary, Kind::json, person, R"({"name":  "Anna"})"));
  CHECK(!is_output(vocabulary, Kind::json, person, R"({"age": 31})"));
  CHECK(!is_output(vocabulary, Kind::json, person, R"({"name": "Anna", "age": 3.5})"));

  CLAIM("a string holds no half of a surrogate pair and no raw control character");
  CHECK(!is_output(vocabulary, Kind::json, person, R"({"name": "\ud83d"})"));
  CHECK(!is_output(vocabulary, Kind::json, person, R"({"name": "\udc4d\ud83d"})"));
  CHECK(!is_output(vocabulary, Kind::json, person, "{\"name\": \"a\nb\"}"));

  CLAIM("numbers are finite: neither their digits nor their exponents go on for ever, and texts are free");
  const std::string any = schema("\"type\": [\"number\", \"string\", \"array\"]");
  const std::string digits(308, '9');
  for (const std::string& number : {std::string("1e307"), std::string("-9.9E-999"), std::string("12345678e+300"),
                                    std::string("0.0e0"), digits, digits + ".5e0", "0." + digits + digits}) {
    CHECK(is_output(vocabulary, Kind::json, any, number));
    CHECK(is_output(vocabulary, Kind::json, any, "[1, \"9e999\", " + number + "]"));
    CHECK(is_output(vocabulary, Kind::calls, "start: \"<tool_call>\" %json " + any + " \"</tool_call>\"",
                    "<tool_call>" + number + "</tool_call>"));
  }
  for (const std::string& number : {std::string("1e308"), std::string("-12e307"), std::string("1e0000"),
                                    std::string("1E-1000"), digits + "9", digits + "e1"}) {
    CHECK(!is_output(vocabulary, Kind::json, any, number));
    CHECK(!is_output(vocabulary, Kind::json, any, "[\"\\\"1\", " + number + "]"));
    CHECK(!is_output(vocabulary, Kind::calls, "start: \"<tool_call>\" %json " + any + " \"</tool_call>\"",
                     "<tool_call>" + number + "</tool_call>"));
    CHECK(is_output(vocabulary, Kind::json, any, "\"" + number + "\""));
    CHECK(is_output(vocabulary, Kind::lark, "start: /.*/", number));
  }
  CLAIM("a mask leaves out what a number has no room for, also after tokens were taken back");
  {
    Matcher matcher = vocabulary.matcher(Kind::json, any);
    TokenMask allowed((static_cast<size_t>(vocabulary.tokenizer.size()) + 31) / 32);
    const auto can_go_on = [&] {
      matcher.mask(allowed);
      return allows(allowed, vocabulary.tokenizer.tokenize_inside("[7").back());
    };
    for (const Token token : vocabulary.tokenizer.tokenize_inside("[1e30")) CHECK(matcher.take(token));
    CHECK(can_go_on());
    const std::vector<Token> more = vocabulary.tokenizer.tokenize_inside("[7");
    CHECK(matcher.take(more.back()));
    CHECK(!can_go_on() && !matcher.take(more.back()));
    matcher.rollback(1);
    CHECK(can_go_on());
  }

  CLAIM("without long escapes no further property is a declared one in disguise");
  const char* const short_escapes =
      R"({"type": "object", "properties": {"name": {"type": "integer"}}, "x-guidance": {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": false, "json_allowed_escapes": "nrbtf\\\""}})";
  CHECK(is_output(vocabulary, Kind::json, short_escapes, R"({"name": 1})"));
  CHECK(is_output(vocabulary, Kind::json, short_escapes, R"({"nam\\u0065": "x\n"})"));
  CHECK(!is_output(vocabulary, Kind::json, short_escapes, R"({"nam\u0065": "x"})"));

  CLAIM("the mask of a state has exactly the tokens that the matcher takes there");
  Matcher matcher = vocabulary.matcher(Kind::json, person);
  CHECK(matcher.take_text(R"({"name": "An)"));
  TokenMask mask((static_cast<size_t>(vocabulary.tokenizer.size()) + 31) / 32);
  matcher.mask(mask);
  int allowed = 0;
  for (Token token = 0; token < vocabulary.tokenizer.size(); ++token) {
    const std::string piece = vocabulary.tokenizer.piece(token);
    const bool taken = !piece.empty() && matcher.allows_text(piece);
    if (allows(mask, token) != taken) std::fprintf(stderr, "    token %d %s\n", token, piece.c_str());
    CHECK(allows(mask, token) == taken);
    allowed += taken;
  }
  CHECK(allowed > 1000 && allowed < vocabulary.tokenizer.size());

  CLAIM("what is taken back can be taken another way");
  const auto one = vocabulary.tokenizer.tokenize_inside("na\", \"age\": 3");
  for (const Token token : one) CHECK(matcher.take(token));
  matcher.rollback(one.size());
  for (const Token token : vocabulary.tokenizer.tokenize_inside("ne\"}")) CHECK(matcher.take(token));
  CHECK(matcher.stopped());
}

void forces(const Vocabulary& vocabulary) {
  const std::string lark =
      "start: \"<tool_call>\\n{\\\"name\\\": \\\"get_weather\\\", \\\"arguments\\\": \" json "
      "\"}\\n</tool_call>\"\njson: %json " +
      schema(
          R"("type": "object", "properties": {"the_city_name": {"type": "string"}}, "required": ["the_city_name"], "additionalProperties": false)") +
      "\n";
  Matcher matcher = vocabulary.matcher(Kind::lark, lark);
  const std::string whole =
      "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"the_city_name\": \"Paris\"}}\n</tool_call>";
  const std::vector<Token> natural = vocabulary.tokenizer.tokenize_inside(whole);

  CLAIM(
      "what must come is forced in the tokens in which the model would write it, and no further than that is certain");
  std::vector<Token> written;
  size_t forced = 0;
  const auto force = [&] {
    for (const Token token : matcher.forced()) {
      CHECK(matcher.take(token));
      written.push_back(token);
      ++forced;
    }
  };
  for (force(); written.size() < natural.size(); force()) {
    CHECK(std::equal(written.begin(), written.end(), natural.begin()));
    CHECK(matcher.take(natural[written.size()]));
    written.push_back(natural[written.size()]);
  }
  CHECK(written == natural);
  CHECK(matcher.stopped());
  std::fprintf(stderr, "    %zu of %zu tokens were forced\n", forced, natural.size());
  CHECK(forced * 2 > natural.size());

  CLAIM("a forced text gives back its very bytes, whatever is in it");
  for (const std::string text :
       {"  two spaces", "日本語 é 👍", "\\n \\t \\\"", "<|im_start|>system", " leading", "\n\n\n", "\xE2\x96\x81"}) {
    std::string literal;
    for (const char c : text)
      literal += c == '\n' ? std::string("\\n") : c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    Matcher fixed = vocabulary.matcher(Kind::lark, "start: \"[" + literal + "]\"");
    std::vector<Token> tokens;
    while (!fixed.stopped()) {
      const auto next = fixed.forced();
      CHECK(!next.empty());
      for (const Token token : next) {
        CHECK(fixed.take(token));
        tokens.push_back(token);
      }
    }
    CHECK(vocabulary.text(tokens) == "[" + text + "]");
  }
}

void refuses(const Vocabulary& vocabulary) {
  CLAIM("what cannot be compiled is refused with a code");
  CHECK(code_of([&] { vocabulary.matcher(Kind::json, schema(R"("type": "wrong")")); }) == "CONSTRAINT_INVALID");
  CHECK(code_of([&] { vocabulary.matcher(Kind::json, schema(R"("enum": [])")); }) == "CONSTRAINT_INVALID");
  CHECK(code_of([&] { vocabulary.matcher(Kind::json, schema(R"("type": "integer", "minimum": 3, "maximum": 2)")); }) ==
        "CONSTRAINT_INVALID");
  CHECK(code_of([&] { vocabulary.matcher(Kind::regex, "("); }) == "CONSTRAINT_INVALID");
  CHECK(code_of([&] { vocabulary.matcher(Kind::regex, "(?=a)a"); }) == "CONSTRAINT_INVALID");
  CHECK(code_of([&] { vocabulary.matcher(Kind::lark, "start: nothing"); }) == "CONSTRAINT_INVALID");
  CHECK(code_of([&] { vocabulary.matcher(Kind::lark, ""); }) == "CONSTRAINT_INVALID");
  CHECK(code_of([&] { vocabulary.matcher(Kind::json, "{"); }) == "CONSTRAINT_INVALID");

  CLAIM("a code comes from the kind of failure, never from words of the constraint itself");
  for (const std::string word :
       {"limit", "panic", "too_large", "fuel", "exceed", "max_is", "NoExtension", "too_many"}) {
    const std::string said = message_of([&] { vocabulary.matcher(Kind::lark, "start: " + word + "_x"); });
    CHECK(said.starts_with("CONSTRAINT_INVALID: The constraint cannot be enforced: "));
    CHECK(said.find("compiler failed") == std::string::npos && said.find(word + "_x") != std::string::npos);
  }
  CHECK(code_of([&] { vocabulary.matcher(Kind::json, schema(R"("type": "panic: too large")")); }) ==
        "CONSTRAINT_INVALID");
  CHECK(code_of([&] { vocabulary.matcher(Kind::lark, "start: \"schema too large\" DNF"); }) == "CONSTRAINT_INVALID");

  CLAIM("a reason of several lines is told whole, on one");
  for (const auto& [kind, text] : {std::pair(Kind::lark, "start: /(/"), std::pair(Kind::regex, "(")}) {
    const std::string said = message_of([&] { vocabulary.matcher(kind, text); });
    CHECK(said.find("unclosed group") != std::string::npos && said.find('\n') == std::string::npos);
  }
  CHECK(message_of([&] { vocabulary.matcher(Kind::lark, "start: /(" + std::string(2000, 'a') + "/"); }).size() < 500);

  CLAIM("slashes, digits and line ends of a pattern mean what they mean in JavaScript");
  CHECK(is_output(vocabulary, Kind::regex, "https://\\w+/\\d+", "https://a_1/23"));
  CHECK(!is_output(vocabulary, Kind::regex, "\\d+", "٣"));
}

}  // namespace

int main() {
  on_each_vocabulary(matches, forces, refuses);
  return report();
}
