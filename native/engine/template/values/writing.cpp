// Values as text: `str()`, `repr()` and `json.dumps` of Python.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "template/values/value.h"

namespace caduceus::templates {
namespace {

constexpr const char* hex = "0123456789abcdef";

void append_hex(std::string& out, uint32_t value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += hex[(value >> shift) & 15];
}

void append_repr(std::string& out, std::string_view text) {
  Meter::reserve_text(text.size(), 2);
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  out += quote;
  for (size_t at = 0; at < text.size();) {
    const uint32_t c = next_character(text, at);
    if (c == static_cast<uint32_t>(quote) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_printable(c)) {
      append_character(out, c);
    } else {
      out += c < 0x100 ? "\\x" : c < 0x10000 ? "\\u" : "\\U";
      append_hex(out, c, c < 0x100 ? 2 : c < 0x10000 ? 4 : 8);
    }
  }
  out += quote;
}

void append_repr(std::string& out, const Value& value) {
  Meter::step();
  Meter::reserve_text(out.size());
  const auto separate = [&](size_t index) {
    if (index > 0) out += ", ";
  };
  if (const Text* text = value.text()) {
    append_repr(out, std::string_view(text->bytes()));
  } else if (const List* list = value.list()) {
    out += list->is_tuple ? '(' : '[';
    for (size_t i = 0; i < list->items.size(); ++i) {
      separate(i);
      append_repr(out, list->items[i]);
    }
    if (list->is_tuple && list->items.size() == 1) out += ',';
    out += list->is_tuple ? ')' : ']';
  } else if (const Dict* dict = value.dict(); dict != nullptr && !dict->is_namespace) {
    out += '{';
    for (size_t i = 0; i < dict->items.size(); ++i) {
      separate(i);
      append_repr(out, dict->items[i].first);
      out += ": ";
      append_repr(out, dict->items[i].second);
    }
    out += '}';
  } else if (value.is_undefined()) {
    out += "Undefined";
  } else if (!value.is<LoopPtr>() && !value.is<FunctionPtr>() && !value.dict()) {
    out += to_text(value).bytes();
  } else {
    out += "<" + type_name(value) + ">";
  }
}

void append_json_string(std::string& out, std::string_view text, bool ascii) {
  Meter::reserve_text(text.size(), 2);
  const auto escape = [&](uint32_t unit) {
    out += "\\u";
    append_hex(out, unit, 4);
  };
  out += '"';
  for (size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const char* const found = byte == '"'    ? "\\\""
                              : byte == '\\' ? "\\\\"
                              : byte == '\n' ? "\\n"
                              : byte == '\r' ? "\\r"
                              : byte == '\t' ? "\\t"
                              : byte == '\b' ? "\\b"
                              : byte == '\f' ? "\\f"
                                             : nullptr;
    if (found != nullptr) {
      out += found;
      ++at;
    } else if (byte < 0x20) {
      escape(byte);
      ++at;
    } else if (byte < 0x80 || !ascii) {
      out += text[at++];
    } else {
      const uint32_t c = next_character(text, at);
      if (c < 0x10000) {
        escape(c);
      } else {
        escape(0xD800 + ((c - 0x10000) >> 10));
        escape(0xDC00 + ((c - 0x10000) & 0x3FF));
      }
    }
  }
  out += '"';
}

class JsonWriter {
 public:
  explicit JsonWriter(const JsonStyle& style)
      : style_(style), item_separator_(style.item_separator.value_or(style.indent ? "," : ", ")) {}

  void write(const Value& value, size_t level) {
    Meter::step();
    Meter::reserve_text(out.size());
    if (const Text* text = value.text()) {
      append_json_string(out, text->bytes(), style_.ascii);
    } else if (const List* list = value.list()) {
      brackets('[', ']', list->items.size(), level, [&](size_t i) { write(list->items[i], level + 1); });
    } else if (const Dict* dict = value.dict(); dict != nullptr && !dict->is_namespace) {
      std::vector<const std::pair<Value, Value>*> items;
      for (const auto& item : dict->items) items.push_back(&item);
      if (style_.sorted)
        std::stable_sort(items.begin(), items.end(), [](auto* a, auto* b) { return less(a->first, b->first); });
      brackets('{', '}', items.size(), level, [&](size_t i) {
        write_key(items[i]->first);
        out += style_.key_separator;
        write(items[i]->second, level + 1);
      });
    } else if (const auto* boolean = value.as<bool>()) {
      out += *boolean ? "true" : "false";
    } else if (value.is_none()) {
      out += "null";
    } else if (const auto* number = value.as<double>(); number != nullptr && !std::isfinite(*number)) {
      out += std::isnan(*number) ? "NaN" : *number > 0 ? "Infinity" : "-Infinity";
    } else if (value.number() || value.is<LongInteger>()) {
      out += to_text(value).bytes();
    } else {
      throw Failure("Object of type " + type_name(value) + " is not JSON serializable");
    }
  }

  std::string out;

 private:
  void write_key(const Value& key) {
    if (const Text* text = key.text()) return append_json_string(out, text->bytes(), style_.ascii);
    if (key.list() != nullptr) throw Failure("keys must be str, int, float, bool or None, not tuple");
    out += '"';
    write(key, 0);
    out += '"';
  }

  template <typename Write>
  void brackets(char open, char close, size_t count, size_t level, Write write_item) {
    out += open;
    for (size_t i = 0; i < count; ++i) {
      if (i > 0) out += item_separator_;
      if (style_.indent) new_line(level + 1);
      write_item(i);
    }
    if (style_.indent && count > 0) new_line(level);
    out += close;
  }

  void new_line(size_t level) {
    out += '\n';
    Meter::reserve_text(style_.indent->size(), level);
    for (size_t i = 0; i < level; ++i) out += *style_.indent;
  }

  const JsonStyle& style_;
  const std::string item_separator_;
};

}  // namespace

std::string number_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  // The shortest digits that give the same number.
  char digits[32];
  for (int precision = 0; precision < 17; ++precision) {
    std::snprintf(digits, sizeof digits, "%.*e", precision, number);
    if (std::strtod(digits, nullptr) == number) break;
  }
  std::string text = digits;
  const size_t e = text.find('e');
  const int exponent = std::atoi(text.c_str() + e + 1);
  std::string mantissa = text.substr(0, e);
  const std::string sign = mantissa[0] == '-' ? "-" : "";
  mantissa.erase(0, sign.size());
  std::erase(mantissa, '.');
  while (mantissa.size() > 1 && mantissa.back() == '0') mantissa.pop_back();
  const int count = static_cast<int>(mantissa.size());
  if (exponent < -4 || exponent >= 16) {
    if (count > 1) mantissa.insert(1, ".");
    const std::string size = std::to_string(std::abs(exponent));
    return sign + mantissa + (exponent < 0 ? "e-" : "e+") + (size.size() < 2 ? "0" + size : size);
  }
  if (exponent < 0) return sign + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + mantissa;
  if (count <= exponent + 1)
    return sign + mantissa + std::string(static_cast<size_t>(exponent + 1 - count), '0') + ".0";
  return sign + mantissa.insert(static_cast<size_t>(exponent + 1), ".");
}

bool has_input(const Value& value) {
  Meter::step();
  if (const Text* text = value.text()) return text->has_input();
  if (const List* list = value.list()) return std::any_of(list->items.begin(), list->items.end(), has_input);
  if (const Dict* dict = value.dict())
    return std::any_of(dict->items.begin(), dict->items.end(),
                       [](const auto& item) { return has_input(item.first) || has_input(item.second); });
  return false;
}

Text to_text(const Value& value) {
  if (const Text* text = value.text()) return *text;
  if (value.is_undefined()) return Text();
  if (value.is_none()) return Text("None", false);
  if (const auto* boolean = value.as<bool>()) return Text(*boolean ? "True" : "False", false);
  if (const auto* integer = value.as<int64_t>()) return Text(std::to_string(*integer), false);
  if (const auto* number = value.as<double>()) return Text(number_text(*number), false);
  if (const auto* big = value.as<LongInteger>()) return Text(*big->digits, false);
  std::string out;
  append_repr(out, value);
  return Text(std::move(out), has_input(value));
}

Text to_json(const Value& value, const JsonStyle& style) {
  JsonWriter writer(style);
  writer.write(value, 0);
  return Text(std::move(writer.out), has_input(value));
}

}  // namespace caduceus::templates
