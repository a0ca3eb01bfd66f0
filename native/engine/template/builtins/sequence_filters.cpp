#include "template/builtins/sequence_filters.h"

#include <algorithm>
#include <unordered_set>

namespace caduceus::templates {
namespace {

bool is_given(const Value* value) { return value != nullptr && !value->is_none() && !value->is_undefined(); }

// What items are compared by: an attribute of theirs, and strings without their case.
Value key_of(const Value& item, const Value* path, bool case_sensitive) {
  const Value value = is_given(path) ? item_at_path(item, *path) : item;
  const Text* text = value.text();
  return text == nullptr || case_sensitive ? value : Value(map_characters(*text, to_lower));
}

std::vector<Value> sorted(const std::vector<Value>& items, const std::vector<Value>& keys, bool reverse) {
  std::vector<size_t> order(items.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return reverse ? less(keys[b], keys[a]) : less(keys[a], keys[b]); });
  std::vector<Value> result;
  for (const size_t i : order) result.push_back(items[i]);
  return result;
}

Value sort(Call& call) {
  const ListPtr list = items_of(call.self);
  const bool case_sensitive = call.flag(1, "case_sensitive");
  std::vector<Value> keys;
  for (const Value& item : list->items) keys.push_back(key_of(item, call.get(2, "attribute"), case_sensitive));
  return List::make(sorted(list->items, keys, call.flag(0, "reverse")));
}

Value dictsort(Call& call) {
  if (call.self.dict() == nullptr) throw Failure("dictsort takes a mapping, not " + type_name(call.self));
  const bool case_sensitive = call.flag(0, "case_sensitive");
  const std::string by = call.string(1, "by", "key");
  std::vector<Value> pairs, keys;
  for (const auto& [key, value] : call.self.dict()->items) {
    pairs.emplace_back(List::make({key, value}, true));
    keys.push_back(key_of(by == "value" ? value : key, nullptr, case_sensitive));
  }
  return List::make(sorted(pairs, keys, call.flag(2, "reverse")));
}

template <bool largest>
Value extreme(Call& call) {
  const ListPtr list = items_of(call.self);
  const bool case_sensitive = call.flag(0, "case_sensitive");
  Value best = Value::undefined("an empty sequence has no item"), best_key;
  for (size_t i = 0; i < list->items.size(); ++i) {
    const Value key = key_of(list->items[i], call.get(1, "attribute"), case_sensitive);
    if (i > 0 && !(largest ? less(best_key, key) : less(key, best_key))) continue;
    best = list->items[i];
    best_key = key;
  }
  return best;
}

Value unique(Call& call) {
  const ListPtr list = items_of(call.self);
  const bool case_sensitive = call.flag(0, "case_sensitive");
  DictPtr seen = Dict::make();
  std::vector<Value> result;
  for (const Value& item : list->items) {
    const Value key = key_of(item, call.get(1, "attribute"), case_sensitive);
    if (seen->find(key) != nullptr) continue;
    seen->set(key, None{});
    result.push_back(item);
  }
  return List::make(std::move(result));
}

Value sum(Call& call) {
  const Value* start = call.get(1, "start");
  double total = start && start->number() ? *start->number() : 0;
  int64_t whole = start && start->integer() ? *start->integer() : 0;
  bool is_whole = start == nullptr || start->integer().has_value();
  for (const Value& item : items_of(call.self)->items) {
    const Value value = is_given(call.get(0, "attribute")) ? item_at_path(item, *call.get(0, "attribute")) : item;
    if (!value.number()) throw Failure("sum takes numbers, not " + type_name(value));
    total += *value.number();
    is_whole = is_whole && value.integer().has_value();
    if (value.integer())
      whole = static_cast<int64_t>(static_cast<uint64_t>(whole) + static_cast<uint64_t>(*value.integer()));
  }
  return is_whole ? Value::integer(whole) : Value(total);
}

Value join(Call& call) {
  const Value* attribute = call.get(1, "attribute");
  const Value* separator = call.get(0, "d");
  const Text between = separator ? to_text(*separator) : Text();
  Text result;
  bool first = true;
  for (const Value& item : items_of(call.self)->items) {
    Meter::step();
    if (!first) result.append(between);
    result.append(to_text(is_given(attribute) ? item_at_path(item, *attribute) : item));
    first = false;
  }
  return result;
}

Value reverse(Call& call) {
  std::vector<Value> items = items_of(call.self)->items;
  std::reverse(items.begin(), items.end());
  if (call.self.text() == nullptr) return List::make(std::move(items));
  Text result;
  for (const Value& item : items) result.append(*item.text());
  return result;
}

// `map(attribute="name")`, or `map("filter", …)`.
Value map(Call& call) {
  const ListPtr list = items_of(call.self);
  std::vector<Value> result;
  const Value* path = call.get(SIZE_MAX, "attribute");
  if (path != nullptr) {
    const Value* otherwise = call.get(SIZE_MAX, "default");
    for (const Value& item : list->items) {
      const Value value = item_at_path(item, *path);
      result.push_back(value.is_undefined() && otherwise != nullptr ? *otherwise : value);
    }
    return List::make(std::move(result));
  }
  const std::string name = call.string(0, "", "");
  const Builtin filter = find_filter(name);
  if (filter == nullptr) throw Failure("map uses the filter " + name + ", which is not known");
  for (const Value& item : list->items) {
    Meter::step();
    Call inner{call.run, item, {call.arguments.begin() + 1, call.arguments.end()}, call.named};
    result.push_back(filter(inner));
  }
  return List::make(std::move(result));
}

// select, reject, selectattr, rejectattr: a test of each item, or of an attribute of it.
template <bool of_attribute, bool rejects>
Value select(Call& call) {
  const ListPtr list = items_of(call.self);
  constexpr size_t skipped = of_attribute ? 1 : 0;
  if (of_attribute) (void)call.required(0);
  Builtin test = nullptr;
  std::vector<Value> arguments;
  if (call.arguments.size() > skipped) {
    const std::string name = call.string(skipped, "", "");
    test = find_test(name);
    if (test == nullptr) throw Failure("it uses the test " + name + ", which is not known");
    arguments.assign(call.arguments.begin() + skipped + 1, call.arguments.end());
  }
  std::vector<Value> result;
  for (const Value& item : list->items) {
    Meter::step();
    const Value value = of_attribute ? item_at_path(item, call.arguments[0]) : item;
    Call inner{call.run, value, arguments, call.named};
    if (is_true(test ? test(inner) : value) != rejects) result.push_back(item);
  }
  return List::make(std::move(result));
}

Value group_by(Call& call) {
  const ListPtr list = items_of(call.self);
  const Value& path = call.required(0, "attribute");
  const bool case_sensitive = call.flag(2, "case_sensitive");
  std::vector<Value> keys;
  for (const Value& item : list->items) keys.push_back(key_of(item, &path, case_sensitive));
  std::vector<Value> groups;
  Value previous;
  std::vector<size_t> order(keys.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return less(keys[a], keys[b]); });
  for (const size_t i : order) {
    if (groups.empty() || !equals(previous, keys[i]))
      groups.emplace_back(List::make({item_at_path(list->items[i], path), List::make()}, true));
    previous = keys[i];
    groups.back().list()->items[1].list()->push_back(list->items[i]);
  }
  return List::make(std::move(groups));
}

Value batch(Call& call) {
  const int64_t size = call.integer(0, "linecount", 0);
  if (size < 1) throw Failure("batch takes a count of at least 1");
  ListPtr rows = List::make();
  for (const Value& item : items_of(call.self)->items) {
    if (rows->items.empty() || rows->items.back().list()->items.size() == static_cast<size_t>(size))
      rows->push_back(List::make());
    rows->items.back().list()->push_back(item);
  }
  if (is_given(call.get(1, "fill_with")) && !rows->items.empty()) {
    Meter::reserve_values(static_cast<size_t>(size));
    while (rows->items.back().list()->items.size() < static_cast<size_t>(size))
      rows->items.back().list()->push_back(*call.get(1, "fill_with"));
  }
  return rows;
}

Value end_of(Call& call, bool last) {
  const ListPtr list = items_of(call.self);
  if (list->items.empty()) return Value::undefined("an empty sequence has no item");
  return last ? list->items.back() : list->items.front();
}

Value length(Call& call) { return Value::integer(static_cast<int64_t>(length_of(call.self))); }

Value list(Call& call) { return List::make(items_of(call.self)->items); }

Value items(Call& call) {
  if (call.self.is_undefined()) return List::make();
  if (call.self.dict() == nullptr) throw Failure("Can only get item pairs from a mapping");
  return find_dict_method("items")(call);
}

const std::pair<std::string_view, Builtin> all[] = {
    {"batch", batch},
    {"count", length},
    {"dictsort", dictsort},
    {"first", [](Call& call) { return end_of(call, false); }},
    {"groupby", group_by},
    {"items", items},
    {"join", join},
    {"last", [](Call& call) { return end_of(call, true); }},
    {"length", length},
    {"list", list},
    {"map", map},
    {"max", extreme<true>},
    {"min", extreme<false>},
    {"reject", select<false, true>},
    {"rejectattr", select<true, true>},
    {"reverse", reverse},
    {"select", select<false, false>},
    {"selectattr", select<true, false>},
    {"sort", sort},
    {"sum", sum},
    {"unique", unique},
};

}  // namespace

const std::span<const std::pair<std::string_view, Builtin>> sequence_filters = all;

}  // namespace caduceus::templates
