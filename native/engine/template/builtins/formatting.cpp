// `str % value` and `str.format`, as far as templates use them.
#include <cmath>
#include <cstdio>

#include "template/builtins/builtins.h"

namespace caduceus::templates {
namespace {

struct Spec {
  bool left = false, zero = false, sign = false;
  size_t width = 0;
  std::optional<int> precision;
  char kind = 's';
};

size_t read_count(std::string_view text, size_t& at) {
  size_t count = 0;
  for (; at < text.size() && is_digit(static_cast<unsigned char>(text[at])); ++at) {
    count = count * 10 + static_cast<size_t>(text[at] - '0');
    if (count > 10'000) throw Failure("a width or precision of more than 10000");
  }
  return count;
}

Text formatted(const Value& value, const Spec& spec) {
  Text text;
  switch (spec.kind) {
    case 's':
      text = to_text(value);
      if (spec.precision) {
        const auto offsets = character_offsets(text.bytes());
        if (static_cast<size_t>(*spec.precision) + 1 < offsets.size())
          text = text.range(0, offsets[static_cast<size_t>(*spec.precision)]);
      }
      break;
    case 'r':
      text = to_text(List::make({value}));
      text = text.range(1, text.size() - 1);
      break;
    case 'd':
    case 'i': {
      if (const auto* big = value.as<LongInteger>()) {
        text = Text(*big->digits, false);
      } else if (const auto* number = value.as<double>(); number != nullptr && std::abs(*number) < 9e18) {
        text = Text(std::to_string(static_cast<int64_t>(*number)), false);
      } else if (const auto integer = value.integer()) {
        text = Text(std::to_string(*integer), false);
      } else {
        throw Failure("a number is required, not " + type_name(value));
      }
      break;
    }
    case 'x':
    case 'X':
    case 'o': {
      const auto integer = value.integer();
      if (!integer) throw Failure("an integer is required, not " + type_name(value));
      const char form[] = {'%', 'l', 'l', spec.kind, '\0'};
      char buffer[32];
      std::snprintf(buffer, sizeof buffer, form, static_cast<long long>(*integer < 0 ? -*integer : *integer));
      text = Text((*integer < 0 ? "-" : "") + std::string(buffer), false);
      break;
    }
    case 'f':
    case 'e':
    case 'g': {
      const auto number = value.number();
      if (!number) throw Failure("a number is required, not " + type_name(value));
      const char form[] = {'%', '.', '*', spec.kind, '\0'};
      const int precision = std::min(spec.precision.value_or(6), 100);
      std::string buffer(512, '\0');
      buffer.resize(static_cast<size_t>(std::snprintf(buffer.data(), buffer.size(), form, precision, *number)));
      text = Text(std::move(buffer), false);
      break;
    }
    default:
      throw Failure(std::string("unsupported format character '") + spec.kind + "'");
  }
  if (spec.sign && spec.kind != 's' && spec.kind != 'r' && text.bytes()[0] != '-') {
    Text with_sign("+", false);
    with_sign.append(text);
    text = std::move(with_sign);
  }
  const size_t length = count_characters(text.bytes());
  if (length >= spec.width) return text;
  const std::string fill(spec.width - length, spec.zero && spec.kind != 's' && !spec.left ? '0' : ' ');
  if (spec.left) {
    text.append(fill, false);
    return text;
  }
  Text padded;
  size_t sign = 0;
  if (fill[0] == '0' && (text.bytes()[0] == '-' || text.bytes()[0] == '+')) sign = 1;
  padded.append_range(text, 0, sign);
  padded.append(fill, false);
  padded.append_range(text, sign, text.size());
  return padded;
}

}  // namespace

Text format_percent(const Text& format, const Value& value) {
  const std::string& bytes = format.bytes();
  const List* tuple = value.list() != nullptr && value.list()->is_tuple ? value.list() : nullptr;
  size_t next = 0;
  Text result;
  size_t at = 0;
  for (size_t percent; (percent = bytes.find('%', at)) != std::string::npos;) {
    Meter::step();
    result.append_range(format, at, percent);
    at = percent + 1;
    if (at < bytes.size() && bytes[at] == '%') {
      result.append_range(format, at, at + 1);
      ++at;
      continue;
    }
    Value given;
    if (at < bytes.size() && bytes[at] == '(') {
      const size_t end = bytes.find(')', at);
      if (end == std::string::npos || value.dict() == nullptr) throw Failure("format requires a mapping");
      given = item(value, Value::text(bytes.substr(at + 1, end - at - 1)));
      at = end + 1;
    } else {
      if (tuple != nullptr ? next >= tuple->items.size() : next > 0)
        throw Failure("not enough arguments for format string");
      given = tuple != nullptr ? tuple->items[next] : value;
      ++next;
    }
    Spec spec;
    for (; at < bytes.size() && std::string_view("-0+ #").find(bytes[at]) != std::string_view::npos; ++at) {
      spec.left = spec.left || bytes[at] == '-';
      spec.zero = spec.zero || bytes[at] == '0';
      spec.sign = spec.sign || bytes[at] == '+';
    }
    spec.width = read_count(bytes, at);
    if (at < bytes.size() && bytes[at] == '.') {
      ++at;
      spec.precision = static_cast<int>(read_count(bytes, at));
    }
    if (at == bytes.size()) throw Failure("incomplete format");
    spec.kind = bytes[at++];
    result.append(formatted(given, spec));
  }
  result.append_range(format, at, bytes.size());
  if (tuple != nullptr && next < tuple->items.size())
    throw Failure("not all arguments converted during string formatting");
  return result;
}

Text format_braces(const Text& format, const Call& call) {
  const std::string& bytes = format.bytes();
  Text result;
  size_t at = 0, automatic = 0;
  while (at < bytes.size()) {
    Meter::step();
    const size_t brace = std::min(bytes.find_first_of("{}", at), bytes.size());
    result.append_range(format, at, brace);
    if (brace == bytes.size()) break;
    if (brace + 1 < bytes.size() && bytes[brace + 1] == bytes[brace]) {
      result.append_range(format, brace, brace + 1);
      at = brace + 2;
      continue;
    }
    const size_t end = bytes.find('}', brace);
    if (bytes[brace] == '}' || end == std::string::npos) throw Failure("single brace in format string");
    std::string field = bytes.substr(brace + 1, end - brace - 1);
    at = end + 1;
    Spec spec;
    if (const size_t colon = field.find(':'); colon != std::string::npos) {
      const std::string text = field.substr(colon + 1);
      field.resize(colon);
      size_t i = 0;
      if (i < text.size() && (text[i] == '<' || text[i] == '>')) spec.left = text[i++] == '<';
      if (i < text.size() && text[i] == '+') spec.sign = true, ++i;
      if (i < text.size() && text[i] == '0') spec.zero = true, ++i;
      spec.width = read_count(text, i);
      if (i < text.size() && text[i] == '.') spec.precision = static_cast<int>(read_count(text, ++i));
      if (i < text.size()) spec.kind = text[i++];
      if (i != text.size()) throw Failure("the format specification " + text + " is not known");
    }
    if (field.size() > 2 && field[field.size() - 2] == '!') {
      spec.kind = field.back();
      field.resize(field.size() - 2);
    }
    const bool is_index =
        !field.empty() && field.size() < 6 && field.find_first_not_of("0123456789") == std::string::npos;
    const Value* given = field.empty() ? call.get(automatic++) : is_index ? call.get(std::stoul(field)) : nullptr;
    for (const auto& [name, value] : call.named)
      if (!field.empty() && name == field) given = &value;
    if (given == nullptr) throw Failure("format() has no argument for {" + field + "}");
    result.append(formatted(*given, spec));
  }
  return result;
}

}  // namespace caduceus::templates
