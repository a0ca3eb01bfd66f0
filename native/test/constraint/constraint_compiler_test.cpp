// Constraints are compiled, and what was compiled is kept.
#include "constraint/constraint_compiler.h"

#include "constraint_answers.h"
#include "constraint_harness.h"

using namespace caduceus;

namespace {

void compiles(const Vocabulary& vocabulary) {
  Answers answers;
  ConstraintCompiler::Limits limits;
  limits.cached = 3;
  ConstraintCompiler compiler(vocabulary.tokenizer, limits, answers.receiver());
  const auto integers = [](int n) {
    return ConstraintSpec{Kind::json, schema("\"type\": \"integer\", \"maximum\": " + std::to_string(n)), {}};
  };

  CLAIM("what was compiled is found again, and the least recently used goes first");
  for (RunId run = 1; run <= 3; ++run) {
    CHECK(!compiler.find(integers(static_cast<int>(run))));
    compiler.compile(run, integers(static_cast<int>(run)), "");
    CHECK(answers.wait(run).grammar);
  }
  CHECK(compiler.find(integers(1)));
  compiler.compile(4, integers(4), "");
  CHECK(answers.wait(4).grammar);
  CHECK(compiler.cached() == 3);
  CHECK(compiler.find(integers(1)) && !compiler.find(integers(2)) && compiler.find(integers(3)));
  CHECK(!compiler.find({Kind::lark, integers(1).text, {}}));

  CLAIM("a failure is the answer of its run alone");
  compiler.compile(5, {Kind::json, schema("\"type\": \"wrong\""), {}}, "");
  compiler.compile(6, integers(6), "");
  CHECK(answers.wait(5).error->code() == "CONSTRAINT_INVALID");
  CHECK(std::string(answers.wait(5).error->what()).ends_with('.'));
  CHECK(answers.wait(6).grammar);

  CLAIM("what is too long is refused before it is copied");
  CHECK(code_of([&] { compiler.compile(7, {Kind::lark, std::string(limits.text_bytes + 1, 'x'), {}}, ""); }) ==
        "CONSTRAINT_TOO_COMPLEX");
}

}  // namespace

int main() {
  on_each_vocabulary(compiles);
  return report();
}
