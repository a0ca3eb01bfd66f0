// Which compilations wait for which. Those that take long are held up by the test until it has seen what it claims.
#include <thread>

#include "constraint_answers.h"
#include "constraint_harness.h"

using namespace caduceus;
using namespace std::chrono_literals;

namespace {

// Compiles for real. What begins with "long" is not done before the test says so.
struct HeldCompiler {
  std::shared_ptr<ConstraintVocabulary> vocabulary;
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
  size_t under_way = 0;
  size_t most_under_way = 0;
  double computes_ms = 0;  // of processor time, before a long one is held up
  std::vector<std::string> begun;

  explicit HeldCompiler(const Vocabulary& given) : vocabulary(given.tokens) {}

  auto compile() {
    return [this](const ConstraintSpec& spec) {
      {
        std::lock_guard lock(mutex);
        begun.push_back(spec.text);
        most_under_way = std::max(most_under_way, ++under_way);
        changed.notify_all();
      }
      if (spec.text.starts_with("long")) {
        while (thread_running_ms() <= computes_ms) continue;
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return open; });
      }
      auto grammar = std::make_shared<Grammar>(vocabulary, Kind::regex, spec.text);
      std::lock_guard lock(mutex);
      --under_way;
      return grammar;
    };
  }
  void wait_for(size_t count) {
    std::unique_lock lock(mutex);
    CHECK(changed.wait_for(lock, 60s, [&] { return begun.size() >= count; }));
  }
  std::vector<std::string> seen() {
    std::lock_guard lock(mutex);
    return begun;
  }
  size_t most() {
    std::lock_guard lock(mutex);
    return most_under_way;
  }
  void let_go() {
    std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }
};

ConstraintSpec spec(const std::string& kind, RunId n) { return {Kind::regex, kind + std::to_string(n), {}}; }

// None is ever past its time.
ConstraintCompiler::Limits patient() {
  ConstraintCompiler::Limits limits;
  limits.cpu = 1h;
  return limits;
}

void waits(const Vocabulary& vocabulary) {
  const ConstraintCompiler::Limits limits = patient();
  {
    CLAIM("short ones are compiled while long ones of the same scope have not ended");
    Answers answers;
    HeldCompiler held(vocabulary);
    ConstraintCompiler compiler(vocabulary.tokenizer, limits, answers.receiver(), held.compile());
    for (RunId run = 1; run < limits.threads_of_scope; ++run) compiler.compile(run, spec("long", run), "");
    for (RunId run = 100; run < 120; ++run) compiler.compile(run, spec("short", run), "");
    for (RunId run = 100; run < 120; ++run) CHECK(answers.wait(run).grammar);
    CHECK(!answers.has(1));
    held.let_go();
    for (RunId run = 1; run < limits.threads_of_scope; ++run) CHECK(answers.wait(run).grammar);
  }
  {
    CLAIM("however many long ones one scope asks for, another's are compiled, and threads stay few");
    Answers answers;
    HeldCompiler held(vocabulary);
    ConstraintCompiler compiler(vocabulary.tokenizer, limits, answers.receiver(), held.compile());
    for (RunId run = 1; run <= 50; ++run) compiler.compile(run, spec("long", run), "greedy");
    held.wait_for(limits.threads_of_scope);
    for (RunId run = 100; run < 120; ++run) compiler.compile(run, spec("short", run), "other");
    for (RunId run = 100; run < 120; ++run) CHECK(answers.wait(run).grammar);
    for (RunId run = 200; run < 250; ++run) compiler.compile(run, spec("long", run), std::to_string(run));
    held.wait_for(limits.threads + 20);
    CHECK(held.most() <= limits.threads);
    held.let_go();
    for (RunId run = 1; run <= 50; ++run) CHECK(answers.wait(run).grammar);
    for (RunId run = 200; run < 250; ++run) CHECK(answers.wait(run).grammar);
    CHECK(held.most() <= limits.threads);
  }
  {
    CLAIM("a scope that asks for one does not wait behind all of another's");
    Answers answers;
    HeldCompiler held(vocabulary);
    ConstraintCompiler::Limits one_by_one = limits;
    one_by_one.quick_at_once = 1;
    one_by_one.quick = 1h;
    ConstraintCompiler compiler(vocabulary.tokenizer, one_by_one, answers.receiver(), held.compile());
    compiler.compile(1, spec("long", 1), "many");
    held.wait_for(1);
    for (RunId run = 2; run <= 40; ++run) compiler.compile(run, spec("short", run), "many");
    compiler.compile(100, spec("short", 100), "one");
    held.let_go();
    for (RunId run = 1; run <= 40; ++run) CHECK(answers.wait(run).grammar);
    CHECK(answers.wait(100).grammar);
    CHECK(held.seen()[1] == "short100");
  }
}

void ends(const Vocabulary& vocabulary) {
  ConstraintCompiler::Limits limits;
  limits.cpu = 200ms;
  limits.quick = 1ms;
  Answers answers;
  HeldCompiler held(vocabulary);
  held.computes_ms = 250;
  ConstraintCompiler compiler(vocabulary.tokenizer, limits, answers.receiver(), held.compile());
  const auto refusal = [&](RunId run) {
    const auto answer = answers.wait(run);
    CHECK(!answer.grammar && answer.error->code() == "CONSTRAINT_TOO_COMPLEX");
    return std::string(answer.error->what());
  };

  CLAIM("one that is past its time has failed, and its scope's next ones too once all the scope's threads are");
  for (RunId run = 1; run <= limits.threads_of_scope; ++run) compiler.compile(run, spec("long", run), "greedy");
  for (RunId run = 1; run <= limits.threads_of_scope; ++run)
    CHECK(refusal(run).find("compiling it took more than 200 ms of processor time") != std::string::npos);
  compiler.compile(50, spec("short", 50), "greedy");
  CHECK(refusal(50).find("5 others take too long; try again later") != std::string::npos);
  CLAIM("the same again is known to take too long, and no thread is spent on it");
  compiler.compile(51, spec("long", 1), "other");
  CHECK(refusal(51).find("compiling it took more") != std::string::npos);
  CHECK(held.seen().size() == limits.threads_of_scope);
  CLAIM("others are not concerned");
  compiler.compile(52, spec("short", 52), "other");
  CHECK(answers.wait(52).grammar);

  CLAIM("what came too late serves the next one that asks, and its scope's threads are free again");
  held.let_go();
  while (!compiler.find(spec("long", 1))) std::this_thread::sleep_for(1ms);
  compiler.compile(53, spec("short", 53), "greedy");
  CHECK(answers.wait(53).grammar);
}

void shares(const Vocabulary& vocabulary) {
  CLAIM("the same constraint is compiled once for all that ask for it meanwhile, but for those that are forgotten");
  Answers answers;
  HeldCompiler held(vocabulary);
  ConstraintCompiler compiler(vocabulary.tokenizer, patient(), answers.receiver(), held.compile());
  for (RunId run = 1; run <= 30; ++run) compiler.compile(run, spec("long", 1), std::to_string(run));
  held.wait_for(1);
  compiler.forget(7);
  held.let_go();
  for (RunId run = 1; run <= 30; ++run) CHECK(run == 7 || answers.wait(run).grammar == answers.wait(1).grammar);
  CHECK(held.seen().size() == 1 && !answers.has(7));

  CLAIM("what throws in the compiler fails its own runs alone");
  ConstraintCompiler broken(vocabulary.tokenizer, patient(), answers.receiver(),
                            [](const ConstraintSpec& given) -> std::shared_ptr<const Grammar> {
                              if (given.text == "short1") throw std::bad_alloc();
                              throw EngineError("CONSTRAINT_INVALID", "A fault of this test.");
                            });
  broken.compile(101, spec("short", 1), "");
  broken.compile(102, spec("short", 2), "");
  CHECK(answers.wait(101).error->code() == "CONSTRAINT_TOO_COMPLEX");
  CHECK(answers.wait(102).error->code() == "CONSTRAINT_INVALID");
}

}  // namespace

int main() {
  const Vocabulary vocabulary("CADUCEUS_TEST_HERMES_MODEL");
  waits(vocabulary);
  ends(vocabulary);
  shares(vocabulary);
  return report();
}
