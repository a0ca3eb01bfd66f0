// Grammars and the matchers that follow them, on the vocabularies of Mistral and SmolLM2; and the thread that compiles.
#include "constraint.h"

#include <condition_variable>
#include <map>
#include <mutex>

#include "check.h"
#include "constraint_compiler.h"
#include "dry_samplers.h"
#include "error.h"
#include "model.h"
#include "run.h"
#include "run_constraint.h"
#include "test_model.h"

using namespace caduceus;
using namespace std::chrono_literals;
using Kind = ConstraintSpec::Kind;

namespace {

const char* const spacing = R"("x-guidance": {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": false})";

std::string schema(const std::string& body) { return "{" + body + ", " + spacing + "}"; }

struct Vocabulary {
  explicit Vocabulary(const char* variable) : model(load_test_model(variable)), tokenizer(model->vocab()), tokens(std::make_shared<ConstraintVocabulary>(tokenizer)) {}
  Matcher matcher(Kind kind, const std::string& text) const { return Matcher(std::make_shared<Grammar>(tokens, kind, text)); }
  std::string text(std::span<const Token> all) const { return tokenizer.detokenize(all, false); }

  std::shared_ptr<Model> model;
  Tokenizer tokenizer;
  std::shared_ptr<ConstraintVocabulary> tokens;
};

std::string code_of(const std::function<void()>& body) {
  try {
    body();
    return "";
  } catch (const EngineError& error) {
    return error.code();
  }
}

// Whether the text, in the tokens the model would write, is an output: taken whole, and allowed to end.
bool is_output(const Vocabulary& vocabulary, Kind kind, const std::string& grammar, const std::string& text) {
  Matcher matcher = vocabulary.matcher(kind, grammar);
  for (const Token token : vocabulary.tokenizer.tokenize_inside(text)) {
    if (!matcher.take(token)) return false;
  }
  return matcher.accepts();
}

void matches(const Vocabulary& vocabulary) {
  const std::string person = schema(R"("type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name"], "additionalProperties": false)");

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
  for (const std::string& number : {std::string("1e307"), std::string("-9.9E-999"), std::string("12345678e+300"), std::string("0.0e0"), digits, digits + ".5e0", "0." + digits + digits}) {
    CHECK(is_output(vocabulary, Kind::json, any, number));
    CHECK(is_output(vocabulary, Kind::json, any, "[1, \"9e999\", " + number + "]"));
    CHECK(is_output(vocabulary, Kind::calls, "start: \"<tool_call>\" %json " + any + " \"</tool_call>\"", "<tool_call>" + number + "</tool_call>"));
  }
  for (const std::string& number : {std::string("1e308"), std::string("-12e307"), std::string("1e0000"), std::string("1E-1000"), digits + "9", digits + "e1"}) {
    CHECK(!is_output(vocabulary, Kind::json, any, number));
    CHECK(!is_output(vocabulary, Kind::json, any, "[\"\\\"1\", " + number + "]"));
    CHECK(!is_output(vocabulary, Kind::calls, "start: \"<tool_call>\" %json " + any + " \"</tool_call>\"", "<tool_call>" + number + "</tool_call>"));
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
  const char* const short_escapes = R"({"type": "object", "properties": {"name": {"type": "integer"}}, "x-guidance": {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": false, "json_allowed_escapes": "nrbtf\\\""}})";
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
  const std::string lark = "start: \"<tool_call>\\n{\\\"name\\\": \\\"get_weather\\\", \\\"arguments\\\": \" json \"}\\n</tool_call>\"\njson: %json " +
                           schema(R"("type": "object", "properties": {"the_city_name": {"type": "string"}}, "required": ["the_city_name"], "additionalProperties": false)") + "\n";
  Matcher matcher = vocabulary.matcher(Kind::lark, lark);
  const std::string whole = "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"the_city_name\": \"Paris\"}}\n</tool_call>";
  const std::vector<Token> natural = vocabulary.tokenizer.tokenize_inside(whole);

  CLAIM("what must come is forced in the tokens in which the model would write it, and no further than that is certain");
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
  for (const std::string text : {"  two spaces", "日本語 é 👍", "\\n \\t \\\"", "<|im_start|>system", " leading", "\n\n\n", "\xE2\x96\x81"}) {
    std::string literal;
    for (const char c : text) literal += c == '\n' ? std::string("\\n") : c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
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
  CHECK(code_of([&] { vocabulary.matcher(Kind::json, schema(R"("type": "integer", "minimum": 3, "maximum": 2)")); }) == "CONSTRAINT_INVALID");
  CHECK(code_of([&] { vocabulary.matcher(Kind::regex, "("); }) == "CONSTRAINT_INVALID");
  CHECK(code_of([&] { vocabulary.matcher(Kind::regex, "(?=a)a"); }) == "CONSTRAINT_INVALID");
  CHECK(code_of([&] { vocabulary.matcher(Kind::lark, "start: nothing"); }) == "CONSTRAINT_INVALID");
  CHECK(code_of([&] { vocabulary.matcher(Kind::lark, ""); }) == "CONSTRAINT_INVALID");
  CHECK(code_of([&] { vocabulary.matcher(Kind::json, "{"); }) == "CONSTRAINT_INVALID");

  CLAIM("what can only go on and never end is given up after some seconds");
  CHECK(code_of([&] {
          Matcher matcher = vocabulary.matcher(Kind::lark, "start: /a*/ \"a\"");
          const Token a = vocabulary.tokenizer.tokenize_inside("a").front();
          CHECK(matcher.take(a) && matcher.take(a));
          matcher.forced();
        }) == "CONSTRAINT_TOO_COMPLEX");

  CLAIM("slashes, digits and line ends of a pattern mean what they mean in JavaScript");
  CHECK(is_output(vocabulary, Kind::regex, "https://\\w+/\\d+", "https://a_1/23"));
  CHECK(!is_output(vocabulary, Kind::regex, "\\d+", "٣"));
}

ConstraintSpec calls(bool further, bool bare) {
  ConstraintSpec spec;
  spec.text = "start: \"{\\\"name\\\": \\\"f\\\", \\\"arguments\\\": \" json \"}\\n</tool_call>\"\njson: %json " + schema(R"("type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": false)") + "\n";
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
  const auto make = [&](bool further, bool bare) { return RunConstraint(grammar, calls(further, bare), vocabulary.tokenizer, {}); };
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
std::string given(const Vocabulary& vocabulary, const std::string& text, const std::vector<std::string>& stops, bool bare = false, FinishReason reason = FinishReason::stop) {
  RunRequest request;
  request.stop = stops;
  request.constraint = calls(true, bare);
  Run run(1, request, Clock::now());
  DrySamplers dry_samplers;
  run.start(vocabulary.tokenizer.tokenize_inside("Hi"), vocabulary.model->vocab(), dry_samplers);
  run.constraint.emplace(std::make_shared<Grammar>(vocabulary.tokens, Kind::lark, request.constraint->text), *request.constraint, vocabulary.tokenizer, std::span<const Token>());
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
  CHECK(given(vocabulary, "<think><tool_call>\n{\"any\": [thing]}</tool_call></think>" + call, {}) == "<think><tool_call>\n{\"any\": [thing]}</tool_call></think>" + call);
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
  ConstraintSpec spec = calls(false, false);
  spec.trigger->reasoning = true;
  RunConstraint thinking(grammar, spec, vocabulary.tokenizer, {});
  CHECK(take(vocabulary, thinking, call) > 0 && !thinking.done());
  CHECK(take(vocabulary, thinking, "</think>" + call) > 0 && thinking.done());
}

struct Answers {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<RunId, ConstraintCompiler::Answer> all;

  auto receiver() {
    return [this](ConstraintCompiler::Answer answer) {
      std::lock_guard lock(mutex);
      all[answer.run] = std::move(answer);
      changed.notify_all();
    };
  }
  ConstraintCompiler::Answer wait(RunId run) {
    std::unique_lock lock(mutex);
    CHECK(changed.wait_for(lock, 60s, [&] { return all.contains(run); }));
    return all[run];
  }
};

void compiles(const Vocabulary& vocabulary) {
  Answers answers;
  ConstraintCompiler::Limits limits;
  limits.cached = 3;
  ConstraintCompiler compiler(vocabulary.tokenizer, limits, answers.receiver());
  const auto integers = [](int n) { return ConstraintSpec{Kind::json, schema("\"type\": \"integer\", \"maximum\": " + std::to_string(n)), {}}; };

  CLAIM("what was compiled is found again, and the least recently used goes first");
  for (RunId run = 1; run <= 3; ++run) {
    CHECK(!compiler.find(integers(static_cast<int>(run))));
    compiler.compile(run, integers(static_cast<int>(run)));
    CHECK(answers.wait(run).grammar);
  }
  CHECK(compiler.find(integers(1)));
  compiler.compile(4, integers(4));
  CHECK(answers.wait(4).grammar);
  CHECK(compiler.cached() == 3);
  CHECK(compiler.find(integers(1)) && !compiler.find(integers(2)) && compiler.find(integers(3)));
  CHECK(!compiler.find({Kind::lark, integers(1).text, {}}));

  CLAIM("a failure is the answer of its run alone");
  compiler.compile(5, {Kind::json, schema("\"type\": \"wrong\""), {}});
  compiler.compile(6, integers(6));
  CHECK(answers.wait(5).error_code == "CONSTRAINT_INVALID");
  CHECK(!answers.wait(5).error_message.empty() && answers.wait(5).error_message.back() == '.');
  CHECK(answers.wait(6).grammar);

  CLAIM("what is too long is refused before it is copied");
  CHECK(code_of([&] { compiler.compile(7, {Kind::lark, std::string(limits.text_bytes + 1, 'x'), {}}); }) == "CONSTRAINT_TOO_COMPLEX");

  CLAIM("what takes too long is given up in time, and those behind it are served");
  Answers late;
  limits.time = 0ms;
  {
    ConstraintCompiler hurried(vocabulary.tokenizer, limits, late.receiver());
    std::string properties;
    for (int i = 0; i < 500; ++i) properties += (i ? ", \"p" : "\"p") + std::to_string(i) + "\": {\"type\": \"integer\"}";
    hurried.compile(1, {Kind::json, schema("\"properties\": {" + properties + "}"), {}});
    CHECK(late.wait(1).error_code == "CONSTRAINT_TOO_COMPLEX");
  }
}

}  // namespace

int main() {
  for (const char* variable : {"CADUCEUS_TEST_SMOLLM2", "CADUCEUS_TEST_HERMES_MODEL"}) {
    std::fprintf(stderr, "%s\n", variable);
    const Vocabulary vocabulary(variable);
    matches(vocabulary);
    forces(vocabulary);
    refuses(vocabulary);
    triggers(vocabulary);
    stop_strings(vocabulary);
    drafts(vocabulary);
    compiles(vocabulary);
  }
  return report();
}
