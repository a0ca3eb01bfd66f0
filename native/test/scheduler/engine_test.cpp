// The engine on a real model: what comes out, and what happens when runs are cancelled, neglected, crowded or closed.
#include "scheduler/engine.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>

#include "check.h"
#include "engine_harness.h"
#include "model/model.h"
#include "platform/error.h"
#include "test_model.h"

using namespace caduceus;
using namespace std::chrono_literals;

namespace {

std::string long_text(int repeats) {
  std::string text;
  for (int i = 0; i < repeats; ++i) text += "All work and no play makes a dull text. ";
  return text;
}

void answers(const std::shared_ptr<Model>& model) {
  Harness harness(model);
  CLAIM("a greedy answer is what the model says, with usage and timings");
  const RunOutput first = harness.wait(harness.engine->submit(question("What is the capital of France?")));
  CHECK(first.text == "The capital of France is Paris.");
  CHECK(first.end->reason == FinishReason::stop);
  CHECK(first.end->usage.generated_tokens == first.tokens.size());
  CHECK(first.end->usage.cached_tokens == 0);
  CHECK(first.end->timings.first_token_ms > 0 && first.end->timings.tokens_per_second > 0);

  CLAIM("a run continues after another and pays only its new tokens");
  const RunId one = harness.engine->submit(question("What is the capital of France?"));
  const RunOutput before = harness.wait(one);
  RunRequest next = question("And of Spain?");
  next.prompt.insert(next.prompt.begin(), {ControlPart{"<|im_end|>"}, TextPart{"\n"}});
  next.after = one;
  const RunOutput after = harness.wait(harness.engine->submit(next));
  CHECK(after.text.find("Madrid") != std::string::npos);
  CHECK(after.end->usage.cached_tokens >= before.end->usage.prompt_tokens + before.tokens.size() - 1);

  CLAIM("a released run can no longer be continued");
  harness.engine->release(one);
  CHECK(harness.wait(harness.engine->submit(next)).end->error->code() == "INVALID_ARGUMENT");

  CLAIM("other cache scopes share nothing");
  RunRequest tenant = question("What is the capital of France?");
  tenant.cache_scope = "tenant";
  CHECK(harness.wait(harness.engine->submit(tenant)).end->usage.cached_tokens == 0);

  CLAIM("a stop string ends the text before it, a limit ends it with length");
  RunRequest stop = question("What is the capital of France?");
  stop.stop = {" is Par"};
  const RunOutput stopped = harness.wait(harness.engine->submit(stop));
  CHECK(stopped.text == "The capital of France" && stopped.end->stop_string == " is Par");
  const RunOutput cut = harness.wait(harness.engine->submit(question("What is the capital of France?", 3)));
  CHECK(cut.tokens.size() == 3 && cut.end->reason == FinishReason::length);

  CLAIM("log probabilities come when asked for, one for each token");
  RunRequest logged = question("What is the capital of France?");
  logged.log_probabilities = true;
  const RunOutput probable = harness.wait(harness.engine->submit(logged));
  CHECK(probable.log_probabilities.size() == probable.tokens.size());
  for (const float value : probable.log_probabilities) CHECK(value <= 0 && value > -20);

  CLAIM("the same seed gives the same text, another one does not");
  const auto sampled = [&](uint32_t seed) {
    RunRequest request = endless("Tell me a story.", 32);
    request.sampling.temperature = 1.5f;
    request.sampling.seed = seed;
    return harness.wait(harness.engine->submit(request)).text;
  };
  CHECK(sampled(7) == sampled(7));
  CHECK(sampled(7) != sampled(8));
}

void refusals(const std::shared_ptr<Model>& model) {
  Harness harness(model, 128, 512);
  CLAIM("a prompt longer than the context is refused and says by how much");
  const RunOutput full = harness.wait(harness.engine->submit(question(long_text(20))));
  CHECK(full.end->error->code() == "CONTEXT_FULL");
  CHECK(std::string(full.end->error->what()).find("shorten it by") != std::string::npos);

  CLAIM("a prompt of megabytes is refused without being tokenized");
  const std::string megabytes = long_text(200000);
  const RunOutput huge = harness.wait(harness.engine->submit(question(megabytes)));
  // Tokens are counted up to four contexts; what is known without counting is more.
  const size_t least = megabytes.size() / harness.engine->tokenizer().longest_piece();
  const std::string said = huge.end->error->what();
  CHECK(huge.end->error->code() == "CONTEXT_FULL" && least > 10000);
  CHECK(std::stoul(said.substr(said.find("at least ") + 9)) >= least);

  CLAIM("a full context ends the run with length, and refused runs leave nothing behind");
  const RunOutput filled = harness.wait(harness.engine->submit(endless("Count.", 100000)));
  CHECK(filled.end->reason == FinishReason::length);
  CHECK(filled.end->usage.prompt_tokens + filled.tokens.size() == 128);
  CHECK(harness.engine->stats().running == 0 && harness.engine->stats().queued == 0);

  CLAIM("a request waits no longer than it said");
  const RunId busy = harness.engine->submit(endless("Count.", 200));
  std::vector<RunId> crowd;
  for (int i = 0; i < 70; ++i) crowd.push_back(harness.engine->submit(endless("Count to " + std::to_string(i), 150)));
  RunRequest hurried = question("Hello?");
  hurried.queue_timeout_ms = 1;
  const RunOutput expired = harness.wait(harness.engine->submit(hurried));
  CHECK(expired.end->error->code() == "QUEUE_TIMEOUT" && expired.end->error->param() == "queueTimeoutMs");
  harness.engine->cancel(busy);
  for (const RunId id : crowd) harness.engine->cancel(id);
  for (const RunId id : crowd)
    CHECK(harness.wait(id).end->reason == FinishReason::cancelled ||
          harness.seen(id).end->reason == FinishReason::length);
}

void cancelling(const std::shared_ptr<Model>& model) {
  EngineOptions options;
  options.host_cache_bytes = 0;  // what is cached stays in the KV cache
  Harness harness(model, 4096, 4096, options);
  CLAIM("a cancel in a prefill interrupts the step that it is in, of which nothing is kept");
  bool is_interrupted = false;
  // Where the machine is busy, a step may end between the look at the cache and the cancel.
  for (int tries = 0; tries < 10 && !is_interrupted; ++tries) {
    const RunId prefilling = harness.engine->submit(question(std::to_string(tries) + " " + long_text(300)));
    CHECK(comes_about([&] { return harness.engine->stats().running > 0; }));
    std::this_thread::sleep_for(20ms);
    const uint32_t computed = harness.engine->stats().cache_tokens_used;
    harness.engine->cancel(prefilling);
    CHECK(harness.wait(prefilling).end->reason == FinishReason::cancelled && harness.seen(prefilling).tokens.empty());
    is_interrupted = harness.engine->stats().cache_tokens_used == computed;
  }
  CHECK(is_interrupted);

  CLAIM("a cancel in decode ends the run, keeps its text, and its neighbor goes on as if it had been alone");
  const RunOutput alone = harness.wait(harness.engine->submit(endless("Tell me about the sea.", 40)));
  const RunId neighbor = harness.engine->submit(endless("Tell me about the sea.", 40));
  const RunId victim = harness.engine->submit(endless("Tell me about mountains.", 4000));
  harness.wait_for_tokens(victim, 5);
  harness.engine->cancel(victim);
  CHECK(harness.wait(victim).end->reason == FinishReason::cancelled);
  CHECK(!harness.seen(victim).text.empty());
  const RunOutput other = harness.wait(neighbor);
  CHECK(other.tokens.size() == 40 && other.end->reason == FinishReason::length);
  CHECK(same_up_to_a_tie(*model, harness.engine->tokenizer().tokenize(endless("Tell me about the sea.").prompt), other,
                         alone));

  CLAIM("cancelling twice, after the end, or a run that never was does nothing");
  harness.engine->cancel(victim);
  harness.engine->cancel(123456);
  harness.engine->release(victim);
  harness.engine->release(victim);
  CHECK(harness.wait(harness.engine->submit(question("What is the capital of France?"))).text ==
        "The capital of France is Paris.");
}

// Of models with other ends of a turn than SmolLM2 too.
RunRequest unending(const Model& model, const std::string& text, uint32_t max_tokens) {
  RunRequest request = question(text, max_tokens);
  for (const Token token : model.tokenizer().ends_of_generation())
    request.sampling.logit_bias.emplace_back(token, -INFINITY);
  return request;
}

void crowding(const std::shared_ptr<Model>& model) {
  CLAIM("runs that need more cells than there are, are preempted and computed again, and none ends early");
  std::vector<RunOutput> alone;
  std::vector<RunRequest> requests;
  for (const std::string topic : {"the sea", "mountains", "bread", "music", "trains", "ants"})
    requests.push_back(unending(*model, "Tell me about " + topic + ".", 120));
  {
    Harness quiet(model, 512, 4096);
    for (const auto& request : requests) alone.push_back(quiet.wait(quiet.engine->submit(request)));
  }
  Harness crowded(model, 512, 512);
  std::vector<RunId> ids;
  for (const auto& request : requests) ids.push_back(crowded.engine->submit(request));
  size_t together = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    const RunOutput output = crowded.wait(ids[i]);
    CHECK(output.end->reason == FinishReason::length && output.tokens.size() == 120);
    CHECK(same_up_to_a_tie(*model, crowded.engine->tokenizer().tokenize(requests[i].prompt), output, alone[i]));
    together += output.end->usage.prompt_tokens + output.tokens.size();
  }
  const Stats stats = crowded.engine->stats();
  CHECK(together > stats.cache_tokens + 200 && stats.running == 0 && stats.cache_tokens_used <= stats.cache_tokens);
}

void neglected(const std::shared_ptr<Model>& model) {
  Harness harness(model);
  CLAIM("a run whose reader pauses pauses, holds a bounded number of tokens, and goes on when it resumes");
  const RunId lazy = harness.engine->submit(endless("Tell me about the sea.", 330));
  harness.engine->pause(lazy);
  CHECK(comes_about([&] { return harness.engine->stats().paused == 1; }));
  const uint64_t generated = harness.engine->stats().generated_tokens;
  CHECK(generated < 300);
  std::this_thread::sleep_for(100ms);
  CHECK(harness.engine->stats().generated_tokens == generated);
  CHECK(harness.seen(lazy).tokens.empty());

  CLAIM("others run meanwhile");
  CHECK(harness.wait(harness.engine->submit(question("What is the capital of France?"))).text ==
        "The capital of France is Paris.");
  harness.engine->resume(lazy);
  CHECK(harness.wait(lazy).tokens.size() == 330);
}

void moving(const std::shared_ptr<Model>& model) {
  CLAIM("idle sequences are evicted while nothing runs, and loaded again without being computed");
  Harness harness(model);
  const RunRequest first = question(long_text(20), 8);
  const RunOutput before = harness.wait(harness.engine->submit(first));
  for (int i = 0; i < 5; ++i) harness.wait(harness.engine->submit(question(std::to_string(i) + long_text(20), 8)));
  CHECK(comes_about([&] { return harness.engine->stats().cached_sequences <= 3; }));
  CHECK(harness.engine->stats().host_cache_bytes > 0);
  const RunOutput again = harness.wait(harness.engine->submit(first));
  CHECK(again.end->usage.cached_tokens == before.end->usage.prompt_tokens - 1);
  CHECK(harness.engine->stats().restored_tokens + 8 >
        again.end->usage.cached_tokens);  // the first ones are all prompts'
  CHECK(same_up_to_a_tie(*model, harness.engine->tokenizer().tokenize(first.prompt), before, again));

  CLAIM("without a host cache, cached sequences stay in the KV cache");
  EngineOptions none;
  none.host_cache_bytes = 0;
  Harness kept(model, 2048, 4096, none);
  for (int i = 0; i < 4; ++i) kept.wait(kept.engine->submit(question(std::to_string(i) + long_text(20), 8)));
  std::this_thread::sleep_for(50ms);
  CHECK(kept.engine->stats().cached_sequences == 4 && kept.engine->stats().host_cache_bytes == 0);
}

void keeping(const std::shared_ptr<Model>& model) {
  const auto folder = std::filesystem::temp_directory_path() /
                      ("caduceus-prefixes-" + std::to_string(Clock::now().time_since_epoch().count()));
  EngineOptions options;
  options.prefix_folder = folder.string();
  options.prefix_folder_bytes = 1 << 30;
  const auto ask = [](const std::string& text, bool keep) {
    RunRequest request = question(text, 8);
    request.prompt.insert(request.prompt.begin(), {ControlPart{"<|im_start|>"}, TextPart{"system\n" + long_text(16)},
                                                   ControlPart{"<|im_end|>"}, TextPart{"\n"}});
    if (keep) request.keep_prefix = 3;
    return request;
  };
  CLAIM("a prefix that is to be kept is there for the next engine, up to its last token, and for other scopes is not");
  RunOutput computed;
  {
    Harness first(model, 2048, 4096, options);
    computed = first.wait(first.engine->submit(ask("What is the capital of France?", true)));
    CHECK(computed.end->usage.cached_tokens == 0);
    // Its file is not left to the engine's end.
    const auto written = [&] {
      std::error_code none_yet;
      return std::filesystem::exists(folder) && !std::filesystem::is_empty(folder, none_yet);
    };
    CHECK(comes_about(written));
  }
  {
    Harness second(model, 2048, 4096, options);
    const RunOutput restored = second.wait(second.engine->submit(ask("What is the capital of France?", false)));
    const uint32_t whole = restored.end->usage.prompt_tokens;
    CHECK(restored.end->usage.cached_tokens > 128 && restored.end->usage.cached_tokens < whole - 10);
    CHECK(second.engine->stats().restored_tokens == restored.end->usage.cached_tokens);
    CHECK(same_up_to_a_tie(*model,
                           second.engine->tokenizer().tokenize(ask("What is the capital of France?", false).prompt),
                           computed, restored));
    RunRequest tenant = ask("What is the capital of France?", false);
    tenant.cache_scope = "tenant";
    CHECK(second.wait(second.engine->submit(tenant)).end->usage.cached_tokens == 0);
  }
  CLAIM("another KV type, a damaged file and a full queue of the same prompt do no harm");
  {
    ContextOptions small;
    small.context_size = 2048;
    small.kv_type = GGML_TYPE_Q8_0;
    Engine other(std::make_unique<Context>(model, small), options, [] {});
    const RunId id = other.submit(ask("What is the capital of France?", false));
    std::optional<RunEnd> end;
    while (!end) {
      for (RunOutput& output : other.take()) end = output.id == id ? output.end : end;
      std::this_thread::sleep_for(5ms);
    }
    CHECK(end->usage.cached_tokens == 0 && end->reason != FinishReason::error);
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100000);
    file.put('!');
  }
  {
    Harness third(model, 2048, 4096, options);
    std::vector<RunId> ids;
    for (int i = 0; i < 3; ++i) ids.push_back(third.engine->submit(ask("What is the capital of France?", i == 2)));
    for (const RunId id : ids) CHECK(third.wait(id).end->reason != FinishReason::error);
  }
  Harness fourth(model, 2048, 4096, options);
  CHECK(fourth.wait(fourth.engine->submit(ask("And of Spain?", false))).end->usage.cached_tokens > 128);
  fourth.engine->close();
  std::filesystem::remove_all(folder);
}

void exact(const std::shared_ptr<Model>& model) {
  CLAIM("a deterministic run gives the same tokens and probabilities to the bit, alone, beside others and after them");
  Harness harness(model);
  RunRequest request = endless("Tell me about the sea. " + long_text(5), 24);
  request.sampling.temperature = 1;
  request.sampling.seed = 3;
  request.deterministic = true;
  request.log_probabilities = true;
  const RunOutput alone = harness.wait(harness.engine->submit(request));
  CHECK(alone.tokens.size() == 24 && alone.end->usage.cached_tokens == 0);
  std::vector<RunId> others;
  for (int i = 0; i < 3; ++i)
    others.push_back(harness.engine->submit(endless("Tell me about " + std::to_string(i), 400)));
  const RunId one = harness.engine->submit(request);
  const RunId two = harness.engine->submit(request);
  for (const RunId id : {one, two}) {
    const RunOutput output = harness.wait(id);
    CHECK(output.tokens == alone.tokens && output.log_probabilities == alone.log_probabilities);
    CHECK(output.end->usage.cached_tokens == 0);
  }
  CHECK(harness.engine->stats().running > 0);  // the others still were at work

  CLAIM("it can be cancelled while it waits, reads and writes");
  RunRequest slow = endless(long_text(100), 400);
  slow.deterministic = true;
  const RunId reads = harness.engine->submit(slow);
  const RunId waits = harness.engine->submit(slow);
  std::this_thread::sleep_for(100ms);
  harness.engine->cancel(waits);
  harness.engine->cancel(reads);
  CHECK(harness.wait(reads).end->reason == FinishReason::cancelled &&
        harness.wait(waits).end->reason == FinishReason::cancelled);
  const RunId writes = harness.engine->submit(request);
  harness.wait_for_tokens(writes, 5);
  harness.engine->cancel(writes);
  CHECK(harness.wait(writes).end->reason == FinishReason::cancelled);
  for (const RunId id : others) harness.engine->cancel(id);
  CHECK(harness.wait(harness.engine->submit(request)).log_probabilities == alone.log_probabilities);
}

void closing(const std::shared_ptr<Model>& model) {
  CLAIM("closing ends every run with MODEL_CLOSED, in decode, in prefill and in the queue");
  for (int round = 0; round < 5; ++round) {
    Harness harness(model, 2048, 2048);
    std::vector<RunId> ids;
    for (int i = 0; i < 4; ++i)
      ids.push_back(harness.engine->submit(endless("Tell me about " + std::to_string(i), 500)));
    ids.push_back(harness.engine->submit(endless(long_text(150), 500)));
    std::this_thread::sleep_for(std::chrono::milliseconds(round * 40));
    harness.engine->close();
    harness.engine->close();
    for (const RunId id : ids) CHECK(harness.seen(id).end->error->code() == "MODEL_CLOSED");
    bool refused = false;
    try {
      harness.engine->submit(question("Hello?"));
    } catch (const EngineError& error) {
      refused = error.code() == "MODEL_CLOSED";
    }
    CHECK(refused);
  }

  CLAIM("an engine may be destroyed while callers submit and cancel");
  Harness harness(model);
  std::atomic<bool> done = false;
  std::thread caller([&] {
    try {
      for (;;) harness.engine->cancel(harness.engine->submit(question("Hello?")));
    } catch (const EngineError&) {
      done = true;
    }
  });
  std::this_thread::sleep_for(30ms);
  harness.engine->close();
  caller.join();
  CHECK(done);
}

}  // namespace

// Names of groups run these alone.
int main(int argc, char** argv) {
  const auto smollm = load_test_model("CADUCEUS_TEST_SMOLLM2");
  // Of random weights, and many times as fast: where it does not matter what is written.
  const auto tiny = load_test_model("CADUCEUS_TEST_HERMES_MODEL");
  const std::vector<std::string> chosen(argv + 1, argv + argc);
  const auto group = [&](const char* name, auto test, const std::shared_ptr<Model>& model) {
    if (chosen.empty() || std::find(chosen.begin(), chosen.end(), name) != chosen.end()) test(model);
  };
  group("answers", answers, smollm);
  group("refusals", refusals, smollm);
  group("cancelling", cancelling, smollm);
  group("crowding", crowding, tiny);
  group("neglected", neglected, smollm);
  group("moving", moving, tiny);
  group("keeping", keeping, smollm);
  group("exact", exact, smollm);
  group("closing", closing, smollm);
  return report();
}
