// Attributes and items of values, as Jinja finds them.
#include "template/builtins/builtins.h"
#include "template/values/value.h"

namespace caduceus::templates {
namespace {

Value bound(Builtin method, std::string_view name, const Value& self) {
  return Function::make(std::string(name), [method, self](Call& call) {
    call.self = self;
    return method(call);
  });
}

Value loop_attribute(const LoopPtr& loop, std::string_view name) {
  const auto count = static_cast<int64_t>(loop->items->items.size());
  const auto index = static_cast<int64_t>(loop->index);
  const auto neighbor = [&](int64_t at) {
    return at >= 0 && at < count ? loop->items->items[static_cast<size_t>(at)]
                                 : Value::undefined("the loop has no such item");
  };
  if (name == "index") return Value::integer(index + 1);
  if (name == "index0") return Value::integer(index);
  if (name == "first") return index == 0;
  if (name == "last") return index == count - 1;
  if (name == "length") return Value::integer(count);
  if (name == "revindex") return Value::integer(count - index);
  if (name == "revindex0") return Value::integer(count - index - 1);
  if (name == "previtem") return neighbor(index - 1);
  if (name == "nextitem") return neighbor(index + 1);
  if (name == "depth") return Value::integer(static_cast<int64_t>(loop->depth));
  if (name == "depth0") return Value::integer(static_cast<int64_t>(loop->depth) - 1);
  if (name == "cycle")
    return Function::make("cycle", [loop](Call& call) -> Value {
      if (call.arguments.empty()) throw Failure("no items for cycling given");
      return call.arguments[loop->index % call.arguments.size()];
    });
  if (name == "changed")
    return Function::make("changed", [loop](Call& call) -> Value {
      const Value given = List::make(call.arguments, true);
      const bool changed = !equals(loop->last_changed, given);
      loop->last_changed = given;
      return changed;
    });
  return Value::undefined("the loop has no attribute '" + std::string(name) + "'");
}

// An integer that stands for a place in a list.
const Value* element(const List& list, int64_t index) {
  const auto count = static_cast<int64_t>(list.items.size());
  if (index < 0) index += count;
  return index >= 0 && index < count ? &list.items[static_cast<size_t>(index)] : nullptr;
}

}  // namespace

Value attribute(const Value& value, std::string_view name) {
  refuse_undefined(value);
  if (const Dict* dict = value.dict()) {
    if (!dict->is_namespace)
      if (const Builtin method = find_dict_method(name)) return bound(method, name, value);
    if (const Value* found = dict->find(name)) return *found;
  } else if (value.list() != nullptr) {
    if (const Builtin method = find_list_method(name)) return bound(method, name, value);
  } else if (value.text() != nullptr) {
    if (const Builtin method = find_string_method(name)) return bound(method, name, value);
  } else if (const auto* loop = value.as<LoopPtr>()) {
    return loop_attribute(*loop, name);
  } else if (const auto* function = value.as<FunctionPtr>(); function != nullptr && name == "name") {
    return Value::text((*function)->name);
  }
  return Value::undefined("'" + type_name(value) + " object' has no attribute '" + std::string(name) + "'");
}

Value item(const Value& value, const Value& key) {
  refuse_undefined(value);
  const bool is_key = !key.is_undefined() && key.dict() == nullptr && (key.list() == nullptr || key.list()->is_tuple);
  if (const Dict* dict = value.dict(); dict != nullptr && !dict->is_namespace && is_key) {
    if (const Value* found = dict->find(key)) return *found;
  } else if (const List* list = value.list(); list != nullptr && key.integer()) {
    if (const Value* found = element(*list, *key.integer())) return *found;
  } else if (const Text* text = value.text(); text != nullptr && key.integer()) {
    const auto offsets = character_offsets(text->bytes());
    Meter::step(offsets.size() / 64);
    const auto count = static_cast<int64_t>(offsets.size()) - 1;
    const int64_t index = *key.integer() < 0 ? *key.integer() + count : *key.integer();
    if (index >= 0 && index < count)
      return text->range(offsets[static_cast<size_t>(index)], offsets[static_cast<size_t>(index) + 1]);
  }
  if (const Text* name = key.text()) return attribute(value, name->bytes());
  return Value::undefined("'" + type_name(value) + " object' has no element " + to_text(key).bytes());
}

Value item_at_path(const Value& value, const Value& path) {
  if (path.text() == nullptr) return item(value, path);
  Value result = value;
  const std::string& text = path.text()->bytes();
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('.', at), text.size());
    const std::string part = text.substr(at, end - at);
    const bool is_index =
        !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string::npos;
    result = item(result, is_index ? Value::integer(std::stoll(part)) : Value::text(part));
    at = end + 1;
  }
  return result;
}

}  // namespace caduceus::templates
