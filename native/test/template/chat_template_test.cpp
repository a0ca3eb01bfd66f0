// Rendering chat templates: marks of what callers wrote, Python's values, and hostile templates.
#include "template/chat_template.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "busy_machine.h"
#include "check.h"
#include "platform/thread_controller.h"

using caduceus::BusyMachine;
using caduceus::ControlPart;
using caduceus::render_template;
using caduceus::RenderedTemplate;
using caduceus::TextPart;
using caduceus::thread_running_ms;
using caduceus::templates::Failure;
using caduceus::templates::Limits;
using caduceus::templates::Meter;

namespace {

// What came from the caller in double angle brackets.
std::string marked(const std::string& source, const std::string& variables = "{}") {
  const RenderedTemplate result = render_template(source, variables);
  if (!result.failure.empty()) return "failed: " + result.failure;
  std::string text;
  for (const auto& part : result.parts) {
    if (const auto* control = std::get_if<ControlPart>(&part)) text += control->text;
    if (const auto* given = std::get_if<TextPart>(&part)) text += "«" + given->text + "»";
  }
  return text;
}

int wrong = 0;

void renders(const std::string& source, const std::string& variables, const std::string& expected) {
  const std::string is = marked(source, variables);
  if (is == expected) return;
  ++wrong;
  std::fprintf(stderr, "%s\n  gave     %s\n  expected %s\n", source.c_str(), is.c_str(), expected.c_str());
}

std::string repeated(const std::string& text, size_t times) {
  std::string result;
  for (size_t i = 0; i < times; ++i) result += text;
  return result;
}

void check_marks() {
  CLAIM("what the caller wrote stays marked, whatever a template does with it");
  const char* u = R"({"u": "<b> x", "list": ["p", "q"], "o": {"k": "v"}, "s": "a,b"})";
  renders("<|{{ u }}|>", u, "<|«<b> x»|>");
  renders("{{ '[' ~ u ~ ']' }}{{ '(' + u + ')' }}", u, "[«<b> x»](«<b> x»)");
  renders("{{ u | upper }}{{ u.title() }}{{ u | trim }}{{ u | capitalize }}", u, "«<B> X<B> X<b> x<b> x»");
  renders("{{ u[0] }}-{{ u[1:] }}-{{ u[::-1] }}", u, "«<»-«b> x»-«x >b<»");
  renders("{{ s.split(',')[0] }}-{{ s.split(',')[1] }}-{{ s.rsplit(',', 1)[0] }}-{{ s.partition(',')[2] }}", u,
          "«a»-«b»-«a»-«b»");
  renders("{{ u.replace('b', 'c') }}", u, "«<»c«> x»");
  renders("{{ 'bab'.replace('a', u) }}", u, "b«<b> x»b");
  renders("{{ list | join('|') }}{{ '|'.join(list) }}", u, "«p»|«qp»|«q»");
  renders("{{ list | tojson }}{{ o | tojson }}{{ u | tojson }}", u, R"(«["p", "q"]{"k": "v"}"<b> x"»)");
  renders("{{ list }}{{ o }}", u, "«['p', 'q']{'k': 'v'}»");
  renders("{{ '%s|%5s' % (u, 'y') }}{{ '{}!'.format(u) }}{{ '%s' | format(u) }}", u, "«<b> x»|    y«<b> x»!«<b> x»");
  renders("{% for c in s %}{{ c }};{% endfor %}{% for k, v in o.items() %}{{ k }}={{ v }}{% endfor %}", u,
          "«a»;«,»;«b»;«k»=«v»");
  renders("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(u) }}{% set y %}{{ u }}{% endset %}{{ y }}", u,
          "<«<b> x»>«<b> x»");
  renders("{{ u | indent(2, true) }}{{ u | replace('x', 'y') | string | safe }}{{ u | list | join }}", u,
          "  «<b> x<b> »y«<b> x»");
  renders("{{ list | first }}{{ list | last }}{{ list | sort | first }}{{ list | map('upper') | join }}", u, "«pqpPQ»");
  renders("{{ u | e }}{{ s | center(5) }}{{ s.strip('a') }}{{ u.removeprefix('<') }}", u,
          "«&lt;b&gt; x» «a,b» «,bb> x»");
  renders("{{ {'a': u}['a'] }}{{ [u, 'x'] | tojson }}{{ dict(a=u).a }}", u, "«<b> x[\"<b> x\", \"x\"]<b> x»");

  CLAIM("roles, types and the texts of tokens are not the caller's; names, schemas and call ids are");
  renders(
      "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{% for c in m.tool_calls or [] %}"
      "{{ c.type }}{{ c.id }}{{ c.function.name }}{{ c.function.arguments.type }}{% endfor %}{% endfor %}"
      "{{ tools[0].type }}{{ tools[0].function.parameters.type }}{{ other.role }}",
      R"({"bos_token": "<s>", "messages": [{"role": "user", "content": "C"}, {"role": "assistant", "content": "",
             "tool_calls": [{"type": "function", "id": "I", "function": {"name": "N", "arguments": {"type": "A"}}}]}],
             "tools": [{"type": "function", "function": {"parameters": {"type": "object"}}}], "other": {"role": "R"}})",
      "<s><user>«C»<assistant>function«INA»function«objectR»");
}

void check_values() {
  CLAIM("numbers keep their digits and keys their order");
  const char* numbers = R"({"n": [123456789012345678901234567890, -9223372036854775808, 9007199254740993, 3.0, 1e5, 0.1,
    1e-7, 1e22, -0.0, 2.50], "o": {"10": 1, "9": 2, "a": null, "b": true}})";
  renders("{{ n | join(' ') }}", numbers,
          "123456789012345678901234567890 -9223372036854775808 9007199254740993 3.0 100000.0 0.1 1e-07 1e+22 -0.0 2.5");
  renders("{{ n | tojson }}", numbers,
          "[123456789012345678901234567890, -9223372036854775808, 9007199254740993, 3.0, 100000.0, 0.1, 1e-07, 1e+22, "
          "-0.0, 2.5]");
  renders("{{ o | tojson }}{{ o }}", numbers,
          R"(«{"10": 1, "9": 2, "a": null, "b": true}{'10': 1, '9': 2, 'a': None, 'b': True}»)");

  CLAIM("values behave as in Python");
  renders("{{ -7 % 3 }} {{ 7 / 2 }} {{ 2 * 3 }} {{ 1 == 1.0 }} {{ true + 1 }} {{ none }} {{ [1, 'a', (2, 3)] }}", "{}",
          "2 3.5 6 True 2 None [1, 'a', (2, 3)]");
  renders("{% for i in [1, 2] %}{{ x is defined }}{% set x = i %}{% endfor %}{{ x is defined }}", "{}",
          "FalseFalseFalse");
  renders("{{ 'ÄÖ'.lower() }}{{ 'äé' | upper }}{{ 'é' | length }}{{ 'aé☃'[1:] }}{{ 'é☃'[1] }}", "{}", "äöÄÉ1é☃☃");
  renders("{{ {'items': 1}['items'] }}{{ {'a': 1}.items() | list }}", "{}", "1[('a', 1)]");
  renders("{{ \"it's\" | list | length }}{{ [\"it's\", '\"', 'a\\\\b\\n'] }}", "{}", "4[\"it's\", '\"', 'a\\\\b\\n']");
  renders("{{ [3, 1, 2] | sort }}{{ ['b', 'A'] | sort }}{{ [1, 1, 2] | unique | list }}{{ [1, 2] | sum }}", "{}",
          "[1, 2, 3]['A', 'b'][1, 2]3");
  renders("{{ 7 // 2 }} {{ -7 // 2 }} {{ 7.5 // 2 }} {{ 8 // 2 * 3 }} {{ 7 // -1 }}", "{}", "3 -4 3.0 12 -7");
  renders("{{ 2 ** 3 }} {{ 2 * 3 ** 2 }} {{ 2 ** 3 * 2 }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 2 ** -1 }} {{ 4 ** 0.5 }}",
          "{}", "8 18 16 64 4 0.5 2.0");
  renders("{{ x.a ** x['b'] + 1 }} {{ [1, 2][1] ** ('abc' | length) }} {{ (1 + 1) ** (2 ** 2) }} {{ 3 * - x.a ** 2 }}",
          R"({"x": {"a": 3, "b": 2}})", "10 8 16 27");
  renders("{{ [2 ** 2, 3 ** 2] }}{{ range(2 ** 2) | list }}{{ (-1) ** 3 }}{{ 0 ** 0 }}{{ 10 ** 18 - 1 }}", "{}",
          "[4, 9][0, 1, 2, 3]-11999999999999999999");
  renders("{{ 10 ** 19 }}", "{}", "failed: an integer of this calculation has more than 64 bits (line 1)");
  renders("{{ 0 ** -1 }}", "{}", "failed: 0.0 cannot be raised to a negative power (line 1)");
  renders("{{ 'a' ** 2 }}", "{}", "failed: unsupported operand type(s) for **: 'str' and 'int' (line 1)");
  renders("{{ 1 ** 1000000000000 }}{{ (-1) ** 1000000000001 }}", "{}", "1-1");
  renders("{{ (1,) }}{{ (1, 2,) }}{{ ('a',) + ('b',) }}{{ 1 in (1,) }}{{ ((1,),) }}{{ [(1,), 2,] }}", "{}",
          "(1,)(1, 2)('a', 'b')True((1,),)[(1,), 2]");
  renders("{{ range(2,) | list }}{% set t = (x.upper(),) %}{{ t[0] }}{{ (1) + (2) }}", R"({"x": "a"})", "[0, 1]«A»3");
  renders("{{ 1 // 0 }}", "{}", "failed: integer division or modulo by zero (line 1)");
  renders("{{ x.y }}", "{}", "failed: 'x' is undefined (line 1)");
  renders("{{ 'a' + 1 }}", "{}", "failed: unsupported operand type(s) for +: 'str' and 'int' (line 1)");
  renders("\n\n{{ raise_exception('Only users, please') }}", "{}", "failed: Only users, please");
  CHECK(wrong == 0);
}

std::string failure_of(const std::string& source, double cpu_ms = 300) {
  Limits limits;
  limits.cpu_ms = cpu_ms;
  const RenderedTemplate result =
      render_template(source, R"({"messages": [{"role": "user", "content": "Hi"}]})", limits);
  CHECK(result.parts.empty());
  CHECK(!result.failure.empty());
  if (!result.is_limit) std::fprintf(stderr, "%s\n  %s\n", source.substr(0, 200).c_str(), result.failure.c_str());
  CHECK(result.is_limit);
  return result.failure;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void check_limits() {
  const std::string too_much = "more than it may", too_deep = "more deeply than it may",
                    too_long = "did not end within";

  CLAIM("loops end with their time");
  const std::string loop = "{% set r = range(90000) %}{% for i in r %}{% for j in r %}";
  CHECK(has(failure_of(loop + "{% endfor %}{% endfor %}"), too_long));
  CHECK(has(failure_of(loop + "{{ i }}{% endfor %}{% endfor %}"), too_long));
  CHECK(has(failure_of("{% set l = [1] %}{% for i in l %}{{ l.append(1) }}{% endfor %}", 5'000), too_much));
  CHECK(has(failure_of("{{ range(1000000000) }}"), "range() of more than"));
  CHECK(has(failure_of("{% set r = range(90000) %}{% for i in r %}{% if r == r or 'x' in r %}{% endif %}{% endfor %}"),
            too_long));
  CHECK(has(failure_of("{% for i in range(90000) %}{{ range(90000) | sort | list | length }}{% endfor %}", 20'000),
            too_much));

  CLAIM("on a busy machine too they have all of it");
  {
    const BusyMachine busy;
    Limits limits;
    limits.cpu_ms = 300;
    const double before = thread_running_ms();
    const Meter meter(limits);
    std::string reason;
    try {
      while (true) Meter::step();
    } catch (const Failure& failure) {
      reason = failure.what();
    }
    CHECK(has(reason, too_long));
    // Windows counts in ticks of 16 ms.
    CHECK(thread_running_ms() - before > 260);
  }

  CLAIM("what grows is bounded before it is built");
  const std::string grow = "{% set n = namespace(s='xxxxxxxx', l=[1]) %}{% for i in range(64) %}";
  for (const char* step :
       {"{% set n.s = n.s + n.s %}", "{% set n.s = n.s ~ n.s %}", "{% set n.l = n.l + n.l %}",
        "{% set n.s = n.s * 99 %}", "{% set n.l = n.l * 99 %}", "{% set n.s = n.s.replace('x', 'xxxx') %}",
        "{% set n.s = n.s.replace('', 'xx') %}", "{% set n.s = [n.s, n.s] | join %}",
        "{% set n.s = n.s.join([n.s, n.s, n.s]) %}", "{% set n.s = '%s%s' % (n.s, n.s) %}",
        "{% set n.s = '{}{}'.format(n.s, n.s) %}", "{% set n.s = n.s | tojson %}{% set n.s = n.s + n.s %}",
        "{% set n.s %}{{ n.s }}{{ n.s }}{% endset %}", "{% set n.s = n.s.center(n.s | length * 9) %}",
        "{% set n.s = '\\n' + n.s | indent(n.s | length) %}", "{% set n.s = (n.s | list) | string %}",
        "{{ n.l.extend(n.l) }}", "{% set n.s = n.s | e %}{% set n.s = n.s + '<' + n.s %}"})
    CHECK(has(failure_of(grow + step + "{% endfor %}", 20'000), too_much));
  CHECK(has(failure_of("{{ 'x' * 10000000000 }}"), too_much));
  CHECK(has(failure_of("{{ [1] * 10000000000 }}"), too_much));
  CHECK(has(failure_of("{{ 'x' | center(10000000000) }}"), too_much));
  CHECK(has(failure_of("{{ 'x' | indent(10000000000) }}"), too_much));
  CHECK(has(failure_of("{{ [1] | batch(10000000000, 0) }}"), too_much));
  CHECK(has(
      failure_of("{% for m in messages %}{% for i in range(60000) %}<{{ m.content }}>{% endfor %}{% endfor %}", 20'000),
      "more parts than it may"));

  CLAIM("what recurs is bounded");
  CHECK(has(failure_of("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", 20'000), too_deep));
  CHECK(has(failure_of("{% set n = namespace() %}{% set n.n = n %}{% macro f(n) %}{{ f(n.n) }}{% endmacro %}{{ f(n) }}",
                       20'000),
            too_deep));
  CHECK(has(failure_of("{% set l = [] %}{{ l.append(l) }}{{ l | tojson }}", 20'000), "than it may"));
  CHECK(has(failure_of("{% set l = [] %}{{ l.append(l) }}{{ l }}", 20'000), "than it may"));
  CHECK(has(failure_of("{% set l = [] %}{{ l.append(l) }}{{ l == [l] }}{{ [l] | unique }}{{ l == l }}", 20'000),
            "than it may"));
  failure_of(
      "{% set n = namespace(s=[1]) %}{% for i in range(40) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s | tojson }}");

  CLAIM("a chain of values as long as it may be is taken apart without recursion");
  const std::string chain =
      "{% set n = namespace(t=(1, 1)) %}{% set r = range(80000) %}{% for j in range(5) %}{% for i in r %}"
      "{% set n.t = (n.t, 1) %}{% endfor %}{% endfor %}";
  Limits generous;
  generous.cpu_ms = 20'000;
  CHECK(render_template(chain + "ok", "{}", generous).failure.empty());
  CHECK(has(failure_of(chain + "{{ n.t }}", 20'000), too_deep));
  CHECK(has(failure_of(chain + "{{ {n.t: 1} }}", 20'000), "than it may"));

  CLAIM("a template that nests tens of thousands deep is refused, however it nests");
  const size_t deep = 100'000;
  struct Nesting {
    std::string open, middle, close;
  };
  for (const auto& [open, middle, close] : std::vector<Nesting>{{"(", "1", ")"},
                                                                {"[", "1", "]"},
                                                                {"{1:", "1", "}"},
                                                                {"not ", "1", ""},
                                                                {"-", "x", ""},
                                                                {"f(", "1", ")"},
                                                                {"1 if 1 else ", "1", ""},
                                                                {"1+", "1", ""},
                                                                {"1~", "1", ""},
                                                                {"x.", "x", ""},
                                                                {"x|", "x", ""},
                                                                {"x[", "1", "]"},
                                                                {"1 and ", "1", ""},
                                                                {"1 < ", "1", ""},
                                                                {"", "f", "()"},
                                                                {"", "f", "|e"},
                                                                {"", "f", " is none"},
                                                                {"x(a=", "1", ")"},
                                                                {"x|e(", "1", ")"}}) {
    const size_t times = std::min(deep, 900'000 / (open.size() + close.size()));
    CHECK(has(failure_of("{{" + repeated(open, times) + middle + repeated(close, times) + "}}", 20'000), too_deep));
    CHECK(!render_template("{{" + repeated(open, times), "{}").failure.empty());
  }
  for (const auto& [open, close] :
       std::vector<std::pair<std::string, std::string>>{{"{% if x %}", "{% endif %}"},
                                                        {"{% for x in y %}", "{% endfor %}"},
                                                        {"{% macro f() %}", "{% endmacro %}"},
                                                        {"{% set x %}", "{% endset %}"},
                                                        {"{% filter upper %}", "{% endfilter %}"},
                                                        {"{% call f() %}", "{% endcall %}"},
                                                        {"{% if x %}{% endgeneration %}", "{% endif %}"}}) {
    CHECK(has(failure_of(repeated(open, deep / 5) + repeated(close, deep / 5), 20'000), too_deep));
    CHECK(!render_template(repeated(open, deep / 5), "{}").failure.empty());
  }
  // As deep as it may be, all at once.
  const std::string deepest = repeated("{% if true %}", 490) + "{{ " + repeated("(", 190) + repeated("not ", 2'400) +
                              repeated("1 + ", 1'000) + "1" + repeated(")", 190) + " }}" + repeated("{% endif %}", 490);
  CHECK(marked(deepest) == "True");
  CHECK(has(failure_of("{{ 1" + repeated(" ** 1", deep) + " }}", 20'000), too_deep));
  CHECK(has(failure_of("{% if x %}" + repeated("{% elif x %}", deep / 2) + "{% endif %}", 20'000), too_deep));
  CHECK(has(render_template("{{ x }}", R"({"x": )" + repeated("[", 500'000) + repeated("]", 500'000) + "}").failure,
            too_deep));
  CHECK(has(render_template(std::string(1'000'001, 'x'), "{}").failure, "1000001 bytes"));
  CHECK(!render_template(repeated("\r\n", 400'000), "{}").parts.empty());
}

void check_threads() {
  CLAIM("one template is rendered by many threads at once");
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 50; ++round) {
        const std::string source = "{% for m in l %}{{ m }}" + std::to_string((i + round) % 12) + "{% endfor %}";
        right += marked(source, R"({"l": ["a"]})") == "«a»" + std::to_string((i + round) % 12);
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(right == 400);
}

}  // namespace

int main() {
  check_marks();
  check_values();
  check_limits();
  check_threads();
  return report();
}
