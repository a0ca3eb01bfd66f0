// The global functions of templates as transformers has them.
#include <ctime>
#include <unordered_map>

#include "platform/machine.h"
#include "template/builtins/builtins.h"

namespace caduceus::templates {
namespace {

// As Jinja's sandbox.
constexpr int64_t longest_range = 100'000;

Value range(Call& call) {
  if (call.arguments.empty() || call.arguments.size() > 3) throw Failure("range() takes one to three integers");
  int64_t bounds[3] = {0, 0, 1};
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    const auto integer = call.arguments[i].integer();
    if (!integer || *integer > (int64_t{1} << 53) || *integer < -(int64_t{1} << 53))
      throw Failure("range() takes integers, not " + type_name(call.arguments[i]));
    bounds[i] = *integer;
  }
  if (call.arguments.size() == 1) std::swap(bounds[0], bounds[1]);
  const auto [start, stop, step] = bounds;
  if (step == 0) throw Failure("range() arg 3 must not be zero");
  const int64_t way = step > 0 ? stop - start : start - stop;
  const int64_t by = step > 0 ? step : -step;
  const int64_t count = way > 0 ? (way - 1) / by + 1 : 0;
  if (count > longest_range) fail_at_limit("range() of more than " + std::to_string(longest_range) + " numbers");
  std::vector<Value> items;
  for (int64_t i = 0; i < count; ++i) items.push_back(Value::integer(start + i * step));
  return List::make(std::move(items));
}

DictPtr dict_of(const Call& call) {
  DictPtr dict = Dict::make();
  if (!call.arguments.empty()) {
    const Value& given = call.arguments[0];
    if (const Dict* other = given.dict())
      for (const auto& [key, value] : other->items) dict->set(key, value);
    else
      for (const Value& pair : items_of(given)->items) {
        const ListPtr items = items_of(pair);
        if (items->items.size() != 2) throw Failure("dict() takes pairs");
        dict->set(items->items[0], items->items[1]);
      }
  }
  for (const auto& [name, value] : call.named) dict->set(Value::text(name), value);
  return dict;
}

Value strftime_now(Call& call) {
  const std::string format = call.string(0, "format", "");
  const std::tm local = local_time();
  // One field at a time, and only those that every system knows: others may end the process on Windows.
  std::string result;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      result += format[i];
      continue;
    }
    const char field = format[++i];
    if (std::string_view("aAbBcdHIjmMpSUwWxXyYZ%").find(field) == std::string_view::npos) {
      result += '%';
      result += field;
      continue;
    }
    const char one[] = {'%', field, '\0'};
    char text[128];
    result.append(text, std::strftime(text, sizeof text, one, &local));
  }
  return Value::text(std::move(result));
}

const std::unordered_map<std::string_view, Builtin>& functions() {
  static const auto* all = new std::unordered_map<std::string_view, Builtin>{
      {"range", range},
      {"dict", [](Call& call) -> Value { return dict_of(call); }},
      {"namespace",
       [](Call& call) -> Value {
         DictPtr dict = dict_of(call);
         dict->is_namespace = true;
         return dict;
       }},
      {"raise_exception",
       [](Call& call) -> Value {
         Failure failure(to_text(call.required(0, "message")).bytes());
         failure.is_raised = true;
         throw failure;
       }},
      {"strftime_now", strftime_now},
  };
  return *all;
}

}  // namespace

Builtin find_function(std::string_view name) {
  const auto it = functions().find(name);
  return it == functions().end() ? nullptr : it->second;
}

}  // namespace caduceus::templates
