// The text of a reply, token by token: whole characters, and stop strings found wherever they are split.
#include "tokenizer/text_stream.h"

#include "check.h"

using namespace caduceus;

namespace {

const std::string replacement = "\xEF\xBF\xBD";

std::string assemble(const std::vector<std::string>& pieces) {
  Utf8Assembler assembler;
  std::string out;
  for (const auto& piece : pieces) out += assembler.push(piece);
  return out + assembler.flush();
}

struct Stopped {
  std::string text;
  std::string stop;
};

Stopped stop_at(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  StopMatcher matcher(stops);
  Stopped result;
  for (const auto& piece : pieces) result.text += matcher.push(piece);
  result.text += matcher.flush();
  result.stop = matcher.matched().value_or("");
  return result;
}

std::vector<std::string> split(const std::string& text, unsigned cuts) {
  std::vector<std::string> pieces{""};
  for (size_t i = 0; i < text.size(); ++i) {
    pieces.back() += text[i];
    if (cuts >> (i % 24) & 1) pieces.emplace_back();
  }
  return pieces;
}

}  // namespace

int main() {
  CLAIM("characters come out whole however their bytes are split");
  const std::string mixed = "a\xC3\xA9\xE6\x9D\xB1\xF0\x9F\x98\x80z";
  for (unsigned cuts = 0; cuts < (1u << mixed.size()); ++cuts) CHECK(assemble(split(mixed, cuts)) == mixed);
  {
    Utf8Assembler assembler;
    CHECK(assembler.push("\xF0\x9F") == "");
    CHECK(assembler.push("\x98\x80!") == "\xF0\x9F\x98\x80!");
  }

  CLAIM("bytes that can never be a character become U+FFFD, and text after them survives");
  CHECK(assemble({"a\xFF"
                  "b"}) == "a" + replacement + "b");
  CHECK(assemble({"\xE6\x9D", "x"}) == replacement + "x");
  CHECK(assemble({"\xF0\x9F\x98"}) == replacement);
  CHECK(assemble({"\xED\xA0\x80"}) == replacement + replacement + replacement);  // a surrogate
  CHECK(assemble({"\xC0\xAF"}) == replacement + replacement);                    // overlong
  CHECK(assemble({"\xF4\x90\x80\x80"}).find('\x90') == std::string::npos);

  CLAIM("a stop string ends the text before it, wherever it is split");
  const std::string text = "one two END three";
  for (unsigned cuts = 0; cuts < (1u << 17); cuts += 7) {
    const Stopped result = stop_at({"END"}, split(text, cuts));
    CHECK(result.text == "one two " && result.stop == "END");
  }

  CLAIM("the earliest of several stop strings counts, also when a longer one begins before it");
  CHECK(stop_at({"b", "abc"}, {"xabc"}).text == "x");
  CHECK(stop_at({"abd", "b"}, {"xa", "bc"}).text == "xa");
  CHECK(stop_at({"aab"}, {"a", "a", "a", "b", "c"}).text == "a");

  CLAIM("what only looked like the beginning of a stop string comes out in the end");
  CHECK(stop_at({"</s>"}, {"a <", "/", "b"}).text == "a </b");
  CHECK(stop_at({"</s>"}, {"a </"}).text == "a </");
  {
    StopMatcher matcher({"END"});
    CHECK(matcher.push("abcE") == "abc");
    CHECK(matcher.push("x") == "Ex");
  }

  CLAIM(
      "what may yet belong to a call waits; it is searched when it turns out to be text, and let through with the "
      "call");
  {
    StopMatcher matcher({"\n"});
    CHECK(matcher.push("Sure. <tool_call>\n", 12) == "Sure. ");
    CHECK(matcher.pass("{\"a\":\n1}") == "<tool_call>\n{\"a\":\n1}");
    CHECK(matcher.push("\n", 1) == "" && !matcher.matched());
    CHECK(matcher.push("Hi", 0) == "" && matcher.matched() == "\n");
    CHECK(matcher.pass("x") == "" && matcher.push("y") == "");
  }
  {
    StopMatcher matcher({"a<b", "c"});
    CHECK(matcher.push("xa<", 1) == "x");
    CHECK(matcher.push("b", 0) == "" && matcher.matched() == "a<b");
  }
  {
    StopMatcher matcher({"c"});
    CHECK(matcher.push("b<tc", 3) == "b");
    CHECK(matcher.flush() == "<tc" && !matcher.matched());
  }

  CLAIM("without stop strings, and with empty ones, everything comes out at once");
  CHECK(stop_at({}, {"abc"}).text == "abc");
  CHECK(stop_at({""}, {"abc"}).text == "abc");
  return report();
}
