// Texts that wait to be tokenized: what becomes of them when the engine ends, when nobody waits for them any more, and
// when their run has no more time.
#include "tokenizer/prompt_reader.h"

#include <atomic>
#include <functional>
#include <map>
#include <stdexcept>
#include <thread>

#include "check.h"
#include "engine_harness.h"
#include "platform/error.h"
#include "test_model.h"

using namespace caduceus;
using namespace std::chrono_literals;

namespace {

std::string words(size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += "The quick brown fox jumps over the lazy dog. ";
  return text;
}

std::vector<PromptPart> prompt(size_t bytes) { return {TextPart{words(bytes)}}; }

std::unique_ptr<Context> context_of(const std::shared_ptr<Model>& model) {
  ContextOptions options;
  options.context_size = 2048;
  options.cache_tokens = 2048;
  options.threads = 1;
  return std::make_unique<Context>(model, options);
}

void endings(const Tokenizer& tokenizer) {
  CLAIM(
      "what is left when the reader ends is answered with the reason, what comes later too, and the first reason "
      "counts");
  std::mutex mutex;
  std::vector<PromptReader::Answer> answers;
  const auto job = [&](RunId id, size_t bytes) {
    return PromptReader::Job{id, prompt(bytes), {}, {}, SIZE_MAX, [&](PromptReader::Answer answer) {
                               std::lock_guard lock(mutex);
                               answers.push_back(std::move(answer));
                             }};
  };
  std::vector<PromptReader::Job> jobs;
  for (RunId id = 1; id <= 4; ++id) jobs.push_back(job(id, 2'000'000));
  PromptReader reader(tokenizer);
  for (PromptReader::Job& each : jobs) reader.read(std::move(each));
  reader.forget(2);
  reader.forget(77);
  reader.stop({"ENGINE_FAILED", "It broke."});
  reader.stop();
  reader.read(job(5, 10));
  std::map<RunId, std::string> codes;
  for (const auto& answer : answers) {
    CHECK(answer.tokens.empty() && answer.error->what() == std::string("It broke."));
    codes[answer.id] = answer.error->code();
  }
  CHECK((answers.size() == 4 &&
         codes == std::map<RunId, std::string>{
                      {1, "ENGINE_FAILED"}, {3, "ENGINE_FAILED"}, {4, "ENGINE_FAILED"}, {5, "ENGINE_FAILED"}}));
}

void forgetting(const Tokenizer& tokenizer) {
  CLAIM("jobs that are forgotten while the reader ends are not answered, and the others are");
  PromptReader reader(tokenizer);
  std::atomic<bool> reads = false, ends = false;
  std::map<RunId, int> answers;  // one thread at a time
  const auto read = [&](RunId id, std::function<void()> before) {
    reader.read({id, prompt(1), {}, {}, SIZE_MAX, [&, before](PromptReader::Answer answer) {
                   before();
                   ++answers[answer.id];
                 }});
  };
  read(0, [&] {
    reads = true;
    CHECK(comes_about([&] { return ends.load(); }));
  });
  CHECK(comes_about([&] { return reads.load(); }));
  // The first that is refused waits until another thread has forgotten every second one.
  read(1, [&] {
    std::thread([&] {
      for (RunId id = 2; id < 100; id += 2) reader.forget(id);
    }).join();
  });
  for (RunId id = 2; id < 100; ++id) read(id, [] {});
  std::thread end([&] { reader.stop(); });
  // Refused by then.
  const auto refuses = [&] {
    bool refused = false;
    reader.read({100, prompt(1), {}, {}, 0, [&](PromptReader::Answer) { refused = true; }});
    if (!refused) reader.forget(100);
    return refused;
  };
  CHECK(comes_about(refuses));
  ends = true;
  end.join();
  for (RunId id = 0; id < 100; ++id) CHECK(answers[id] == (id == 0 || id % 2 == 1 ? 1 : 0));
}

void failure(const std::shared_ptr<Model>& model) {
  CLAIM("when the engine fails, texts that wait say so, and later ones are refused with the same words");
  std::atomic<bool> fails = false;
  Engine engine(context_of(model), {}, [&] {
    if (fails.exchange(false)) throw std::runtime_error("A fault of this test.");
  });
  for (int i = 0; i < 3; ++i) engine.tokenize(prompt(4'000'000));
  fails = true;
  engine.submit(question("Hello?", 2));
  std::vector<PromptReader::Answer> answers;
  while (answers.size() < 3) {
    std::this_thread::sleep_for(1ms);
    for (auto& answer : engine.take_tokenized()) answers.push_back(std::move(answer));
  }
  for (const auto& answer : answers) {
    CHECK(answer.error->code() == "ENGINE_FAILED");
    CHECK(std::string(answer.error->what()).find("A fault of this test.") != std::string::npos);
  }
  try {
    engine.tokenize(prompt(1));
    CHECK(false);
  } catch (const EngineError& error) {
    CHECK(error.code() == std::string("ENGINE_FAILED") && error.what() == std::string(answers.front().error->what()));
  }
}

void waiting(const std::shared_ptr<Model>& model) {
  Harness harness(context_of(model));
  Engine& engine = *harness.engine;
  CLAIM("a run's time to wait counts while its prompt is tokenized");
  // With a chunk of each in turn, it would take many turns until its own prompt is through.
  std::vector<uint32_t> texts;
  for (int i = 0; i < 60; ++i) texts.push_back(engine.tokenize(prompt(1'000'000)));
  RunRequest hurried = question(words(9'000));
  hurried.queue_timeout_ms = 5;
  CHECK(harness.wait(engine.submit(hurried)).end->error->code() == "QUEUE_TIMEOUT");
  CHECK(engine.take_tokenized().empty());

  CLAIM("texts that nobody waits for any more are not read on, and not answered");
  for (const uint32_t id : texts) engine.stop_tokenizing(id);
  const uint32_t last = engine.tokenize(prompt(100));
  std::vector<PromptReader::Answer> answers;
  while (answers.empty()) {
    std::this_thread::sleep_for(1ms);
    answers = engine.take_tokenized();
  }
  CHECK(answers.size() == 1 && answers[0].id == last && !answers[0].error);
  engine.close();
  CHECK(engine.take_tokenized().empty());

  CLAIM("closing answers what waits with MODEL_CLOSED");
  Harness other(context_of(model));
  const uint32_t waits = other.engine->tokenize(prompt(20'000'000));
  other.engine->close();
  const auto left = other.engine->take_tokenized();
  CHECK(left.size() == 1 && left[0].id == waits && left[0].error->code() == "MODEL_CLOSED");
}

}  // namespace

int main() {
  const auto model = load_test_model("CADUCEUS_TEST_HERMES_MODEL");
  endings(model->tokenizer());
  forgetting(model->tokenizer());
  failure(model);
  waiting(model);
  return report();
}
