// The limits of constraints count processor time: neither threads that compute beside nor a wait for a processor make
// them shorter, and what computes without end is given up all the same.
#include <atomic>
#include <thread>

#include "busy_machine.h"
#include "constraint_answers.h"
#include "constraint_harness.h"
#include "platform/thread_controller.h"

using namespace caduceus;
using namespace std::chrono_literals;

namespace {

void steps(const Vocabulary& vocabulary) {
  CLAIM("on a busy machine a step that can only go on and never end has its two seconds, and is given up then");
  Matcher matcher = vocabulary.matcher(Kind::lark, "start: /a*/ \"a\"");
  const Token a = vocabulary.tokenizer.tokenize_inside("a").front();
  CHECK(matcher.take(a) && matcher.take(a));
  const BusyMachine busy;
  const double before = thread_running_ms();
  CHECK(message_of([&] { matcher.forced(); }).find("2 seconds of processor time") != std::string::npos);
  const double ran = thread_running_ms() - before;
  std::fprintf(stderr, "    %.0f ms\n", ran);
  // Windows counts in ticks of 16 ms.
  CHECK(ran > 1950);
}

void compilations(const Vocabulary& vocabulary) {
  Answers answers;
  ConstraintCompiler::Limits limits;
  limits.cpu = 100ms;
  // Waits ten times its limit for a processor, or computes until it is told to end.
  std::atomic<bool> ended{false};
  const auto compile = [&](const ConstraintSpec& spec) {
    if (spec.text == "waits") std::this_thread::sleep_for(10 * limits.cpu);
    while (spec.text == "computes" && !ended) continue;
    return std::make_shared<Grammar>(vocabulary.tokens, spec.kind, spec.text);
  };
  ConstraintCompiler compiler(vocabulary.tokenizer, limits, answers.receiver(), compile);

  CLAIM("a compilation that gets no processor for far longer than its limit is no failure");
  compiler.compile(1, {Kind::regex, "waits", {}}, "");
  CHECK(answers.wait(1).grammar);

  CLAIM("one that computes without end fails, and those behind it are served");
  compiler.compile(2, {Kind::regex, "computes", {}}, "");
  compiler.compile(3, {Kind::regex, "short", {}}, "");
  CHECK(answers.wait(3).grammar);
  CHECK(answers.wait(2).error->code() == "CONSTRAINT_TOO_COMPLEX");
  ended = true;
}

}  // namespace

int main() {
  const Vocabulary vocabulary("CADUCEUS_TEST_HERMES_MODEL");
  steps(vocabulary);
  compilations(vocabulary);
  return report();
}
