// Constraints of runs: where a call begins and ends in free text, and what stop strings and drafts of calls mean there.
#include "constraint/run_constraint.h"

#include "constraint_harness.h"
#include "sampling/dry_samplers.h"
#include "scheduler/run.h"

using namespace caduceus;

namespace {

ConstraintSpec calls(bool further, bool bare) {
  ConstraintSpec spec;
  spec.text =
      "start: \"{\\\"name\\\": \\\"f\\\", \\\"arguments\\\": \" json \"}\\n</tool_call>\"\njson: %json " +
      schema(
          R"("type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": false)") +
      "\n";
  spec.trigger = ConstraintSpec::Trigger{"<tool_call>", further, bare};
  return spec;
}

// Takes the text in the tokens of the model; where one is refused, -1 less the bytes taken so far, else the bytes.
int take(const Vocabulary& vocabulary, RunConstraint& constraint, const std::string& text) {
  int taken = 0;
  for (const Token token : vocabulary.tokenizer.tokenize_inside(text)) {
    if (!constraint.take(token)) return -1 - taken;
    taken += static_cast<int>(vocabulary.tokenizer.piece(token).size());
  }
  return taken;
}

void triggers(const Vocabulary& vocabulary) {
  const auto grammar = std::make_shared<Grammar>(vocabulary.tokens, Kind::lark, calls(true, false).text);
  const auto make = [&](bool further, bool bare) {
    return RunConstraint(grammar, calls(further, bare), vocabulary.tokenizer, {});
  };
  const Token end = vocabulary.tokenizer.ends_of_generation().front();
  const std::string call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>";

  CLAIM("text is free and may end until a call begins, and then neither");
  RunConstraint free = make(true, false);
  CHECK(take(vocabulary, free, "Any {\"text\": [1]} with <tool_call> in it.") > 0);
  CHECK(free.whole() && free.take(end));
  CHECK(take(vocabulary, free, "<tool_call>\n{\"") > 0);
  CHECK(!free.whole() && !free.take(end));

  CLAIM("a token that ends the tag and begins a call wrongly is refused, and the mask knows it");
  RunConstraint wrong = make(true, false);
  CHECK(take(vocabulary, wrong, "<tool_call>\n") > 0);
  TokenMask mask;
  wrong.mask(mask);
  int refused = 0;
  int begins = 0;
  for (Token token = 0; token < vocabulary.tokenizer.size(); ++token) {
    const std::string piece = vocabulary.tokenizer.piece(token);
    RunConstraint copy = make(true, false);
    if (piece.empty() || piece.find_first_of("{[") == std::string::npos) continue;
    CHECK(take(vocabulary, copy, "<tool_call>\n") > 0);
    const bool taken = copy.take(token);
    CHECK(taken == allows(mask, token));
    refused += !taken;
    begins += taken && !copy.is_free();
  }
  std::fprintf(stderr, "    %d tokens begin the call, %d are refused\n", begins, refused);
  CHECK(begins >= 1 && refused >= 1);
  CHECK(allows(mask, end));

  CLAIM("after a call the output is free again, or over");
  RunConstraint further = make(true, false);
  CHECK(take(vocabulary, further, call) == static_cast<int>(call.size()));
  CHECK(further.is_free() && further.whole() && !further.done());
  CHECK(take(vocabulary, further, "\n{\"name\": 7") > 0);
  CHECK(take(vocabulary, further, "\n" + call) == static_cast<int>(call.size()) + 1);
  RunConstraint single = make(false, false);
  CHECK(take(vocabulary, single, "Well.\n" + call) > 0);
  CHECK(single.done() && single.whole());
  CHECK(take(vocabulary, single, "x") == -1 && single.take(end));

  CLAIM("a further call needs no tag where that is allowed, and is a call all the same");
  RunConstraint bare = make(true, true);
  CHECK(take(vocabulary, bare, call) > 0);
  CHECK(take(vocabulary, bare, "\n{\"name\": \"g\"") < 0);
  CHECK(take(vocabulary, bare, "\n") < 0 || !bare.is_free());
}

// What a run gives out where the model writes this text, and `|` with the stop string that ended it.
std::string given(const Vocabulary& vocabulary, const std::string& text, const std::vector<std::string>& stops,
                  bool bare = false, FinishReason reason = FinishReason::stop) {
  RunRequest request;
  request.stop = stops;
  request.constraint = calls(true, bare);
  Run run(1, request, Clock::now());
  DrySamplers dry_samplers;
  run.start(vocabulary.tokenizer.tokenize_inside("Hi"), vocabulary.model->vocab(), dry_samplers);
  run.constraint.emplace(std::make_shared<Grammar>(vocabulary.tokens, Kind::lark, request.constraint->text),
                         *request.constraint, vocabulary.tokenizer, std::span<const Token>());
  std::string out;
  bool ended = false;
  for (const Token token : vocabulary.tokenizer.tokenize_inside(text)) {
    CHECK(run.constraint->take(token));
    const Run::Step step = run.accept(token, vocabulary.tokenizer, 10'000);
    out += step.text;
    if ((ended = step.finished.has_value())) break;
  }
  const Run::Ending ending = run.finish(ended ? FinishReason::stop : reason);
  if (ending.end.stop_string) CHECK(ending.end.constraint->complete);
  return out + ending.text + (ending.end.stop_string ? "|" + *ending.end.stop_string : "");
}

void stop_strings(const Vocabulary& vocabulary) {
  const std::string call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>";
  for (const bool bare : {false, true}) {
    CLAIM("stop strings do not count in a call, from its opening tag to its closing one, nor between two calls");
    for (const std::string stop : {"\n", "<tool_call>", "</tool_call>", "name", "{", ">", "a"}) {
      CHECK(given(vocabulary, call, {stop}, bare) == call);
      CHECK(given(vocabulary, call + "\n" + call, {stop}, bare) == call + "\n" + call);
      CHECK(given(vocabulary, call + "\n", {stop}, bare) == call + "\n");
    }
    CHECK(given(vocabulary, "Sure. " + call, {"\n"}, bare) == "Sure. " + call);
  }
  const std::string bare = call.substr(call.find('{'));
  CHECK(given(vocabulary, call + "\n" + bare, {"\n"}, true) == call + "\n" + bare);

  CLAIM("they count before a call and behind it");
  CHECK(given(vocabulary, "Sure.\n" + call, {"\n"}) == "Sure.|\n");
  CHECK(given(vocabulary, "Sure.\n" + call, {"Sure.\n<"}) == "Sure.\n" + call);
  CHECK(given(vocabulary, call + "\nDone", {"\n"}) == call + "|\n");
  CHECK(given(vocabulary, call + "\nDone.", {"one"}) == call + "\nD|one");
  CHECK(given(vocabulary, call + "\n" + call + " x y", {"x"}) == call + "\n" + call + " |x");

  CLAIM("what only looked like a call is text, and searched");
  CHECK(given(vocabulary, "The <tool_call>\ntag", {"\n"}) == "The <tool_call>|\n");
  CHECK(given(vocabulary, "a <tool_call> b", {"<tool_call>"}) == "a |<tool_call>");
  CHECK(given(vocabulary, "a <tool_call>\n", {"\n"}) == "a <tool_call>|\n");
  CHECK(given(vocabulary, "a <tool_call>\n", {"\n"}, false, FinishReason::length) == "a <tool_call>\n");
  CHECK(given(vocabulary, "a <b> \n", {"<b"}) == "a |<b");
  CHECK(given(vocabulary, "<think>a\n" + call, {"\n"}) == "<think>a|\n");

  CLAIM("a call drafted in a thought is text, and no grammar holds it");
  CHECK(given(vocabulary, "<think><tool_call>\n{\"any\": [thing]}</tool_call></think>" + call, {}) ==
        "<think><tool_call>\n{\"any\": [thing]}</tool_call></think>" + call);
}

void drafts(const Vocabulary& vocabulary) {
  const auto grammar = std::make_shared<Grammar>(vocabulary.tokens, Kind::lark, calls(false, false).text);
  const std::string call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>";
  CLAIM("the one call there may be is not one that a thought or a scratch pad holds");
  for (const std::string& draft : {"<think>" + call + "</think>", "<scratch_pad>" + call + "\n</scratch_pad>"}) {
    RunConstraint single(grammar, calls(false, false), vocabulary.tokenizer, {});
    CHECK(take(vocabulary, single, draft) > 0 && !single.done());
    CHECK(take(vocabulary, single, "\n" + call) > 0 && single.done());
  }
}

ConstraintSpec number() { return {Kind::regex, "[0-9]{2}", {}}; }

void thoughts(const Vocabulary& vocabulary) {
  const Token end = vocabulary.tokenizer.ends_of_generation().front();
  const auto numbers = std::make_shared<Grammar>(vocabulary.tokens, Kind::regex, number().text);
  const auto any_calls = std::make_shared<Grammar>(vocabulary.tokens, Kind::lark, calls(false, false).text);
  const std::string call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>";
  const auto with = [&](std::shared_ptr<const Grammar> grammar, const ConstraintSpec& spec,
                        const ThoughtSpec& thought) {
    return RunConstraint(std::move(grammar), spec, vocabulary.tokenizer, {}, thought);
  };
  const auto taken = [&](bool open, const std::string& text) {
    RunConstraint constraint = with(numbers, number(), {open, {}});
    return take(vocabulary, constraint, text) == static_cast<int>(text.size()) && constraint.whole();
  };

  CLAIM("a thought is free, the answer behind it is constrained, and only both together are whole");
  for (const std::string thought :
       {"<think>Any 123 {text} <b> </thin </think>", "\n<think></think>", "<think>\n\n</think>\n\n"}) {
    CHECK(taken(false, thought + "42"));
    CHECK(!taken(false, thought) && !taken(false, thought + "4") && !taken(false, thought + "x"));
    CHECK(!taken(false, thought + "\n\n\n\n\n\n\n\n\n42"));
  }
  CHECK(taken(true, "Any 1 <think>text</think>\n\n42") && taken(true, "</think>42"));
  CHECK(!taken(true, "42") && !taken(true, "Any text"));
  CHECK(taken(false, "42") && !taken(false, "think") && !taken(false, "<think") && !taken(false, "<thinks>42"));
  RunConstraint open = with(numbers, number(), {true, {}});
  CHECK(take(vocabulary, open, "Any text") > 0 && !open.take(end) && !open.done());

  CLAIM("the mask is what is taken, at each place");
  for (const std::string before :
       {"", "<", "<thi", "<think>", "<think>a</think", "<think>a</think>", "<think>a</think>\n", "<think>a</think>4"}) {
    RunConstraint masked = with(numbers, number(), {});
    CHECK(take(vocabulary, masked, before) >= 0);
    TokenMask mask;
    masked.mask(mask);
    size_t wrong = 0;
    for (Token token = 0; token < vocabulary.tokenizer.size(); ++token) {
      // All that the grammar allows are digits; of the others every 16th is tried.
      const std::string piece = vocabulary.tokenizer.piece(token);
      if (piece.empty() || (token % 16 != 0 && piece.find_first_not_of("0123456789<think/> \n") != std::string::npos))
        continue;
      RunConstraint copy = with(numbers, number(), {});
      take(vocabulary, copy, before);
      wrong += copy.take(token) != allows(mask, token);
    }
    std::fprintf(stderr, "    \"%s\": %zu differ\n", before.c_str(), wrong);
    CHECK(wrong == 0);
    CHECK(allows(mask, end) == masked.whole());
  }

  CLAIM("a call in a thought is none, and the one behind it is the one there may be");
  for (const bool is_open : {false, true}) {
    RunConstraint thinking = with(any_calls, calls(false, false), {is_open, {}});
    CHECK(take(vocabulary, thinking, (is_open ? "" : "<think>") + call) > 0 && !thinking.done());
    CHECK(take(vocabulary, thinking, "</think>\n" + call) > 0 && thinking.done());
  }
  RunConstraint straight = with(any_calls, calls(false, false), {});
  CHECK(take(vocabulary, straight, call) > 0 && straight.done());

  CLAIM("after its number of tokens a thought is ended, in the constrained and in the free");
  for (const bool is_constrained : {true, false}) {
    for (const uint32_t most : {0u, 1u, 7u}) {
      RunConstraint limited = is_constrained ? with(numbers, number(), {true, most}) : with(nullptr, {}, {true, most});
      std::vector<Token> written;
      const auto words =
          vocabulary.tokenizer.tokenize_inside("one two three four five six seven eight nine ten eleven");
      while (limited.forced().empty() && written.size() < words.size()) {
        CHECK(limited.take(words[written.size()]));
        written.push_back(words[written.size()]);
      }
      CHECK(written.size() == most);
      TokenMask mask;
      limited.mask(mask);
      const std::vector<Token> closing = limited.forced();
      CHECK(allows(mask, closing.front()) && !allows(mask, words.front()) && !limited.take(words.front()));
      CHECK(vocabulary.text(closing).ends_with("</think>\n\n"));
      for (const Token token : closing) CHECK(limited.take(token));
      CHECK((take(vocabulary, limited, "abc") > 0) == !is_constrained);
      if (is_constrained) CHECK(take(vocabulary, limited, "42") == 2 && limited.done());
    }
  }
}

// Tags of other models than those of <think>.
void tags_of_thoughts(const Vocabulary& vocabulary) {
  const auto numbers = std::make_shared<Grammar>(vocabulary.tokens, Kind::regex, number().text);
  const auto with = [&](std::shared_ptr<const Grammar> grammar, const ThoughtSpec& thought) {
    return RunConstraint(std::move(grammar), number(), vocabulary.tokenizer, {}, thought);
  };
  const std::vector<ThoughtSpec> tags = {
      {false, {}, "[THINK]", "[/THINK]", "", "[/THINK]"},
      {false,
       {},
       "<|channel|>analysis<|message|>",
       "<|end|>",
       "<|start|>final<|message|>",
       "<|end|><|start|>final<|message|>"},
      {false, {}, "Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]", "", "\n[BEGIN FINAL RESPONSE]\n"},
      {false, {}, "<a>", "aabaa", "", "aabaa"},
  };

  CLAIM("tags of any form begin and end a thought, and nothing else does");
  for (ThoughtSpec spec : tags) {
    // No token has the end of a thought and more.
    const auto taken = [&](const std::string& thought, const std::string& answer) {
      RunConstraint constraint = with(numbers, spec);
      return take(vocabulary, constraint, thought) == static_cast<int>(thought.size()) &&
             take(vocabulary, constraint, answer) == static_cast<int>(answer.size()) && constraint.whole();
    };
    for (const std::string thought : {"Any 1 < 2 [text", "", "a", "aa", "ab", spec.opening.c_str()}) {
      const std::string text = spec.opening + thought;
      CHECK(taken(text + spec.closing, spec.answer + "42"));
      CHECK(taken("\n" + text + spec.closing, spec.answer + "42"));
      CHECK(!taken(text, "42"));
    }
    CHECK(taken("", "42"));
    CHECK(!taken(spec.opening.substr(0, spec.opening.size() - 1) + "x" + spec.closing, spec.answer + "42"));
    spec.open = true;
    CHECK(taken("Any 1" + spec.closing, spec.answer + "42"));
  }

  CLAIM("what begins an answer behind a thought is forced where the answer is constrained");
  for (const bool is_constrained : {true, false}) {
    RunConstraint constraint = with(is_constrained ? numbers : nullptr, tags[1]);
    CHECK(take(vocabulary, constraint, "<|channel|>analysis<|message|>Hm.<|end|>") > 0);
    CHECK(vocabulary.text(constraint.forced()) == (is_constrained ? tags[1].answer : ""));
    CHECK((take(vocabulary, constraint, "Hm.") > 0) == !is_constrained);
  }

  CLAIM("at the limit the end is forced as the tags have it, with one newline");
  for (ThoughtSpec spec : tags) {
    spec.open = true;
    spec.max_tokens = 0;
    RunConstraint constraint = with(numbers, spec);
    const std::string end = vocabulary.text(constraint.forced());
    CHECK(end == spec.end.substr(spec.end.starts_with('\n') ? 1 : 0));
    CHECK(take(vocabulary, constraint, end + "42") == static_cast<int>(end.size()) + 2 && constraint.whole());
  }
}

// Stop strings do not count in a thought.
void stops_and_thoughts(const Vocabulary& vocabulary) {
  CLAIM("stop strings do not count in a thought, and do behind it");
  const auto out = [&](const std::string& text, bool open) {
    RunRequest request;
    request.stop = {"\n"};
    request.thought = {open, {}};
    Run run(1, request, Clock::now());
    DrySamplers dry_samplers;
    run.start(vocabulary.tokenizer.tokenize_inside("Hi"), vocabulary.model->vocab(), dry_samplers);
    run.constraint.emplace(nullptr, ConstraintSpec{}, vocabulary.tokenizer, std::span<const Token>(), request.thought);
    std::string all;
    for (const Token token : vocabulary.tokenizer.tokenize_inside(text)) {
      CHECK(run.constraint->take(token));
      const Run::Step step = run.accept(token, vocabulary.tokenizer, 10'000);
      all += step.text;
      if (step.finished) return all + "|";
    }
    return all + run.finish(FinishReason::stop).text;
  };
  CHECK(out("a\nb</think>\n\nyes\nno", true) == "a\nb</think>\n\nyes|");
  CHECK(out("<think>\na\n</think>yes\nno", false) == "<think>\na\n</think>yes|");
  CHECK(out("yes\nno", false) == "yes|");
}

}  // namespace

int main() {
  on_each_vocabulary(triggers, stop_strings, drafts, thoughts, tags_of_thoughts, stops_and_thoughts);
  return report();
}
