// The cases of llama.cpp's own test of its engine (tests/test-jinja.cpp), rendered by ours. CMake cuts them out of it.
#include <cstdio>
#include <set>
#include <string>

#include "check.h"
#include "json.h"
#include "template/chat_template.h"

namespace {

using json = common_json;

struct testing {
  int cases = 0, right = 0;
};

// What `safe` gives is no string of its own kind here.
const std::set<std::string> different = {"is escaped"};

void test_template(testing& t, const std::string& name, const std::string& source, const json& variables,
                   const std::string& expected) {
  ++t.cases;
  const auto result = caduceus::render_template(source, variables.is_object() ? variables.dump() : "{}");
  std::string text;
  for (const auto& part : result.parts) {
    if (const auto* control = std::get_if<caduceus::ControlPart>(&part)) text += control->text;
    if (const auto* given = std::get_if<caduceus::TextPart>(&part)) text += given->text;
  }
  const bool equal = result.failure.empty() && text == expected;
  t.right += equal;
  if (equal || different.count(name)) return;
  std::fprintf(stderr, "%s\n  template: %s\n  variables: %s\n  expected: %s\n  is:       %s%s\n", name.c_str(),
               source.c_str(), variables.dump().c_str(), expected.c_str(), text.c_str(), result.failure.c_str());
}

#include CADUCEUS_UPSTREAM_CASES

}  // namespace

int main() {
  testing t;
  for (auto* group : {test_whitespace_control, test_conditionals, test_loops, test_expressions, test_set_statement,
                      test_filters, test_literals, test_comments, test_macros, test_namespace, test_tests,
                      test_string_methods, test_array_methods, test_object_methods})
    group(t);
  CLAIM("the cases of llama.cpp's test of its Jinja engine come out as Python has them");
  std::fprintf(stderr, "  %d of %d\n", t.right, t.cases);
  CHECK(t.cases >= 289);
  CHECK(t.right == t.cases - static_cast<int>(different.size()));
  return report();
}
