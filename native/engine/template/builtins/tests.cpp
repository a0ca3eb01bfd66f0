// The tests of Jinja: `value is name`.
#include <unordered_map>

#include "template/builtins/builtins.h"

namespace caduceus::templates {
namespace {

template <typename Predicate>
Value every_character(const Value& value, Predicate predicate) {
  const Text text = to_text(value);
  bool has_cased = false;
  for (size_t at = 0; at < text.size();) {
    const uint32_t c = next_character(text.bytes(), at);
    if (!is_upper(c) && !is_lower(c)) continue;
    has_cased = true;
    if (!predicate(c)) return false;
  }
  return has_cased;
}

int64_t whole(const Value& value) {
  if (const auto integer = value.integer()) return *integer;
  throw Failure("an integer is expected, not " + type_name(value));
}

int64_t remainder(const Value& value, int64_t divisor) {
  if (divisor == 0) throw Failure("integer modulo by zero");
  return divisor == -1 ? 0 : whole(value) % divisor;
}

bool is_integer(const Value& value) { return value.is<int64_t>() || value.is<LongInteger>(); }

Value equal(Call& call) { return equals(call.self, call.required(0)); }
Value unequal(Call& call) { return !equals(call.self, call.required(0)); }
Value smaller(Call& call) { return less(call.self, call.required(0)); }
Value larger(Call& call) { return less(call.required(0), call.self); }
Value at_most(Call& call) { return less(call.self, call.required(0)) || equals(call.self, call.required(0)); }
Value at_least(Call& call) { return less(call.required(0), call.self) || equals(call.self, call.required(0)); }

bool is_sequence(const Value& value) {
  return value.text() != nullptr || value.list() != nullptr ||
         (value.dict() != nullptr && !value.dict()->is_namespace) || value.is_undefined();
}

const std::unordered_map<std::string_view, Builtin>& tests() {
  static const auto* all = new std::unordered_map<std::string_view, Builtin>{
      {"boolean", [](Call& call) -> Value { return call.self.is<bool>(); }},
      {"callable", [](Call& call) -> Value { return call.self.is<FunctionPtr>(); }},
      {"defined", [](Call& call) -> Value { return !call.self.is_undefined(); }},
      {"undefined", [](Call& call) -> Value { return call.self.is_undefined(); }},
      {"none", [](Call& call) -> Value { return call.self.is_none(); }},
      {"true", [](Call& call) -> Value { return call.self.is<bool>() && is_true(call.self); }},
      {"false", [](Call& call) -> Value { return call.self.is<bool>() && !is_true(call.self); }},
      {"integer", [](Call& call) -> Value { return is_integer(call.self); }},
      {"float", [](Call& call) -> Value { return call.self.is<double>(); }},
      {"number", [](Call& call) -> Value { return call.self.number().has_value() || call.self.is<LongInteger>(); }},
      {"string", [](Call& call) -> Value { return call.self.text() != nullptr; }},
      {"mapping", [](Call& call) -> Value { return call.self.dict() != nullptr && !call.self.dict()->is_namespace; }},
      {"sequence", [](Call& call) -> Value { return is_sequence(call.self); }},
      {"iterable", [](Call& call) -> Value { return is_sequence(call.self) || call.self.is<LoopPtr>(); }},
      {"escaped", [](Call&) -> Value { return false; }},
      {"even", [](Call& call) -> Value { return remainder(call.self, 2) == 0; }},
      {"odd", [](Call& call) -> Value { return remainder(call.self, 2) != 0; }},
      {"divisibleby", [](Call& call) -> Value { return remainder(call.self, whole(call.required(0, "num"))) == 0; }},
      {"lower", [](Call& call) { return every_character(call.self, is_lower); }},
      {"upper", [](Call& call) { return every_character(call.self, is_upper); }},
      {"in", [](Call& call) -> Value { return contains(call.required(0), call.self); }},
      {"sameas",
       [](Call& call) -> Value {
         const Value& other = call.required(0);
         if (call.self.list() != nullptr || call.self.dict() != nullptr)
           return call.self.list() == other.list() && call.self.dict() == other.dict();
         return type_name(call.self) == type_name(other) && equals(call.self, other);
       }},
      {"filter", [](Call& call) -> Value { return find_filter(to_text(call.self).bytes()) != nullptr; }},
      {"test", [](Call& call) -> Value { return find_test(to_text(call.self).bytes()) != nullptr; }},
      {"eq", equal},
      {"equalto", equal},
      {"ne", unequal},
      {"lt", smaller},
      {"lessthan", smaller},
      {"gt", larger},
      {"greaterthan", larger},
      {"le", at_most},
      {"ge", at_least},
      {"==", equal},
      {"!=", unequal},
      {"<", smaller},
      {"<=", at_most},
      {">", larger},
      {">=", at_least},
  };
  return *all;
}

}  // namespace

Builtin find_test(std::string_view name) {
  const auto it = tests().find(name);
  return it == tests().end() ? nullptr : it->second;
}

}  // namespace caduceus::templates
