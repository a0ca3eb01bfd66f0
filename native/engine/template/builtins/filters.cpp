// The filters of Jinja that work on one value: `value | name`. Those on sequences are in sequence_filters.cpp.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <unordered_map>

#include "template/builtins/builtins.h"
#include "template/builtins/sequence_filters.h"
#include "template/json_reader.h"

namespace caduceus::templates {
namespace {

Value tojson(Call& call) {
  JsonStyle style;
  style.ascii = call.flag(0, "ensure_ascii");
  if (const Value* indent = call.get(1, "indent"); indent != nullptr && !indent->is_none()) {
    if (const Text* text = indent->text()) {
      style.indent = text->bytes();
    } else {
      const int64_t width = call.integer(1, "indent", 0);
      if (width > 1'000) throw Failure("tojson indents by up to 1000");
      style.indent = std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
    }
  }
  if (const Value* separators = call.get(2, "separators"); separators != nullptr && !separators->is_none()) {
    const ListPtr both = items_of(*separators);
    if (both->items.size() != 2) throw Failure("tojson takes two separators");
    style.item_separator = to_text(both->items[0]).bytes();
    style.key_separator = to_text(both->items[1]).bytes();
  }
  style.sorted = call.flag(3, "sort_keys");
  return to_json(call.self, style);
}

Value default_value(Call& call) {
  const bool replaces = call.self.is_undefined() || (call.flag(1, "boolean") && !is_true(call.self));
  if (!replaces) return call.self;
  const Value* otherwise = call.get(0, "default_value");
  return otherwise ? *otherwise : Value(Text());
}

Value to_integer(Call& call) {
  const Value otherwise = Value::integer(call.integer(0, "default", 0));
  const int64_t base = call.integer(1, "base", 10);
  if (call.self.is<LongInteger>()) return call.self;
  if (const auto integer = call.self.integer()) return Value::integer(*integer);
  if (const auto* number = call.self.as<double>())
    return std::isfinite(*number) && std::abs(*number) < 9.2e18 ? Value::integer(static_cast<int64_t>(*number))
                                                                : otherwise;
  const Text* text = call.self.text();
  if (text == nullptr || base < 2 || base > 36) return otherwise;
  Call stripped{call.run, call.self, {}, {}};
  const std::string digits = to_text(strip(stripped)).bytes();
  if (digits.empty()) return otherwise;
  char* end = nullptr;
  errno = 0;
  const long long integer = std::strtoll(digits.c_str(), &end, static_cast<int>(base));
  if (*end == '\0' && errno == 0 && !is_space(static_cast<unsigned char>(digits[0]))) return Value::integer(integer);
  // Jinja tries a float after that: "42.7" is 42.
  const double number = std::strtod(digits.c_str(), &end);
  return base == 10 && *end == '\0' && std::abs(number) < 9.2e18 ? Value::integer(static_cast<int64_t>(number))
                                                                 : otherwise;
}

Value to_float(Call& call) {
  if (const auto number = call.self.number()) return *number;
  if (const Text* text = call.self.text()) {
    char* end = nullptr;
    const double number = std::strtod(text->bytes().c_str(), &end);
    if (end != text->bytes().c_str() && *end == '\0') return number;
  }
  const Value* otherwise = call.get(0, "default");
  return otherwise ? *otherwise : Value(0.0);
}

Value absolute(Call& call) {
  if (const auto integer = call.self.integer())
    return Value::integer(*integer < 0 && *integer != INT64_MIN ? -*integer : *integer);
  if (const auto* number = call.self.as<double>()) return std::abs(*number);
  throw Failure("bad operand type for abs(): '" + type_name(call.self) + "'");
}

Value round_number(Call& call) {
  const auto number = call.self.number();
  if (!number) throw Failure("a number is expected, not " + type_name(call.self));
  const auto precision = static_cast<int>(std::clamp<int64_t>(call.integer(0, "precision", 0), -300, 300));
  const std::string method = call.string(1, "method", "common");
  const double scale = std::pow(10.0, precision);
  if (method == "ceil") return std::ceil(*number * scale) / scale;
  if (method == "floor") return std::floor(*number * scale) / scale;
  // As Python: by the decimal digits, halves to even.
  if (precision <= 0) return std::nearbyint(*number * scale) / scale;
  char digits[512];
  std::snprintf(digits, sizeof digits, "%.*f", std::min(precision, 100), *number);
  return std::strtod(digits, nullptr);
}

Value indent(Call& call) {
  const Text text = to_text(call.self);
  const Value* width = call.get(0, "width");
  Text by;
  if (width != nullptr && width->text() != nullptr) {
    by = *width->text();
  } else {
    const int64_t count = call.integer(0, "width", 4);
    Meter::reserve_text(static_cast<size_t>(std::max<int64_t>(count, 0)));
    by = Text(std::string(static_cast<size_t>(std::max<int64_t>(count, 0)), ' '), false);
  }
  const bool first = call.flag(1, "first"), blank = call.flag(2, "blank");
  Text result;
  const std::string& bytes = text.bytes();
  for (size_t at = 0, line = 0;; ++line) {
    Meter::step();
    const size_t end = std::min(bytes.find('\n', at), bytes.size());
    if (line == 0 ? first : blank || end > at) result.append(by);
    result.append_range(text, at, std::min(end + 1, bytes.size()));
    if (end == bytes.size()) return result;
    at = end + 1;
  }
}

Value truncate(Call& call) {
  const Text text = to_text(call.self);
  const int64_t length = call.integer(0, "length", 255);
  const std::string end = call.string(2, "end", "...");
  const int64_t leeway = call.integer(3, "leeway", 5);
  const auto offsets = character_offsets(text.bytes());
  const auto count = static_cast<int64_t>(offsets.size()) - 1;
  if (count <= length + leeway) return text;
  const int64_t kept = length - static_cast<int64_t>(count_characters(end));
  if (kept < 0) throw Failure("truncate has no room for its end");
  Text result = text.range(0, offsets[static_cast<size_t>(kept)]);
  if (!call.flag(1, "killwords"))
    if (const size_t space = result.bytes().rfind(' '); space != std::string::npos) result = result.range(0, space);
  result.append(end, false);
  return result;
}

Value word_count(Call& call) {
  const Text text = to_text(call.self);
  int64_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const uint32_t c = next_character(text.bytes(), at);
    const bool is_word = is_letter(c) || is_digit(c) || c == '_';
    words += is_word && !inside;
    inside = is_word;
  }
  return Value::integer(words);
}

Value escape(Call& call) {
  const Text text = to_text(call.self);
  Text result;
  const std::string& bytes = text.bytes();
  for (size_t at = 0; at < bytes.size();) {
    Meter::step();
    const size_t found = std::min(bytes.find_first_of("&<>'\"", at), bytes.size());
    result.append_range(text, at, found);
    if (found == bytes.size()) break;
    const char c = bytes[found];
    const char* name = c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&#34;" : "&#39;";
    result.append(name, text.range(found, found + 1).has_input());
    at = found + 1;
  }
  return result;
}

const std::unordered_map<std::string_view, Builtin>& filters() {
  static const auto* all = [] {
    auto* table = new std::unordered_map<std::string_view, Builtin>{
        {"abs", absolute},
        {"attr", [](Call& call) { return attribute(call.self, call.string(0, "name", "")); }},
        {"capitalize", capitalize},
        {"center", center},
        {"default", default_value},
        {"d", default_value},
        {"escape", escape},
        {"e", escape},
        {"float", to_float},
        {"format",
         [](Call& call) -> Value {
           const Value values =
               call.named.empty() ? Value(List::make(call.arguments, true)) : find_function("dict")(call);
           return format_percent(to_text(call.self), values);
         }},
        // Not of transformers: DeepSeek's templates have it.
        {"from_json", [](Call& call) { return read_json(to_text(call.self).bytes()); }},
        {"indent", indent},
        {"int", to_integer},
        {"lower", lower},
        {"replace", replace},
        {"round", round_number},
        {"safe", [](Call& call) -> Value { return to_text(call.self); }},
        {"string", [](Call& call) -> Value { return to_text(call.self); }},
        {"title", title},
        {"tojson", tojson},
        {"trim", strip},
        {"strip", strip},
        {"truncate", truncate},
        {"upper", upper},
        {"wordcount", word_count},
    };
    for (const auto& [name, filter] : sequence_filters) table->emplace(name, filter);
    return table;
  }();
  return *all;
}

}  // namespace

Builtin find_filter(std::string_view name) {
  const auto it = filters().find(name);
  return it == filters().end() ? nullptr : it->second;
}

}  // namespace caduceus::templates
