// Runs with constraints in a real engine: beside others, cut short, cancelled, moved out of the cache, and with
// constraints that are too much.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "check.h"
#include "engine_harness.h"
#include "model/model.h"
#include "scheduler/engine.h"
#include "test_model.h"

using namespace caduceus;
using namespace std::chrono_literals;
using Kind = ConstraintSpec::Kind;

namespace {

const std::string spacing =
    R"("x-guidance": {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": false})";
const std::string weather =
    R"({"type": "object", "properties": {"city": {"type": "string", "maxLength": 12}, "unit": {"enum": ["celsius", "fahrenheit"]}},)"
    R"( "required": ["city", "unit"], "additionalProperties": false, )" +
    spacing + "}";

ConstraintSpec call(bool trigger) {
  ConstraintSpec spec;
  const std::string body = R"("{\"name\": \"get_weather\", \"arguments\": " args "}\n</tool_call>")";
  spec.text = "start: " + (trigger ? body : "\"<tool_call>\\n\" " + body) + "\nargs: %json " + weather + "\n";
  if (trigger) spec.trigger = ConstraintSpec::Trigger{"<tool_call>", false, false};
  return spec;
}

RunRequest constrained(ConstraintSpec spec, uint32_t max_tokens = 100) {
  RunRequest request = question("How warm is it in Paris?", max_tokens);
  request.constraint = std::move(spec);
  return request;
}

bool begins_with(const std::string& text, const std::string& start) { return text.rfind(start, 0) == 0; }
bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

void calls(const std::shared_ptr<Model>& model) {
  Harness harness(model);
  CLAIM("a required call is written whole, and most of it is forced");
  const RunOutput forced = harness.wait(harness.engine->submit(constrained(call(false))));
  CHECK(begins_with(forced.text, "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \""));
  CHECK(ends_with(forced.text, "\"}}\n</tool_call>"));
  CHECK(forced.end->reason == FinishReason::stop && forced.end->constraint->complete);
  CHECK(forced.end->constraint->forced_tokens * 2 > forced.tokens.size());
  CHECK(forced.end->constraint->compile_ms > 0);
  CHECK(forced.end->usage.generated_tokens == forced.tokens.size());
  CHECK(harness.engine->tokenizer().detokenize(forced.tokens, false) == forced.text);

  CLAIM("who asks for log probabilities gets the same call with one for each token, none of them forced");
  RunRequest probable = constrained(call(false));
  probable.log_probabilities = true;
  const RunOutput stepped = harness.wait(harness.engine->submit(probable));
  CHECK(stepped.text == forced.text && stepped.log_probabilities.size() == stepped.tokens.size());
  CHECK(stepped.end->constraint->forced_tokens == 0 && stepped.end->constraint->compile_ms == 0);

  CLAIM("a limit cuts a call off, forced tokens counted, and it is not complete");
  for (const uint32_t limit : {1u, 5u, 20u}) {
    const RunOutput cut = harness.wait(harness.engine->submit(constrained(call(false), limit)));
    CHECK(cut.tokens.size() == limit && cut.end->reason == FinishReason::length && !cut.end->constraint->complete);
    CHECK(begins_with(forced.text, cut.text));
  }
  CLAIM("a call that is whole with its last token ends by itself, not by the limit");
  const RunOutput exact =
      harness.wait(harness.engine->submit(constrained(call(false), static_cast<uint32_t>(forced.tokens.size()))));
  CHECK(exact.end->reason == FinishReason::stop && exact.end->constraint->complete);

  CLAIM("a stop string inside forced text ends the run there");
  RunRequest stopped = constrained(call(false));
  stopped.stop = {"_weather"};
  const RunOutput until = harness.wait(harness.engine->submit(stopped));
  CHECK(until.text == "<tool_call>\n{\"name\": \"get" && until.end->stop_string == "_weather" &&
        !until.end->constraint->complete);

  CLAIM("a run continues after a constrained one, from its tokens");
  const RunId first = harness.engine->submit(constrained(call(false)));
  const RunOutput before = harness.wait(first);
  RunRequest next = question("Thanks!", 8);
  next.prompt.insert(next.prompt.begin(), {ControlPart{"<|im_end|>"}, TextPart{"\n"}});
  next.after = first;
  const RunOutput after = harness.wait(harness.engine->submit(next));
  CHECK(after.end->reason != FinishReason::error);
  CHECK(after.end->usage.cached_tokens + 40 > before.end->usage.prompt_tokens + before.tokens.size());

  CLAIM("deterministic runs give the same tokens each time, constrained too");
  std::vector<Token> same;
  for (int i = 0; i < 2; ++i) {
    RunRequest repeat = constrained(call(false));
    repeat.deterministic = true;
    repeat.sampling.temperature = 1.5f;
    repeat.sampling.seed = 7;
    const RunOutput output = harness.wait(harness.engine->submit(repeat));
    CHECK(output.end->constraint->complete);
    if (i > 0) CHECK(output.tokens == same);
    same = output.tokens;
  }
}

void triggers(const std::shared_ptr<Model>& model) {
  Harness harness(model);
  CLAIM("free text costs no constraint, and a tag the model writes begins a call that comes out whole");
  const RunOutput text = harness.wait(harness.engine->submit(constrained(call(true), 16)));
  CHECK(text.end->constraint->rejected_tokens == 0 && text.end->constraint->forced_tokens == 0 &&
        text.end->constraint->complete);
  // Earlier turns that call make the next one call.
  RunRequest request = constrained(call(true), 120);
  std::vector<PromptPart> turns;
  for (const std::string city : {"Rome", "Oslo", "Lima"}) {
    const auto turn = [&](const std::string& text) {
      turns.insert(turns.end(),
                   {ControlPart{"<|im_start|>"}, TextPart{text}, ControlPart{"<|im_end|>"}, TextPart{"\n"}});
    };
    turn("user\nHow warm is it in " + city + "?");
    turn("assistant\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"" + city +
         "\", \"unit\": \"celsius\"}}\n</tool_call>");
  }
  request.prompt.insert(request.prompt.begin(), turns.begin(), turns.end());
  for (const bool forced : {true, false}) {
    request.log_probabilities = !forced;
    const RunOutput output = harness.wait(harness.engine->submit(request));
    CHECK(output.text ==
          "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\", \"unit\": "
          "\"celsius\"}}\n</tool_call>");
    CHECK(output.end->reason == FinishReason::stop && output.end->constraint->complete);
    CHECK((output.end->constraint->forced_tokens > 0) == forced);
  }
}

void thoughts(const std::shared_ptr<Model>& model) {
  Harness harness(model);
  CLAIM("a thought that reaches its limit is ended, and the constrained answer comes behind it");
  for (const bool scored : {false, true}) {
    RunRequest request = constrained({Kind::regex, "[0-9]{2}", {}});
    request.prompt.emplace_back(ControlPart{"<think>\n"});
    request.thought = {true, 8};
    request.log_probabilities = scored;
    const RunOutput output = harness.wait(harness.engine->submit(request));
    const std::string end = "</think>\n\n";
    const size_t answer = output.text.find(end);
    CHECK(answer != std::string::npos && output.text.size() == answer + end.size() + 2);
    CHECK(output.end->reason == FinishReason::stop && output.end->constraint->complete);
    const auto thought = std::span(output.tokens).first(8);
    CHECK(begins_with(output.text, harness.engine->tokenizer().detokenize(thought, false)));
    CHECK((output.end->constraint->forced_tokens > 0) != scored);
    CHECK(!scored || output.log_probabilities.size() == output.tokens.size());
  }

  CLAIM("without a constraint the answer behind it is free");
  RunRequest free = question("How warm is it in Paris?", 40);
  free.prompt.emplace_back(ControlPart{"<think>\n"});
  free.thought = {true, 4};
  free.stop = {"\n"};
  const RunOutput output = harness.wait(harness.engine->submit(free));
  CHECK(output.text.find("</think>\n\n") != std::string::npos && !output.end->constraint);

  CLAIM("a constrained run that ends in its thought is not complete");
  RunRequest cut = constrained({Kind::regex, "[0-9]{2}", {}}, 5);
  cut.thought = {true, {}};
  const RunOutput short_one = harness.wait(harness.engine->submit(cut));
  CHECK(short_one.end->reason == FinishReason::length && !short_one.end->constraint->complete);
}

void neighbors(const std::shared_ptr<Model>& model) {
  CLAIM("a constraint that cannot be compiled fails its run alone, while others go on");
  Harness harness(model, 512, 1024);
  RunRequest endless = question("Tell me a story.", 60);
  for (const Token token : {0, 2}) endless.sampling.logit_bias.emplace_back(token, -INFINITY);
  const RunId neighbor = harness.engine->submit(endless);
  std::string huge = R"({"type": "object", "properties": {)";
  for (int i = 0; i < 20000; ++i)
    huge += (i ? ", " : "") + std::string("\"p") + std::to_string(i) + R"(": {"type": "string", "maxLength": 9999})";
  const RunId too_much = harness.engine->submit(constrained({Kind::json, huge + "}, " + spacing + "}", {}}));
  const RunId wrong = harness.engine->submit(constrained({Kind::regex, "(?<", {}}));
  const RunId fine = harness.engine->submit(constrained(call(false)));
  CHECK(harness.wait(wrong).end->error->code() == "CONSTRAINT_INVALID");
  CHECK(harness.wait(fine).end->constraint->complete);
  const RunOutput failed = harness.wait(too_much);
  std::fprintf(stderr, "    20,000 properties: %s\n", failed.end->error->what());
  CHECK(failed.end->error->code() == "CONSTRAINT_TOO_COMPLEX" || failed.end->reason != FinishReason::error);
  CHECK(harness.wait(neighbor).tokens.size() == 60);

  CLAIM("a run can be cancelled while its constraint is being compiled, and the engine closed");
  const RunId cancelled =
      harness.engine->submit(constrained({Kind::json, huge + ", \"x\": {}}, " + spacing + "}", {}}));
  harness.engine->cancel(cancelled);
  CHECK(harness.wait(cancelled).end->reason == FinishReason::cancelled);
  harness.engine->submit(constrained({Kind::json, huge + ", \"y\": {}}, " + spacing + "}", {}}));
  harness.engine->close();

  CLAIM("constrained runs that lose their cells go on where they were");
  Harness crowded(model, 256, 256);
  std::vector<RunId> runs;
  for (int i = 0; i < 8; ++i) {
    RunRequest request = question(
        "Number " + std::to_string(i) + ": how warm is it in a city of your choice? Think of the weather there.", 100);
    request.constraint = call(false);
    request.sampling.temperature = 1;
    request.sampling.seed = static_cast<uint32_t>(i);
    runs.push_back(crowded.engine->submit(request));
  }
  for (const RunId run : runs) {
    const RunOutput output = crowded.wait(run);
    CHECK(output.end->constraint->complete && ends_with(output.text, "\n</tool_call>"));
  }
}

}  // namespace

int main() {
  const auto model = load_test_model("CADUCEUS_TEST_SMOLLM2");
  calls(model);
  triggers(model);
  thoughts(model);
  neighbors(model);
  return report();
}
