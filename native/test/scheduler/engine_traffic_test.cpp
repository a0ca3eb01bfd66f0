// The engine under random traffic from several threads at once, on the tiny model: what sanitizers are shown. Each
// caller submits, cancels, pauses, resumes, releases and continues runs as it likes.
//   engine_traffic_test [steps of each caller = 600] [seed = 0]
#include "scheduler/engine.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <thread>

#include "check.h"
#include "model/model.h"
#include "platform/error.h"
#include "test_model.h"

using namespace caduceus;
using namespace std::chrono_literals;

namespace {

// Everything that any thread took, by run.
struct TakenOutput {
  void take(Engine& engine, bool rest = false) {
    std::lock_guard lock(mutex);
    for (const RunOutput& output : rest ? engine.take_rest() : engine.take()) {
      CHECK(!ended.contains(output.id));
      tokens += output.tokens.size();
      if (!output.end) continue;
      ended[output.id] = *output.end;
      // Random weights say anything, but nothing breaks.
      CHECK(output.end->reason != FinishReason::error || output.end->error->code() != "ENGINE_FAILED");
    }
  }
  bool has_ended(RunId id) {
    std::lock_guard lock(mutex);
    return ended.contains(id);
  }
  std::mutex mutex;
  std::map<RunId, RunEnd> ended;
  uint64_t tokens = 0;
};

// Some known already, some new each time, some that cannot be compiled, and some that are free until a call begins.
std::optional<ConstraintSpec> some_constraint(std::mt19937& random) {
  using Kind = ConstraintSpec::Kind;
  const std::string number = std::to_string(random() % 50);
  switch (random() % 8) {
    case 0:
      return ConstraintSpec{Kind::regex, "[a-z]{1," + number + "}x", {}};
    case 1:
      return ConstraintSpec{
          Kind::json,
          R"({"type": "object", "properties": {"name": {"type": "string", "maxLength": 5}}, "required": ["name"], "additionalProperties": false})",
          {}};
    case 2:
      return ConstraintSpec{Kind::json, R"({"enum": [")" + number + R"(", "always the same"]})", {}};
    case 3:
      return ConstraintSpec{Kind::lark, R"(start: "{\"name\": " /[0-9]{1,3}/ "}\n</tool_call>")",
                            ConstraintSpec::Trigger{"<tool_call>", true, false}};
    case 4:
      return ConstraintSpec{Kind::regex, "(" + number, {}};
    case 5:
      return ConstraintSpec{Kind::regex, "[ab ]*", {}};  // says the same again and again, so that drafts come true
    default:
      return std::nullopt;
  }
}

RunRequest some_request(std::mt19937& random) {
  const auto below = [&](uint32_t limit) { return static_cast<uint32_t>(random() % limit); };
  RunRequest request;
  // Few beginnings, so that prefixes are shared; some longer than the context.
  std::string text(20 + below(3) * 80, static_cast<char>('a' + below(3)));
  if (below(20) == 0) text.assign(4000, 'x');
  for (uint32_t i = below(30); i > 0; --i) text += std::to_string(below(100)) + " ";
  request.prompt = {ControlPart{"<|im_start|>"}, TextPart{"user\n" + text}, ControlPart{"<|im_end|>"}};
  request.sampling.temperature = below(2) ? 0.0f : 1.0f;
  request.max_tokens = 1 + below(24);
  request.log_probabilities = below(4) == 0;
  request.prompt_log_probabilities = below(6) == 0;
  request.top_log_probabilities = below(3);
  if (below(12) == 0) request.max_tokens = 0;
  request.cache_scope = below(5) == 0 ? "tenant" : "";
  request.priority = static_cast<int32_t>(below(3)) - 1;
  if (below(10) == 0) request.queue_timeout_ms = 1 + below(20);
  if (below(6) == 0) request.keep_prefix = 2;
  request.deterministic = below(12) == 0;
  if (below(6) == 0) request.stop = {"e", "the end"};
  request.constraint = some_constraint(random);
  if (below(4) == 0)
    request.thought = ThoughtSpec{below(2) == 0, below(2) == 0 ? std::optional<uint32_t>(below(6)) : std::nullopt};
  return request;
}

void call(Engine& engine, TakenOutput& taken, uint32_t seed, int steps) {
  std::mt19937 random(seed);
  std::vector<RunId> mine;
  const auto pick = [&] { return static_cast<size_t>(random() % mine.size()); };
  for (int step = 0; step < steps; ++step) {
    const uint32_t action = random() % 16;
    if (mine.empty() || action < 6) {
      RunRequest request = some_request(random);
      if (!mine.empty() && random() % 3 == 0) request.after = mine[pick()];  // refused where that one is still at work
      mine.push_back(engine.submit(std::move(request)));
    } else if (action < 8) {
      engine.cancel(mine[pick()]);
    } else if (action == 8) {
      engine.pause(mine[pick()]);
    } else if (action < 11) {
      engine.resume(mine[pick()]);
    } else if (action == 11) {
      const size_t at = pick();
      engine.release(mine[at]);
      mine.erase(mine.begin() + static_cast<std::ptrdiff_t>(at));
    } else if (action < 14) {
      taken.take(engine);
    } else if (action == 14) {
      CHECK(engine.stats().running <= 65);
    } else {
      CHECK(!engine.tokenizer().tokenize(std::vector<PromptPart>{TextPart{"some words"}}).empty());
    }
  }
  for (const RunId id : mine) engine.resume(id);
  for (const RunId id : mine) {
    while (!taken.has_ended(id)) {
      taken.take(engine);
      std::this_thread::sleep_for(1ms);
    }
  }
}

// One run at a time, whose output is asked for all the while.
void counting(const std::shared_ptr<Model>& model) {
  CLAIM("who reads the first token of a run finds the run counted, and who reads its end finds it gone");
  ContextOptions options;
  options.context_size = 256;
  options.threads = 1;
  Engine engine(std::make_unique<Context>(model, options), EngineOptions{}, [] {});
  constexpr uint32_t tokens = 10;
  for (uint32_t round = 1; round <= 100; ++round) {
    RunRequest request;
    request.prompt = {TextPart{"Number " + std::to_string(round)}};
    request.max_tokens = tokens;
    engine.submit(std::move(request));
    bool has_begun = false, has_ended = false;
    while (!has_ended) {
      for (const RunOutput& output : engine.take()) {
        const Stats stats = engine.stats();
        // It may have ended meanwhile.
        if (!has_begun) CHECK(stats.running == 1 || stats.generated_tokens == round * tokens);
        has_begun = true;
        has_ended = output.end.has_value();
        if (has_ended) CHECK(stats.running == 0 && stats.generated_tokens == round * tokens);
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int steps = argc > 1 ? std::atoi(argv[1]) : 600;
  const auto seed = static_cast<uint32_t>(argc > 2 ? std::atoi(argv[2]) : 0);
  const auto model = load_test_model("CADUCEUS_TEST_HERMES_MODEL");
  const auto folder =
      std::filesystem::temp_directory_path() / ("caduceus-traffic-" + std::to_string(std::random_device{}()));

  counting(model);

  CLAIM("whatever three threads do at once, every run comes to one end, and nothing is left");
  uint64_t drafted = 0;
  uint64_t accepted = 0;
  for (uint32_t round = 0; round < 3; ++round) {
    ContextOptions options;
    options.context_size = 256;
    options.cache_tokens = round == 0 ? 256 : 700;
    EngineOptions engine_options;
    engine_options.prefix_folder = round == 2 ? "" : folder.string();
    engine_options.prefix_folder_bytes = 1 << 20;
    if (round == 1) engine_options.host_cache_bytes = 1 << 18;
    if (round < 2) engine_options.drafts = Drafts::always;
    std::atomic<int> wakes = 0;
    auto context = std::make_unique<Context>(model, options);
    // Round 1: the model drafts for itself too.
    auto draft = round == 1 ? std::make_unique<Context>(*context, model) : nullptr;
    Engine engine(std::move(context), engine_options, [&] { ++wakes; }, std::move(draft));
    TakenOutput taken;
    std::vector<std::thread> callers;
    for (uint32_t caller = 0; caller < 3; ++caller) {
      callers.emplace_back([&, caller] { call(engine, taken, seed + round * 10 + caller, steps); });
    }
    for (std::thread& caller : callers) caller.join();
    while (engine.stats().running + engine.stats().queued > 0) std::this_thread::sleep_for(1ms);
    CHECK(wakes > 0 && taken.tokens > 0);
    CHECK(engine.stats().cache_tokens_used <= engine.stats().cache_tokens);
    drafted += engine.stats().drafted_tokens;
    accepted += engine.stats().accepted_drafts;
    engine.close();
    taken.take(engine, true);
  }
  std::filesystem::remove_all(folder);
  std::fprintf(stderr, "    %d drafted, %d accepted\n", static_cast<int>(drafted), static_cast<int>(accepted));
  CHECK(accepted > 0 && accepted < drafted);
  return report();
}
