// Drafts in a real engine: they change how often the model computes, and nothing else.
#include <algorithm>
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

EngineOptions with(Drafts drafts) {
  EngineOptions options;
  options.drafts = drafts;
  options.host_cache_bytes = 0;
  return options;
}

// A list so many times, so that the model goes on writing it.
RunRequest copying(uint32_t max_tokens, int number = 0) {
  const std::vector<std::string> words{"apple", "river", "stone", "cloud", "tiger",  "paper",  "green",  "seven",
                                       "music", "bread", "glass", "north", "candle", "winter", "garden", "silver"};
  std::string list;
  for (size_t i = 0; i < 4; ++i)
    list += std::to_string(i + 1) + ". " +
            words[(i * static_cast<size_t>(2 * number + 1) + static_cast<size_t>(number)) % words.size()] + "\n";
  RunRequest request = endless("", max_tokens);
  request.prompt = {TextPart{list + "\n" + list + "\n1."}};
  return request;
}

std::vector<Token> prompt_of(Harness& harness, const RunRequest& request) {
  return harness.engine->tokenizer().tokenize(request.prompt);
}

// What the run has left in the cache: all of its tokens, but for the last one where that was not computed.
uint32_t cells(const RunOutput& output) { return output.end->usage.prompt_tokens + output.end->usage.generated_tokens; }

void count(Drafts drafts, const Stats& stats) {
  const char* name = drafts == Drafts::never ? "never" : drafts == Drafts::paying ? "paying" : "always";
  std::fprintf(stderr, "    %s: %d tokens, %d drafted, %d accepted, %d steps\n", name,
               static_cast<int>(stats.generated_tokens), static_cast<int>(stats.drafted_tokens),
               static_cast<int>(stats.accepted_drafts), static_cast<int>(stats.steps));
}

void copies(const std::shared_ptr<Model>& model) {
  CLAIM(
      "a text that repeats itself comes out as without drafts, in three fifths of the steps, and leaves its own cells "
      "only");
  RunOutput plain;
  Stats plain_stats;
  for (const Drafts drafts : {Drafts::never, Drafts::paying, Drafts::always}) {
    Harness harness(model, 2048, 4096, with(drafts));
    const RunRequest request = copying(64);
    const RunOutput output = harness.wait(harness.engine->submit(request));
    const Stats stats = harness.engine->stats();
    count(drafts, stats);
    CHECK(output.tokens.size() == 64 && output.end->reason == FinishReason::length &&
          output.end->usage.generated_tokens == 64);
    CHECK(stats.generated_tokens == 64 && stats.cache_tokens_used == cells(output) - 1);
    CHECK(harness.engine->tokenizer().detokenize(output.tokens, false) == output.text);
    if (drafts == Drafts::never) {
      CHECK(stats.drafted_tokens == 0 && stats.accepted_drafts == 0);
      plain = output;
      plain_stats = stats;
      continue;
    }
    CHECK(same_up_to_a_tie(*model, prompt_of(harness, request), plain, output));
    CHECK(stats.accepted_drafts <= stats.drafted_tokens);
    if (drafts == Drafts::always) CHECK(stats.accepted_drafts > 25 && stats.steps * 5 < plain_stats.steps * 3);
  }

  CLAIM("a text that ends by itself, sampled and penalized, is the same as well");
  for (const float temperature : {0.0f, 0.7f}) {
    std::vector<RunOutput> outputs;
    for (const Drafts drafts : {Drafts::never, Drafts::always}) {
      Harness harness(model, 2048, 4096, with(drafts));
      RunRequest request = question("Repeat after me: the cat sat on the mat, the cat sat on the hat.", 30);
      request.sampling.temperature = temperature;
      request.sampling.seed = 5;
      request.sampling.repeat_penalty = temperature > 0 ? 1.05f : 1.0f;
      outputs.push_back(harness.wait(harness.engine->submit(request)));
      const RunOutput& output = outputs.back();
      CHECK(harness.engine->stats().cache_tokens_used == cells(output) - (output.end->reason == FinishReason::length));
      if (drafts == Drafts::always) CHECK(same_up_to_a_tie(*model, prompt_of(harness, request), outputs[0], output));
    }
  }
}

void ends(const std::shared_ptr<Model>& model) {
  Harness plain(model, 2048, 4096, with(Drafts::never));
  const auto prompt = prompt_of(plain, copying(1));
  const RunOutput whole = plain.wait(plain.engine->submit(copying(12)));

  CLAIM("a limit ends the run at its token, wherever in a draft that is, and only what was computed of it stays");
  for (uint32_t limit = 1; limit <= 9; ++limit) {
    Harness harness(model, 512, 512, with(Drafts::always));
    const RunOutput cut = harness.wait(harness.engine->submit(copying(limit)));
    RunOutput reference = whole;
    reference.tokens.resize(limit);
    CHECK(cut.end->reason == FinishReason::length && cut.tokens.size() == limit);
    CHECK(same_up_to_a_tie(*model, prompt, reference, cut));
    CHECK(harness.engine->stats().cache_tokens_used == cells(cut) - 1);
  }

  CLAIM("so do stop strings and stop tokens, and a later run goes on from there");
  for (const char* stop : {"2.", "st", "cloud\n", "nowhere"}) {
    Harness harness(model, 512, 512, with(Drafts::always));
    RunRequest request = copying(20);
    request.stop = {stop};
    const RunOutput expected = plain.wait(plain.engine->submit(request));
    const RunId id = harness.engine->submit(request);
    const RunOutput stopped = harness.wait(id);
    CHECK(same_up_to_a_tie(*model, prompt, expected, stopped));
    if (stopped.tokens == expected.tokens)
      CHECK(stopped.text == expected.text && stopped.end->stop_string == expected.end->stop_string);
    CHECK(stopped.text.find(stop) == std::string::npos &&
          (stopped.end->stop_string == stop || stopped.tokens.size() == 20));
    CHECK(harness.engine->stats().cache_tokens_used == cells(stopped) - 1);
    RunRequest next = endless("", 6);
    next.prompt = {TextPart{"\n\nOnce"}};
    next.after = id;
    const RunOutput after = harness.wait(harness.engine->submit(next));
    CHECK(after.end->usage.cached_tokens + 1 == cells(stopped) && after.tokens.size() == 6);
  }
  for (const size_t at : {5u, 6u, 7u}) {
    Harness harness(model, 512, 512, with(Drafts::always));
    RunRequest request = copying(20);
    request.stop_tokens = {whole.tokens[at]};
    const auto first = std::find(whole.tokens.begin(), whole.tokens.end(), whole.tokens[at]);
    const RunOutput stopped = harness.wait(harness.engine->submit(request));
    CHECK(stopped.end->reason == FinishReason::stop &&
          stopped.tokens == std::vector<Token>(whole.tokens.begin(), first));
    CHECK(harness.engine->stats().cache_tokens_used == cells(stopped));
  }

  CLAIM("a full context ends the run at its last cell, and round after round no cell is lost");
  Harness small(model, 96, 96, with(Drafts::always));
  for (int round = 0; round < 3; ++round) {
    const RunOutput full = small.wait(small.engine->submit(copying(1000, round)));
    CHECK(full.end->reason == FinishReason::length && cells(full) == 96);
    CHECK(small.engine->stats().cache_tokens_used < 96);
  }

  CLAIM("a cancel leaves what was certain, and the next run goes on from there as if there had been no drafts");
  Harness harness(model, 2048, 4096, with(Drafts::always));
  const RunId id = harness.engine->submit(copying(1000));
  harness.wait_for_tokens(id, 10);
  harness.engine->cancel(id);
  const RunOutput cancelled = harness.wait(id);
  CHECK(cancelled.end->reason == FinishReason::cancelled &&
        harness.engine->stats().cache_tokens_used == cells(cancelled) - 1);
  RunRequest next = endless("", 20);
  next.prompt = {TextPart{"\n\nOnce"}};
  next.after = id;
  const RunOutput after = harness.wait(harness.engine->submit(next));
  RunRequest again = next;
  std::vector<Token> tokens = prompt;
  tokens.insert(tokens.end(), cancelled.tokens.begin(), cancelled.tokens.end());
  const auto added = harness.engine->tokenizer().tokenize(next.prompt, tokens.back());
  tokens.insert(tokens.end(), added.begin(), added.end());
  again.after.reset();
  again.prompt = {TokensPart{tokens}};
  CHECK(same_up_to_a_tie(*model, tokens, plain.wait(plain.engine->submit(again)), after));
}

void streams(const std::shared_ptr<Model>& model) {
  CLAIM("3 and 15 streams side by side write what they write without drafts");
  for (const int number : {3, 15}) {
    std::vector<RunOutput> outputs;
    const bool many = number > 8;
    const uint32_t tokens = many ? 12 : 24;
    for (const Drafts drafts : {Drafts::never, Drafts::paying, Drafts::always}) {
      Harness harness(model, 256, 2048, with(drafts));
      std::vector<RunId> ids;
      for (int i = 0; i < number; ++i) ids.push_back(harness.engine->submit(copying(tokens, i)));
      uint32_t used = 0;
      for (int i = 0; i < number; ++i) {
        const RunOutput output = harness.wait(ids[static_cast<size_t>(i)]);
        CHECK(output.end->reason == FinishReason::length && output.tokens.size() == tokens);
        used += cells(output) - 1;
        if (drafts == Drafts::never)
          outputs.push_back(output);
        else
          CHECK(same_up_to_a_tie(*model, prompt_of(harness, copying(1, i)), outputs[static_cast<size_t>(i)], output));
      }
      const Stats stats = harness.engine->stats();
      count(drafts, stats);
      CHECK(stats.cache_tokens_used <= used && stats.running == 0);  // what they share counts once
      if (drafts == Drafts::always) CHECK(stats.accepted_drafts > 10);
    }
  }

  CLAIM("where cells are scarce runs preempt each other as they do without drafts, and none ends early");
  Harness crowded(model, 128, 160, with(Drafts::always));
  std::vector<RunId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(crowded.engine->submit(copying(40, i)));
  for (const RunId id : ids) {
    const RunOutput output = crowded.wait(id);
    CHECK(output.end->reason == FinishReason::length && output.tokens.size() == 40);
  }
  CHECK(crowded.engine->stats().cache_tokens_used <= 160);
  CHECK(crowded.wait(crowded.engine->submit(question("What is the capital of France?"))).text ==
        "The capital of France is Paris.");
}

void constraints(const std::shared_ptr<Model>& model) {
  const std::string weather =
      R"("{\"city\": \"" /[A-Z][a-z]{2,10}/ "\", \"unit\": \"" ("celsius" | "fahrenheit") "\"}")";
  const std::vector<ConstraintSpec> specs{
      {Kind::regex, "( ?[a-z0-9.]+\\n?)+", {}},
      {Kind::lark, "start: (\" \" WORD \"\\n\" NUMBER \".\")+\nWORD: /[a-z]+/\nNUMBER: /[0-9]/\n", {}},
      {Kind::lark, "start: (" + weather + " \"\\n\")+\n", {}},
      {Kind::lark, "start: " + weather + "\n", {}},
  };
  CLAIM("constrained texts come out as without drafts, cut off or whole");
  uint64_t accepted = 0;
  for (size_t i = 0; i < specs.size(); ++i) {
    for (const uint32_t limit : {26u, 13u}) {
      RunOutput plain;
      for (const Drafts drafts : {Drafts::never, Drafts::always}) {
        Harness harness(model, 1024, 4096, with(drafts));
        RunRequest request = copying(limit);
        if (i >= 2) {
          std::string calls;
          for (const std::string city : {"Rome", "Oslo", "Rome", "Oslo"})
            calls += "{\"city\": \"" + city + "\", \"unit\": \"celsius\"}\n";
          request.prompt = {TextPart{calls}};
        }
        request.constraint = specs[i];
        const RunOutput output = harness.wait(harness.engine->submit(request));
        CHECK(output.end->reason != FinishReason::error && output.tokens.size() <= limit);
        const Stats stats = harness.engine->stats();
        CHECK(stats.cache_tokens_used <= cells(output) && stats.cache_tokens_used + 20 > cells(output));
        if (drafts == Drafts::never)
          plain = output;
        else
          CHECK(same_up_to_a_tie(*model, prompt_of(harness, request), plain, output));
        if (output.tokens == plain.tokens) {
          CHECK(output.text == plain.text && output.end->reason == plain.end->reason &&
                output.end->constraint->complete == plain.end->constraint->complete);
          CHECK(output.end->constraint->forced_tokens == plain.end->constraint->forced_tokens &&
                output.end->constraint->rejected_tokens == plain.end->constraint->rejected_tokens);
        }
        accepted += stats.accepted_drafts;
      }
    }
  }
  CHECK(accepted > 20);
}

void exceptions(const std::shared_ptr<Model>& model) {
  CLAIM("deterministic runs and those with log probabilities are not drafted for");
  Harness harness(model, 1024, 4096, with(Drafts::always));
  RunRequest request = copying(20);
  request.log_probabilities = true;
  const RunOutput output = harness.wait(harness.engine->submit(request));
  CHECK(output.log_probabilities.size() == 20);
  request.log_probabilities = false;
  request.deterministic = true;
  CHECK(harness.wait(harness.engine->submit(request)).tokens.size() == 20);
  CHECK(harness.engine->stats().drafted_tokens == 0);
}

}  // namespace

// Names of groups run these alone.
int main(int argc, char** argv) {
  const auto model = load_test_model("CADUCEUS_TEST_SMOLLM2");
  const std::vector<std::string> chosen(argv + 1, argv + argc);
  const auto group = [&](const char* name, auto test) {
    if (chosen.empty() || std::find(chosen.begin(), chosen.end(), name) != chosen.end()) test(model);
  };
  group("copies", copies);
  group("ends", ends);
  group("streams", streams);
  group("constraints", constraints);
  group("exceptions", exceptions);
  return report();
}
