// Where free text becomes a call, and where it only looks like one.
#include "call_trigger.h"

#include <string>
#include <string_view>

#include "check.h"

using namespace caduceus;

namespace {

// Offset of the byte that begins a call; -1: none. A refused byte ends the text with -2.
int call_at(CallTrigger& trigger, std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto seen = trigger.push(text[i]);
    if (seen == CallTrigger::Seen::call) return static_cast<int>(i);
    if (seen == CallTrigger::Seen::refused) return -2;
  }
  return -1;
}

int call_at(std::string_view text) {
  CallTrigger trigger("<tool_call>");
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

  CLAIM("a bare call is seen directly after a call and nowhere else");
  CallTrigger bare("<tool_call>");
  bare.expect_bare_call();
  CHECK(call_at(bare, " \n {") == 3);
  CallTrigger same_line("<tool_call>");
  same_line.expect_bare_call();
  CHECK(call_at(same_line, " {") == -1);
  CallTrigger text("<tool_call>");
  text.expect_bare_call();
  CHECK(call_at(text, "\nHere {") == -1);
  CHECK(call_at(text, "<tool_call>{") == 11);
  CallTrigger list("<tool_call>");
  list.expect_bare_call();
  CHECK(call_at(list, "\n[{") == -1);
  return report();
}
