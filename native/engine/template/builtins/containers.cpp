// The methods of lists and dictionaries.
#include <algorithm>
#include <unordered_map>

#include "template/builtins/builtins.h"

namespace caduceus::templates {
namespace {

List& self_list(const Call& call) {
  List* list = call.self.list();
  return *list;
}

List& mutable_list(const Call& call) {
  if (self_list(call).is_tuple) throw Failure("a tuple cannot be changed");
  return self_list(call);
}

Dict& self_dict(const Call& call) { return *call.self.dict(); }

size_t place(const List& list, int64_t index, bool may_be_end) {
  const auto count = static_cast<int64_t>(list.items.size());
  if (index < 0) index += count;
  if (may_be_end) return static_cast<size_t>(std::clamp<int64_t>(index, 0, count));
  if (index < 0 || index >= count) throw Failure("list index out of range");
  return static_cast<size_t>(index);
}

Value pairs_of(const Dict& dict) {
  std::vector<Value> pairs;
  for (const auto& [key, value] : dict.items) pairs.emplace_back(List::make({key, value}, true));
  return List::make(std::move(pairs));
}

const std::unordered_map<std::string_view, Builtin>& list_methods() {
  static const auto* all = new std::unordered_map<std::string_view, Builtin>{
      {"append",
       [](Call& call) -> Value {
         mutable_list(call).push_back(call.required(0));
         return None{};
       }},
      {"extend",
       [](Call& call) -> Value {
         const std::vector<Value> more = items_of(call.required(0))->items;
         for (const Value& item : more) mutable_list(call).push_back(item);
         return None{};
       }},
      {"insert",
       [](Call& call) -> Value {
         List& list = mutable_list(call);
         const size_t at = place(list, call.integer(0, "index", 0), true);
         Meter::add_values(1);
         list.items.insert(list.items.begin() + static_cast<std::ptrdiff_t>(at), call.required(1));
         return None{};
       }},
      {"pop",
       [](Call& call) -> Value {
         List& list = mutable_list(call);
         const size_t at = place(list, call.integer(0, "index", -1), false);
         Meter::step(list.items.size() / 64);
         const Value value = list.items[at];
         list.items.erase(list.items.begin() + static_cast<std::ptrdiff_t>(at));
         return value;
       }},
      {"reverse",
       [](Call& call) -> Value {
         std::reverse(mutable_list(call).items.begin(), mutable_list(call).items.end());
         return None{};
       }},
      {"copy", [](Call& call) -> Value { return List::make(self_list(call).items); }},
      {"index",
       [](Call& call) -> Value {
         const auto& items = self_list(call).items;
         for (size_t i = 0; i < items.size(); ++i)
           if (equals(items[i], call.required(0))) return Value::integer(static_cast<int64_t>(i));
         throw Failure("the value is not in the list");
       }},
      {"count",
       [](Call& call) -> Value {
         const auto& items = self_list(call).items;
         return Value::integer(std::count_if(items.begin(), items.end(),
                                             [&](const Value& item) { return equals(item, call.required(0)); }));
       }},
  };
  return *all;
}

const std::unordered_map<std::string_view, Builtin>& dict_methods() {
  static const auto* all = new std::unordered_map<std::string_view, Builtin>{
      {"get",
       [](Call& call) -> Value {
         if (const Value* found = self_dict(call).find(call.required(0))) return *found;
         const Value* otherwise = call.get(1, "default");
         return otherwise ? *otherwise : None{};
       }},
      {"keys", [](Call& call) -> Value { return List::make(items_of(call.self)->items); }},
      {"values",
       [](Call& call) -> Value {
         std::vector<Value> values;
         for (const auto& [_, value] : self_dict(call).items) values.push_back(value);
         return List::make(std::move(values));
       }},
      {"items", [](Call& call) { return pairs_of(self_dict(call)); }},
      {"copy",
       [](Call& call) -> Value {
         DictPtr copy = Dict::make();
         for (const auto& [key, value] : self_dict(call).items) copy->set(key, value);
         return copy;
       }},
      {"update",
       [](Call& call) -> Value {
         Call given = call;
         const Value more = find_function("dict")(given);
         for (const auto& [key, value] : more.dict()->items) self_dict(call).set(key, value);
         return None{};
       }},
      {"setdefault",
       [](Call& call) -> Value {
         if (const Value* found = self_dict(call).find(call.required(0))) return *found;
         const Value* otherwise = call.get(1, "default");
         const Value value = otherwise ? *otherwise : Value(None{});
         self_dict(call).set(call.required(0), value);
         return value;
       }},
      {"pop",
       [](Call& call) -> Value {
         const Value* found = self_dict(call).find(call.required(0));
         if (found == nullptr) {
           if (const Value* otherwise = call.get(1, "default")) return *otherwise;
           throw Failure("the key is not in the dictionary");
         }
         const Value value = *found;
         self_dict(call).erase(call.required(0));
         return value;
       }},
  };
  return *all;
}

}  // namespace

Builtin find_list_method(std::string_view name) {
  const auto it = list_methods().find(name);
  return it == list_methods().end() ? nullptr : it->second;
}

Builtin find_dict_method(std::string_view name) {
  const auto it = dict_methods().find(name);
  return it == dict_methods().end() ? nullptr : it->second;
}

}  // namespace caduceus::templates
