// The values of a template, with Python's behavior: https://docs.python.org/3/library/stdtypes.html
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "template/meter.h"
#include "template/values/text.h"

namespace caduceus::templates {

struct List;
struct Dict;
struct Loop;
struct Function;

struct Undefined {
  std::shared_ptr<const std::string> reason;  // for messages, such as `'x' is undefined`; may be null
};
struct None {};
// An integer beyond 64 bits: only its digits.
struct LongInteger {
  std::shared_ptr<const std::string> digits;
};
using TextPtr = std::shared_ptr<const Text>;
using ListPtr = std::shared_ptr<List>;
using DictPtr = std::shared_ptr<Dict>;
using LoopPtr = std::shared_ptr<Loop>;
using FunctionPtr = std::shared_ptr<Function>;

class Value {
 public:
  using Variant = std::variant<Undefined, None, bool, int64_t, double, LongInteger, TextPtr, ListPtr, DictPtr, LoopPtr,
                               FunctionPtr>;
  Value() = default;
  template <typename T, typename = std::enable_if_t<std::is_constructible_v<Variant, T> && !std::is_pointer_v<T>>>
  Value(T value) : variant_(std::move(value)) {}
  Value(Text text) : variant_(std::make_shared<const Text>(std::move(text))) {}
  static Value integer(int64_t value) { return Value(Variant(value)); }
  static Value undefined(std::string reason) {
    return Value(Undefined{std::make_shared<const std::string>(std::move(reason))});
  }
  // Text of the template's own.
  static Value text(std::string bytes, bool input = false) { return Value(Text(std::move(bytes), input)); }

  template <typename T>
  bool is() const {
    return std::holds_alternative<T>(variant_);
  }
  template <typename T>
  const T* as() const {
    return std::get_if<T>(&variant_);
  }
  const Text* text() const {
    const auto* text = as<TextPtr>();
    return text == nullptr ? nullptr : text->get();
  }
  List* list() const {
    const auto* list = as<ListPtr>();
    return list == nullptr ? nullptr : list->get();
  }
  Dict* dict() const {
    const auto* dict = as<DictPtr>();
    return dict == nullptr ? nullptr : dict->get();
  }
  bool is_undefined() const { return is<Undefined>(); }
  bool is_none() const { return is<None>(); }
  // Integers and booleans, which are integers in Python.
  std::optional<int64_t> integer() const;
  std::optional<double> number() const;

 private:
  Variant variant_;
};

// Containers are made by these: they are counted, and taken apart when the rendering ends. Without that, cycles would
// leak, and a long chain of lists would overflow the stack as it is destroyed.
class Owned {
 public:
  Owned();
  ~Owned();
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  static void add(ListPtr list);
  static void add(DictPtr dict);
  static void add(FunctionPtr function);

 private:
  std::vector<ListPtr> lists_;
  std::vector<DictPtr> dicts_;
  std::vector<FunctionPtr> functions_;
  Owned* previous_;
};

struct List {
  std::vector<Value> items;
  bool is_tuple = false;

  static ListPtr make(std::vector<Value> items = {}, bool is_tuple = false);
  void push_back(Value value);
};

struct Dict {
  // In the order in which they were first set.
  std::vector<std::pair<Value, Value>> items;
  bool is_namespace = false;

  static DictPtr make();
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  void set(const Value& key, Value value);
  bool erase(const Value& key);

 private:
  std::optional<size_t> index_of(const Value& key) const;
  std::unordered_map<std::string, size_t> index_;  // only of large ones
};

struct Loop {
  ListPtr items;
  size_t index = 0;
  size_t depth = 1;
  Value last_changed;
};

struct Call;
struct Function {
  std::string name;
  std::function<Value(Call&)> body;

  static Value make(std::string name, std::function<Value(Call&)> body);
};

// Arguments of a function, a filter (`self` is what it is applied to) or a test.
struct Call {
  class Run& run;
  Value self;
  std::vector<Value> arguments;
  std::vector<std::pair<std::string, Value>> named;

  // By position or name; null where it is not given.
  const Value* get(size_t index, std::string_view name = {}) const;
  const Value& required(size_t index, std::string_view name = {}) const;
  bool flag(size_t index, std::string_view name, bool otherwise = false) const;
  int64_t integer(size_t index, std::string_view name, int64_t otherwise) const;
  std::string string(size_t index, std::string_view name, std::string_view otherwise) const;
};

// Throws where it is undefined.
void refuse_undefined(const Value& value);
bool is_true(const Value& value);
bool equals(const Value& a, const Value& b);
// Throws where Python has no order.
bool less(const Value& a, const Value& b);
bool contains(const Value& container, const Value& item);
// As Python names it in messages: str, int, dict.
std::string type_name(const Value& value);
// What a loop goes through. Throws for what cannot be iterated.
ListPtr items_of(const Value& value);
size_t length_of(const Value& value);

// As `str()` and `repr()`.
Text to_text(const Value& value);
std::string number_text(double number);
bool has_input(const Value& value);

struct JsonStyle {
  bool ascii = false;
  bool sorted = false;
  std::optional<std::string> indent;  // of one level; without it all is one line
  std::optional<std::string> item_separator;
  std::string key_separator = ": ";
};
// As `json.dumps`.
Text to_json(const Value& value, const JsonStyle& style);

}  // namespace caduceus::templates
