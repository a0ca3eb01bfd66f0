// Where free text becomes a call that begins with a fixed text.
#include "constraint/opening_trigger.h"

#include <string>
#include <string_view>

#include "constraint/run_constraint.h"
#include "constraint_harness.h"

using namespace caduceus;

namespace {

int call_at(OpeningTrigger& trigger, std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (trigger.push(text[i]) == OpeningTrigger::Seen::call) return static_cast<int>(i);
  }
  return -1;
}

int call_at(const std::string& opening, std::string_view text, bool at_start = false) {
  const std::vector<std::string> alone{opening};
  OpeningTrigger trigger(at_start ? std::vector<std::string>{} : alone, at_start ? alone : std::vector<std::string>{});
  return call_at(trigger, text);
}

void openings() {
  CLAIM("an opening begins a call, whatever white space stands where it may");
  CHECK(call_at("[TOOL_CALLS]", "[TOOL_CALLS]") == 11);
  CHECK(call_at("[TOOL_CALLS][{", "So: [TOOL_CALLS] \n[ {") == 20);
  CHECK(call_at("<tool_call>\n<function=", "<tool_call><function=") == 20);
  CHECK(call_at("<tool_call>\n<function=", "<tool_call>\n\n<function=") == 22);
  CHECK(call_at("[TOOL_CALLS]", "[TOOL_[TOOL_CALLS]") == 17);
  CHECK(call_at("[[a", "[[[a") == 3);
  CHECK(call_at("<a><a>b", "<a><a><a>b") == 9);

  CLAIM("another text does not, nor white space inside a word");
  CHECK(call_at("[TOOL_CALLS]", "[TOOL_ CALLS] [tool_calls] TOOL_CALLS]") == -1);
  CHECK(call_at("<tool_call>\n<function=", "<tool_call>\n{<function=") == -1);
  CHECK(call_at("[A]b", "[A]" + std::string(300, ' ') + "b") == -1);

  CLAIM("at the start alone, an opening behind text begins none");
  CHECK(call_at("{\"name\": \"f\"", " \n{\"name\":\"f\"", true) == 12);
  CHECK(call_at("{\"name\": \"f\"", "x{\"name\": \"f\"", true) == -1);
  CHECK(call_at("{\"name\": \"f\"", "{\"name\": \"g\"} {\"name\": \"f\"", true) == -1);

  CLAIM("texts that may begin a call anywhere and those that may at the start do not disturb each other");
  const auto both = [](std::string_view text) {
    OpeningTrigger trigger({"<next>to=", "<c>to="}, {"to="});
    const int at = call_at(trigger, text);
    return at < 0 ? std::string("none") : trigger.beginning();
  };
  CHECK(both(" to=f") == "to=" && both("so to=f") == "none");
  CHECK(both("so <next> to=f") == "<next>to=" && both("<c>to=f") == "<c>to=" && both("<next><c>to=f") == "<c>to=");

  CLAIM("of several the one that came is known, and what may yet begin a call waits");
  OpeningTrigger trigger({}, {"{\"name\": \"ab\"", "{\"name\": \"a\""});
  CHECK(call_at(trigger, "{ \"name\": \"a\"") == 12 && trigger.beginning() == "{\"name\": \"a\"");
  OpeningTrigger waiting({"[TOOL_CALLS]"}, {});
  CHECK(call_at(waiting, "Well, [TOOL") == -1 && waiting.pending() == 5);
  CHECK(call_at(waiting, "x") == -1 && waiting.pending() == 0);
  waiting.end_call();
  CHECK(call_at(waiting, "\n ") == -1 && waiting.pending() == 2 && waiting.is_behind_call());
  CHECK(call_at(waiting, "x") == -1 && waiting.pending() == 0 && !waiting.is_behind_call());
}

void constraints(const Vocabulary& vocabulary) {
  ConstraintSpec spec;
  spec.text =
      "start: \"[CALLS]\" (\"f\" | \"go\") \"[ARGS]\" json\njson: %json " +
      schema(
          R"("type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": false)") +
      "\n";
  spec.trigger = ConstraintSpec::Trigger{"", true, false, {"[CALLS]"}, {}};
  const auto grammar = std::make_shared<Grammar>(vocabulary.tokens, Kind::lark, spec.text);
  const auto make = [&] { return RunConstraint(grammar, spec, vocabulary.tokenizer, {}); };
  const auto take = [&](RunConstraint& constraint, const std::string& text) {
    for (const Token token : vocabulary.tokenizer.tokenize_inside(text)) {
      if (!constraint.take(token)) return false;
    }
    return true;
  };
  const Token end = vocabulary.tokenizer.ends_of_generation().front();

  CLAIM("text is free until an opening, then the grammar applies to the end of the call, and then text is free again");
  RunConstraint constraint = make();
  CHECK(take(constraint, "Any [text] with [CALL] in it. "));
  CHECK(constraint.is_free() && constraint.whole());
  CHECK(take(constraint, "[CALLS]f[ARGS]{\"a\": "));
  CHECK(!constraint.is_free() && !constraint.whole() && !constraint.take(end));
  CHECK(take(constraint, "2}"));
  CHECK(constraint.is_free() && constraint.whole());
  CHECK(take(constraint, " Done. [CALLS]go[ARGS]{\"a\": 1}"));
  RunConstraint wrong = make();
  CHECK(!take(wrong, "[CALLS]h[ARGS]"));

  CLAIM("the mask knows which tokens end an opening wrongly");
  RunConstraint before = make();
  CHECK(take(before, "[CALLS"));
  TokenMask mask;
  before.mask(mask);
  int refused = 0;
  for (Token token = 0; token < vocabulary.tokenizer.size(); ++token) {
    const std::string piece = vocabulary.tokenizer.piece(token);
    if (piece.empty() || piece.find(']') == std::string::npos) continue;
    RunConstraint copy = make();
    CHECK(take(copy, "[CALLS"));
    const bool taken = copy.take(token);
    CHECK(taken == allows(mask, token));
    refused += !taken;
  }
  CHECK(refused >= 1 && allows(mask, end));
}

// As grammars of calls are that are messages of a turn.
void messages(const Vocabulary& vocabulary) {
  ConstraintSpec spec;
  spec.text =
      "start: \"<next>\"? (\" to=f\" | \"<c> to=f\") \"<m>\" json\njson: %json " +
      schema(
          R"("type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": false)") +
      "\n";
  spec.trigger = ConstraintSpec::Trigger{"", false, false, {"<next> to=", "<next><c> to=", "<c> to="}, {" to="}};
  const auto grammar = std::make_shared<Grammar>(vocabulary.tokens, Kind::lark, spec.text);
  const auto take = [&](const std::string& text) {
    RunConstraint constraint(grammar, spec, vocabulary.tokenizer, {});
    for (const Token token : vocabulary.tokenizer.tokenize_inside(text)) {
      if (!constraint.take(token)) return std::string("refused");
    }
    return std::string(constraint.done() ? "done" : constraint.is_free() ? "free" : "call");
  };

  CLAIM("a call is constrained however its message begins, and ends the turn");
  for (const std::string begin : {" to=f", "<c> to=f", "so<next> to=f", "so <next><c> to=f", "so <c> to=f"}) {
    CHECK(take(begin) == "call");
    CHECK(take(begin + "<m>{\"a\": 2}") == "done");
    CHECK(take(begin + "<m>{\"b\"") == "refused");
    CHECK(take(begin + "x") == "refused");
  }
  CHECK(take("so to=f") == "free" && take("to = f") == "free" && take("<next>x") == "free");
}

}  // namespace

int main() {
  openings();
  on_each_vocabulary(constraints);
  on_each_vocabulary(messages);
  return report();
}
