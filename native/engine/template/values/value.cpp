#include "template/values/value.h"

#include <algorithm>
#include <cmath>

namespace caduceus::templates {
namespace {

thread_local Owned* owned = nullptr;

constexpr size_t indexed_from = 16;

// Equal keys have equal texts: 1, 1.0 and True are one key in Python.
std::string key_text(const Value& key) {
  if (const Text* text = key.text()) return "s" + text->bytes();
  if (key.is_none()) return "N";
  if (const auto number = key.number()) {
    if (const auto integer = key.integer()) return "n" + std::to_string(*integer);
    if (std::nearbyint(*number) == *number && std::abs(*number) < 9e15)
      return "n" + std::to_string(static_cast<int64_t>(*number));
    return "f" + number_text(*number);
  }
  if (const auto* big = key.as<LongInteger>()) return "n" + *big->digits;
  if (const List* list = key.list(); list != nullptr && list->is_tuple) {
    Meter::step(list->items.size());
    std::string text = "t";
    for (const Value& item : list->items) {
      const std::string part = key_text(item);
      Meter::reserve_text(text.size() + part.size());
      text += std::to_string(part.size()) + ":" + part;
    }
    return text;
  }
  throw Failure("unhashable type: '" + type_name(key) + "'");
}

}  // namespace

std::optional<int64_t> Value::integer() const {
  if (const auto* integer = as<int64_t>()) return *integer;
  if (const auto* boolean = as<bool>()) return *boolean ? 1 : 0;
  return std::nullopt;
}

std::optional<double> Value::number() const {
  if (const auto* number = as<double>()) return *number;
  if (const auto whole = integer()) return static_cast<double>(*whole);
  return std::nullopt;
}

Owned::Owned() : previous_(owned) { owned = this; }

Owned::~Owned() {
  // None of them is destroyed by another's end, since all are held here.
  for (const auto& list : lists_) list->items.clear();
  for (const auto& dict : dicts_) dict->items.clear();
  for (const auto& function : functions_) function->body = nullptr;
  owned = previous_;
}

void Owned::add(ListPtr list) {
  if (owned != nullptr) owned->lists_.push_back(std::move(list));
}
void Owned::add(DictPtr dict) {
  if (owned != nullptr) owned->dicts_.push_back(std::move(dict));
}
void Owned::add(FunctionPtr function) {
  if (owned != nullptr) owned->functions_.push_back(std::move(function));
}

ListPtr List::make(std::vector<Value> items, bool is_tuple) {
  Meter::add_values(items.size() + 1);
  auto list = std::make_shared<List>();
  list->items = std::move(items);
  list->is_tuple = is_tuple;
  Owned::add(list);
  return list;
}

void List::push_back(Value value) {
  Meter::add_values(1);
  items.push_back(std::move(value));
}

DictPtr Dict::make() {
  Meter::add_values(1);
  auto dict = std::make_shared<Dict>();
  Owned::add(dict);
  return dict;
}

std::optional<size_t> Dict::index_of(const Value& key) const {
  if (!index_.empty()) {
    const auto it = index_.find(key_text(key));
    return it == index_.end() ? std::nullopt : std::optional(it->second);
  }
  const Text* text = key.text();
  if (text == nullptr) (void)key_text(key);  // refuses what is no key
  for (size_t i = 0; i < items.size(); ++i) {
    const Text* other = items[i].first.text();
    if (text != nullptr ? other != nullptr && other->bytes() == text->bytes()
                        : other == nullptr && equals(items[i].first, key))
      return i;
  }
  return std::nullopt;
}

const Value* Dict::find(const Value& key) const {
  const auto index = index_of(key);
  return index ? &items[*index].second : nullptr;
}

const Value* Dict::find(std::string_view key) const {
  if (!index_.empty()) {
    const auto it = index_.find("s" + std::string(key));
    return it == index_.end() ? nullptr : &items[it->second].second;
  }
  for (const auto& [name, value] : items)
    if (const Text* text = name.text(); text != nullptr && text->bytes() == key) return &value;
  return nullptr;
}

void Dict::set(const Value& key, Value value) {
  if (const auto index = index_of(key)) {
    items[*index].second = std::move(value);
    return;
  }
  Meter::add_values(1);
  items.emplace_back(key, std::move(value));
  if (!index_.empty()) {
    index_.emplace(key_text(key), items.size() - 1);
  } else if (items.size() == indexed_from) {
    for (size_t i = 0; i < items.size(); ++i) index_.emplace(key_text(items[i].first), i);
  }
}

bool Dict::erase(const Value& key) {
  const auto index = index_of(key);
  if (!index) return false;
  Meter::step(items.size());
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(*index));
  index_.clear();
  if (items.size() >= indexed_from)
    for (size_t i = 0; i < items.size(); ++i) index_.emplace(key_text(items[i].first), i);
  return true;
}

Value Function::make(std::string name, std::function<Value(Call&)> body) {
  Meter::add_values(1);
  auto function = std::make_shared<Function>(Function{std::move(name), std::move(body)});
  Owned::add(function);
  return Value(FunctionPtr(std::move(function)));
}

void refuse_undefined(const Value& value) {
  if (const auto* undefined = value.as<Undefined>())
    throw Failure(undefined->reason ? *undefined->reason : "it uses an undefined value");
}

bool is_true(const Value& value) {
  if (value.is_undefined() || value.is_none()) return false;
  if (const auto number = value.number()) return *number != 0;
  if (const Text* text = value.text()) return !text->empty();
  if (const List* list = value.list()) return !list->items.empty();
  if (const Dict* dict = value.dict()) return dict->is_namespace || !dict->items.empty();
  return true;
}

bool equals(const Value& a, const Value& b) {
  Meter::step();
  if (const Text* text = a.text()) return b.text() != nullptr && text->bytes() == b.text()->bytes();
  if (const auto x = a.integer(), y = b.integer(); x && y) return *x == *y;
  if (const auto x = a.number(), y = b.number(); x && y) return *x == *y;
  if (const auto* x = a.as<LongInteger>()) return b.is<LongInteger>() && *x->digits == *b.as<LongInteger>()->digits;
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  if (a.is_undefined() || b.is_undefined()) return a.is_undefined() && b.is_undefined();
  if (const List* x = a.list()) {
    const List* y = b.list();
    return y != nullptr && x->is_tuple == y->is_tuple && x->items.size() == y->items.size() &&
           std::equal(x->items.begin(), x->items.end(), y->items.begin(), equals);
  }
  if (const Dict* x = a.dict()) {
    const Dict* y = b.dict();
    if (y == nullptr || x->is_namespace || y->is_namespace) return x == y;
    return x->items.size() == y->items.size() && std::all_of(x->items.begin(), x->items.end(), [&](const auto& item) {
             const Value* other = y->find(item.first);
             return other != nullptr && equals(item.second, *other);
           });
  }
  if (const auto* x = a.as<FunctionPtr>()) return b.is<FunctionPtr>() && *x == *b.as<FunctionPtr>();
  return false;
}

bool less(const Value& a, const Value& b) {
  Meter::step();
  if (const auto x = a.integer(), y = b.integer(); x && y) return *x < *y;
  if (const auto x = a.number(), y = b.number(); x && y) return *x < *y;
  if (a.text() != nullptr && b.text() != nullptr) return a.text()->bytes() < b.text()->bytes();
  if (const List *x = a.list(), *y = b.list(); x != nullptr && y != nullptr && x->is_tuple == y->is_tuple) {
    for (size_t i = 0; i < x->items.size() && i < y->items.size(); ++i)
      if (!equals(x->items[i], y->items[i])) return less(x->items[i], y->items[i]);
    return x->items.size() < y->items.size();
  }
  refuse_undefined(a);
  refuse_undefined(b);
  throw Failure("'<' not supported between instances of '" + type_name(a) + "' and '" + type_name(b) + "'");
}

bool contains(const Value& container, const Value& item) {
  if (const Text* text = container.text()) {
    if (item.text() == nullptr) throw Failure("'in <string>' requires string as left operand, not " + type_name(item));
    return text->bytes().find(item.text()->bytes()) != std::string::npos;
  }
  if (const Dict* dict = container.dict(); dict != nullptr && !dict->is_namespace) return dict->find(item) != nullptr;
  if (container.is_undefined()) return false;
  if (const List* list = container.list())
    return std::any_of(list->items.begin(), list->items.end(), [&](const Value& other) { return equals(other, item); });
  throw Failure("argument of type '" + type_name(container) + "' is not iterable");
}

std::string type_name(const Value& value) {
  if (value.is_undefined()) return "Undefined";
  if (value.is_none()) return "NoneType";
  if (value.is<bool>()) return "bool";
  if (value.is<int64_t>() || value.is<LongInteger>()) return "int";
  if (value.is<double>()) return "float";
  if (value.text() != nullptr) return "str";
  if (const List* list = value.list()) return list->is_tuple ? "tuple" : "list";
  if (const Dict* dict = value.dict()) return dict->is_namespace ? "Namespace" : "dict";
  return value.is<LoopPtr>() ? "LoopContext" : "function";
}

ListPtr items_of(const Value& value) {
  if (const auto* list = value.as<ListPtr>()) return *list;
  if (value.is_undefined()) return List::make();
  std::vector<Value> items;
  if (const Dict* dict = value.dict(); dict != nullptr && !dict->is_namespace) {
    for (const auto& [key, _] : dict->items) items.push_back(key);
  } else if (const Text* text = value.text()) {
    Meter::reserve_values(text->size());
    const auto offsets = character_offsets(text->bytes());
    for (size_t i = 0; i + 1 < offsets.size(); ++i) items.emplace_back(text->range(offsets[i], offsets[i + 1]));
  } else {
    throw Failure("'" + type_name(value) + "' object is not iterable");
  }
  return List::make(std::move(items));
}

size_t length_of(const Value& value) {
  if (const Text* text = value.text()) return count_characters(text->bytes());
  if (const List* list = value.list()) return list->items.size();
  if (const Dict* dict = value.dict(); dict != nullptr && !dict->is_namespace) return dict->items.size();
  if (value.is_undefined()) return 0;
  throw Failure("object of type '" + type_name(value) + "' has no len()");
}

const Value* Call::get(size_t index, std::string_view name) const {
  if (index < arguments.size()) return &arguments[index];
  if (!name.empty())
    for (const auto& [key, value] : named)
      if (key == name) return &value;
  return nullptr;
}

const Value& Call::required(size_t index, std::string_view name) const {
  const Value* value = get(index, name);
  if (value == nullptr) throw Failure("an argument is missing" + (name.empty() ? "" : ": " + std::string(name)));
  return *value;
}

bool Call::flag(size_t index, std::string_view name, bool otherwise) const {
  const Value* value = get(index, name);
  return value == nullptr ? otherwise : is_true(*value);
}

int64_t Call::integer(size_t index, std::string_view name, int64_t otherwise) const {
  const Value* value = get(index, name);
  if (value == nullptr || value->is_none()) return otherwise;
  if (const auto integer = value->integer()) return *integer;
  throw Failure("an integer is expected for " + std::string(name) + ", not " + type_name(*value));
}

std::string Call::string(size_t index, std::string_view name, std::string_view otherwise) const {
  const Value* value = get(index, name);
  if (value == nullptr) return std::string(otherwise);
  if (const Text* text = value->text()) return text->bytes();
  throw Failure("a string is expected for " + std::string(name) + ", not " + type_name(*value));
}

}  // namespace caduceus::templates
