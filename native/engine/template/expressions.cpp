#include <cmath>
#include <limits>

#include "template/nodes.h"

namespace caduceus::templates {
namespace {

const char* symbol(Operator op) {
  constexpr const char* symbols[] = {
      "+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">", "<=", ">=", "in", "not in", "and", "or"};
  return symbols[static_cast<size_t>(op)];
}

[[noreturn]] void too_long() { throw Failure("an integer of this calculation has more than 64 bits"); }

int64_t calculate(Operator op, int64_t a, int64_t b) {
  constexpr int64_t least = std::numeric_limits<int64_t>::min(), most = std::numeric_limits<int64_t>::max();
  switch (op) {
    case Operator::add:
      if (b > 0 ? a > most - b : a < least - b) too_long();
      return a + b;
    case Operator::subtract:
      if (b < 0 ? a > most + b : a < least + b) too_long();
      return a - b;
    case Operator::multiply: {
      if (a == 0 || b == 0) return 0;
      if (a == least || b == least) too_long();
      if (std::abs(a) > most / std::abs(b)) too_long();
      return a * b;
    }
    case Operator::floor_divide:
      if (b == 0) throw Failure("integer division or modulo by zero");
      if (b == -1) return calculate(Operator::subtract, 0, a);
      return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
    default: {  // modulo: the sign of the divisor, as in Python
      if (b == 0) throw Failure("integer modulo by zero");
      if (b == -1) return 0;
      const int64_t rest = a % b;
      return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
    }
  }
}

double calculate(Operator op, double a, double b) {
  if (op == Operator::power) {
    if (a == 0 && b < 0) throw Failure("0.0 cannot be raised to a negative power");
    if (a < 0 && b != std::floor(b)) throw Failure("a power of a negative number with a fraction is no number");
    const double result = std::pow(a, b);
    if (std::isinf(result) && !std::isinf(a) && !std::isinf(b)) throw Failure("a power is too large");
    return result;
  }
  switch (op) {
    case Operator::add:
      return a + b;
    case Operator::subtract:
      return a - b;
    case Operator::multiply:
      return a * b;
    case Operator::divide:
      if (b == 0) throw Failure("division by zero");
      return a / b;
    case Operator::floor_divide:
      if (b == 0) throw Failure("float floor division by zero");
      return std::floor(a / b);
    default: {
      if (b == 0) throw Failure("float modulo");
      const double rest = std::fmod(a, b);
      return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
    }
  }
}

int64_t power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  // One of these bases stays as small as it is; all others are too long after 64 steps.
  if (base == 0 || base == 1) return exponent == 0 ? 1 : base;
  if (base == -1) return exponent % 2 == 0 ? 1 : -1;
  for (; exponent > 0; --exponent) result = calculate(Operator::multiply, result, base);
  return result;
}

Value repeat(const Value& value, int64_t times) {
  const size_t count = times > 0 ? static_cast<size_t>(times) : 0;
  if (const Text* text = value.text()) {
    Meter::reserve_text(text->size(), count);
    Text result;
    for (size_t i = 0; i < count && !text->empty(); ++i) result.append(*text);
    return result;
  }
  Meter::reserve_values(value.list()->items.size(), count);
  std::vector<Value> items;
  for (size_t i = 0; i < count && !value.list()->items.empty(); ++i)
    items.insert(items.end(), value.list()->items.begin(), value.list()->items.end());
  return List::make(std::move(items), value.list()->is_tuple);
}

Value arithmetic(Operator op, const Value& a, const Value& b) {
  if (const auto x = a.integer(), y = b.integer(); x && y && op == Operator::power && *y >= 0)
    return Value::integer(power(*x, *y));
  if (const auto x = a.integer(), y = b.integer(); x && y && op != Operator::divide && op != Operator::power)
    return Value::integer(calculate(op, *x, *y));
  if (const auto x = a.number(), y = b.number(); x && y) return calculate(op, *x, *y);
  if (op == Operator::add) {
    if (a.text() != nullptr && b.text() != nullptr) {
      Text result = *a.text();
      result.append(*b.text());
      return result;
    }
    const List *x = a.list(), *y = b.list();
    if (x != nullptr && y != nullptr && x->is_tuple == y->is_tuple) {
      Meter::reserve_values(x->items.size() + y->items.size());
      std::vector<Value> items = x->items;
      items.insert(items.end(), y->items.begin(), y->items.end());
      return List::make(std::move(items), x->is_tuple);
    }
  }
  if (op == Operator::multiply) {
    if (const auto times = b.integer(); times && (a.text() != nullptr || a.list() != nullptr)) return repeat(a, *times);
    if (const auto times = a.integer(); times && (b.text() != nullptr || b.list() != nullptr)) return repeat(b, *times);
  }
  if (op == Operator::modulo && a.text() != nullptr) return format_percent(*a.text(), b);
  refuse_undefined(a);
  refuse_undefined(b);
  throw Failure(std::string("unsupported operand type(s) for ") + symbol(op) + ": '" + type_name(a) + "' and '" +
                type_name(b) + "'");
}

// Python's rules for the ends of slices.
struct Range {
  int64_t start, stop, step;
};

Range slice_range(int64_t length, const Value& start, const Value& stop, const Value& step) {
  const auto integer = [](const Value& value) -> std::optional<int64_t> {
    if (value.is_none() || value.is_undefined()) return std::nullopt;
    if (const auto integer = value.integer()) return *integer;
    throw Failure("slice indices must be integers");
  };
  const int64_t by = integer(step).value_or(1);
  if (by == 0) throw Failure("slice step cannot be zero");
  const auto clamp = [&](std::optional<int64_t> given, int64_t otherwise) {
    if (!given) return otherwise;
    const int64_t index = *given < 0 ? *given + length : *given;
    return by > 0 ? std::min(std::max<int64_t>(index, 0), length) : std::min(std::max<int64_t>(index, -1), length - 1);
  };
  return {clamp(integer(start), by > 0 ? 0 : length - 1), clamp(integer(stop), by > 0 ? length : -1), by};
}

template <typename Visit>
void each_index(const Range& range, Visit visit) {
  // Steps larger than any list would overflow.
  const int64_t step = std::max<int64_t>(std::min<int64_t>(range.step, int64_t{1} << 40), -(int64_t{1} << 40));
  for (int64_t i = range.start; step > 0 ? i < range.stop : i > range.stop; i += step) visit(static_cast<size_t>(i));
}

}  // namespace

Value ListDisplay::evaluate(Run& run) const {
  std::vector<Value> values;
  for (const auto& item : items) values.push_back(run.evaluate(*item));
  return List::make(std::move(values), is_tuple);
}

Value DictDisplay::evaluate(Run& run) const {
  DictPtr dict = Dict::make();
  for (const auto& [key, value] : items) {
    const Value name = run.evaluate(*key);
    dict->set(name, run.evaluate(*value));
  }
  return dict;
}

Value Binary::evaluate(Run& run) const {
  const Value a = run.evaluate(*left);
  if (op == Operator::logical_and) return is_true(a) ? run.evaluate(*right) : a;
  if (op == Operator::logical_or) return is_true(a) ? a : run.evaluate(*right);
  const Value b = run.evaluate(*right);
  switch (op) {
    case Operator::equal:
      return equals(a, b);
    case Operator::unequal:
      return !equals(a, b);
    case Operator::less:
      return less(a, b);
    case Operator::greater:
      return less(b, a);
    case Operator::at_most:
      return less(a, b) || equals(a, b);
    case Operator::at_least:
      return less(b, a) || equals(a, b);
    case Operator::in:
      return contains(b, a);
    case Operator::not_in:
      return !contains(b, a);
    case Operator::concatenate: {
      Text result = to_text(a);
      result.append(to_text(b));
      return result;
    }
    default:
      return arithmetic(op, a, b);
  }
}

Value Unary::evaluate(Run& run) const {
  const Value value = run.evaluate(*operand);
  if (op == '!') return !is_true(value);
  if (const auto integer = value.integer())
    return Value::integer(op == '-' ? calculate(Operator::subtract, 0, *integer) : *integer);
  if (const auto* number = value.as<double>()) return op == '-' ? -*number : *number;
  throw Failure(std::string("bad operand type for unary ") + op + ": '" + type_name(value) + "'");
}

Value Conditional::evaluate(Run& run) const {
  if (is_true(run.evaluate(*condition))) return run.evaluate(*then);
  return otherwise ? run.evaluate(*otherwise) : Value();
}

Value Attribute::evaluate(Run& run) const { return attribute(run.evaluate(*object), name); }

Value Item::evaluate(Run& run) const {
  const Value value = run.evaluate(*object);
  return item(value, run.evaluate(*key));
}

Value Slice::evaluate(Run& run) const {
  const Value value = run.evaluate(*object);
  const auto end = [&](const ExpressionPtr& expression) { return expression ? run.evaluate(*expression) : Value(); };
  const Value from = end(start), to = end(stop), by = end(step);
  if (const Text* text = value.text()) {
    const auto offsets = character_offsets(text->bytes());
    Meter::step(offsets.size() / 64);
    const Range range = slice_range(static_cast<int64_t>(offsets.size()) - 1, from, to, by);
    if (range.step == 1)
      return range.start < range.stop
                 ? text->range(offsets[static_cast<size_t>(range.start)], offsets[static_cast<size_t>(range.stop)])
                 : Text();
    Text result;
    each_index(range, [&](size_t i) {
      Meter::step();
      result.append_range(*text, offsets[i], offsets[i + 1]);
    });
    return result;
  }
  if (const List* list = value.list()) {
    const Range range = slice_range(static_cast<int64_t>(list->items.size()), from, to, by);
    std::vector<Value> items;
    each_index(range, [&](size_t i) { items.push_back(list->items[i]); });
    return List::make(std::move(items), list->is_tuple);
  }
  refuse_undefined(value);
  throw Failure("'" + type_name(value) + "' object cannot be sliced");
}

Call evaluate_arguments(Run& run, const std::vector<Argument>& arguments) {
  Call call{run, {}, {}, {}};
  for (const Argument& argument : arguments) {
    Value value = run.evaluate(*argument.value);
    if (argument.is_spread) {
      const ListPtr items = items_of(value);
      call.arguments.insert(call.arguments.end(), items->items.begin(), items->items.end());
    } else if (argument.name.empty()) {
      call.arguments.push_back(std::move(value));
    } else {
      call.named.emplace_back(argument.name, std::move(value));
    }
  }
  return call;
}

Value CallExpression::evaluate(Run& run) const {
  const Value function = run.evaluate(*callee);
  return run.call(function, evaluate_arguments(run, arguments));
}

Value Filter::apply(Run& run, Value value) const {
  if (filter == nullptr) throw Failure("No filter named '" + name + "'");
  Call call = evaluate_arguments(run, arguments);
  call.self = std::move(value);
  return filter(call);
}

Value Test::evaluate(Run& run) const {
  if (test == nullptr) throw Failure("No test named '" + name + "'");
  Value value = run.evaluate(*operand);
  Call call = evaluate_arguments(run, arguments);
  call.self = std::move(value);
  return is_true(test(call)) != is_negated;
}

}  // namespace caduceus::templates
