// Where free text becomes a call, and where it only looks like one.
#include "constraint/lazy_grammar_trigger.h"

#include <string>
#include <string_view>

#include "check.h"

using namespace caduceus;

namespace {

// Offset of the byte that begins a call; -1: none. A refused byte ends the text with -2.
int call_at(LazyGrammarTrigger& trigger, std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto seen = trigger.push(text[i]);
    if (seen == LazyGrammarTrigger::Seen::call) return static_cast<int>(i);
    if (seen == LazyGrammarTrigger::Seen::refused) return -2;
  }
  return -1;
}

int call_at(std::string_view text) {
  LazyGrammarTrigger trigger("<tool_call>");
  return call_at(trigger, text);
}

}  // namespace

int main() {
  CLAIM("a tag, any white space and a brace begin a call");
  CHECK(call_at("<tool_call>{") == 11);
  CHECK(call_at("Sure.\n<tool_call>\n{") == 18);
  CHECK(call_at("<tool_call> \t\n\v\f\r{") == 17);
  CHECK(call_at("<tool_call>\xC2\xA0\xE3\x80\x80{") == 16);
  CHECK(call_at("<<tool_call>{") == 12);
  CHECK(call_at("<tool_<tool_call>{") == 17);
  CHECK(call_at("<tool_call><tool_call>\n{") == 23);
  CHECK(call_at("<tool_call id=\"1\">{") == 18);
  CHECK(call_at("<tool_call\n>{") == 12);

  CLAIM("prose that mentions the tag stays prose");
  CHECK(call_at("The <tool_call> tag holds {json}.") == -1);
  CHECK(call_at("`<tool_call>` {") == -1);
  CHECK(call_at("<tool_calls>{") == -1);
  CHECK(call_at("<tool_call {\"a\": 1}>{") == -1);
  CHECK(call_at("< tool_call>{") == -1);
  CHECK(call_at("</tool_call>{") == -1);
  CHECK(call_at("<tool_call>\xC2\xA9{") == -1);
  CHECK(call_at("<tool_call " + std::string(2000, 'x') + ">{") == -1);

  CLAIM("what the parser would read as a call in another form may not be written");
  CHECK(call_at("<tool_call>\n[") == -2);
  CHECK(call_at("<tool_call>\n```json\n{") == -2);
  CHECK(call_at("<tool_call>```[") == -2);
  CHECK(call_at("<tool_call>```json {\"a\"") == -2);
  CHECK(call_at("<tool_call>\n```\nno call") == -1);

  CLAIM("nothing in a thought is a call, and behind it there are calls again");
  CHECK(call_at("<think>\n<tool_call>\n{\"a\"}</tool_call>") == -1);
  CHECK(call_at("<think>a</think>\n<tool_call>\n{") == 29);
  CHECK(call_at("Hm. <thinking>a</think><tool_call>{</thinking><tool_call>{") == 57);
  CHECK(call_at("<think><tool_call>[</think>") == -1);
  CHECK(call_at("<think>a<</think><tool_call>{") == 28);
  CHECK(call_at("<thi<think>a</think><tool_call>{") == 31);
  CHECK(call_at("</think><tool_call>{") == 19);
  CHECK(call_at("`<think>` is a tag. <tool_call>{") == 31);
  CHECK(call_at("<tool_call><think><tool_call>{") == -1);

  CLAIM("calls in a scratch pad are seen, and it is known that one is open");
  LazyGrammarTrigger pad("<tool_call>");
  CHECK(call_at(pad, "<scratch_pad>\n<tool_call>{") == 25 && pad.in_pad());
  CHECK(call_at(pad, "</scratch_pad>") == -1 && !pad.in_pad());

  CLAIM("what may yet be a call waits, and what is none any more does not");
  const auto waiting = [](std::string_view text) {
    LazyGrammarTrigger trigger("<tool_call>");
    call_at(trigger, text);
    return trigger.pending();
  };
  CHECK(waiting("Sure.\n") == 0);
  CHECK(waiting("Sure.\n<tool") == 5);
  CHECK(waiting("Sure.\n<tool_call>\n \xC2\xA0") == 15);
  CHECK(waiting("Sure.\n<tool_call> a") == 0);
  CHECK(waiting("a <<") == 1);
  CHECK(waiting("<tool_call><tool") == 5);
  CHECK(waiting("<think>a<") == 0);
  for (const bool is_bare : {true, false}) {
    LazyGrammarTrigger behind("<tool_call>");
    behind.end_call(is_bare);
    CHECK(behind.is_behind_call() && behind.pending() == 0);
    CHECK(call_at(behind, "\n ") == -1 && behind.pending() == 2 && behind.is_behind_call());
    CHECK(call_at(behind, "<tool_call>") == -1 && behind.pending() == 13 && !behind.is_behind_call());
    CHECK(call_at(behind, "\n{") == 1);
    behind.end_call(is_bare);
    CHECK(call_at(behind, "\nHi") == -1 && behind.pending() == 0 && !behind.is_behind_call());
  }

  CLAIM("a bare call is seen directly after a call and nowhere else");
  LazyGrammarTrigger bare("<tool_call>");
  bare.end_call(true);
  CHECK(call_at(bare, " \n {") == 3);
  LazyGrammarTrigger same_line("<tool_call>");
  same_line.end_call(true);
  CHECK(call_at(same_line, " {") == -1);
  LazyGrammarTrigger text("<tool_call>");
  text.end_call(true);
  CHECK(call_at(text, "\nHere {") == -1);
  CHECK(call_at(text, "<tool_call>{") == 11);
  LazyGrammarTrigger list("<tool_call>");
  list.end_call(true);
  CHECK(call_at(list, "\n[{") == -1);
  return report();
}
