// The methods of strings. Results keep the marks of the characters they are made of.
#include <algorithm>
#include <unordered_map>

#include "template/builtins/builtins.h"

namespace caduceus::templates {
namespace {

const Text& self_text(const Call& call) {
  if (const Text* text = call.self.text()) return *text;
  throw Failure("a string is expected, not " + type_name(call.self));
}

const std::string& text_argument(const Call& call, size_t index, std::string_view name = {}) {
  const Value& value = call.required(index, name);
  if (const Text* text = value.text()) return text->bytes();
  throw Failure("a string is expected, not " + type_name(value));
}

std::pair<size_t, size_t> stripped(const Text& text, const Value* characters, bool left, bool right) {
  const std::string& bytes = text.bytes();
  std::vector<uint32_t> set;
  const bool is_given = characters != nullptr && !characters->is_none();
  if (is_given) {
    if (characters->text() == nullptr) throw Failure("strip arg must be None or str");
    for (size_t at = 0; at < characters->text()->size();)
      set.push_back(next_character(characters->text()->bytes(), at));
  }
  const auto goes = [&](uint32_t c) {
    return is_given ? std::find(set.begin(), set.end(), c) != set.end() : is_space(c);
  };
  size_t from = 0, to = bytes.size();
  while (left && from < to) {
    size_t next = from;
    if (!goes(next_character(bytes, next))) break;
    from = next;
  }
  while (right && to > from) {
    size_t last = to - 1;
    while (last > from && (static_cast<unsigned char>(bytes[last]) & 0xC0) == 0x80) --last;
    size_t next = last;
    if (!goes(next_character(bytes, next))) break;
    to = last;
  }
  return {from, to};
}

Value strip_sides(Call& call, bool left, bool right) {
  const Text text = to_text(call.self);
  const auto [from, to] = stripped(text, call.get(0, "chars"), left, right);
  return text.range(from, to);
}

// By white space, or by a separator; from the left.
Value split(Call& call) {
  const Text& text = self_text(call);
  const std::string& bytes = text.bytes();
  const Value* separator = call.get(0, "sep");
  int64_t left = call.integer(1, "maxsplit", -1);
  ListPtr parts = List::make();
  if (separator == nullptr || separator->is_none()) {
    for (size_t at = 0; at < bytes.size();) {
      size_t next = at;
      if (is_space(next_character(bytes, next))) {
        at = next;
        continue;
      }
      size_t end = at;
      if (left == 0) {
        end = stripped(text.range(at, bytes.size()), nullptr, false, true).second + at;
      } else {
        for (size_t step = end; step < bytes.size(); end = step)
          if (is_space(next_character(bytes, step))) break;
        --left;
      }
      parts->push_back(text.range(at, end));
      if (left == 0 && end == bytes.size()) break;
      at = end;
    }
    return parts;
  }
  const std::string& by = text_argument(call, 0, "sep");
  if (by.empty()) throw Failure("empty separator");
  size_t at = 0;
  for (size_t found; left != 0 && (found = bytes.find(by, at)) != std::string::npos; at = found + by.size(), --left)
    parts->push_back(text.range(at, found));
  parts->push_back(text.range(at, bytes.size()));
  return parts;
}

Value rsplit(Call& call) {
  const int64_t most = call.integer(1, "maxsplit", -1);
  const Value* separator = call.get(0, "sep");
  if (most < 0 || separator == nullptr || separator->is_none()) return split(call);
  const Text& text = self_text(call);
  const std::string& by = text_argument(call, 0, "sep");
  if (by.empty()) throw Failure("empty separator");
  std::vector<Value> parts;
  size_t end = text.size();
  for (int64_t left = most; left > 0 && end >= by.size(); --left) {
    const size_t found = text.bytes().rfind(by, end - by.size());
    if (found == std::string::npos) break;
    parts.emplace_back(text.range(found + by.size(), end));
    end = found;
  }
  parts.emplace_back(text.range(0, end));
  std::reverse(parts.begin(), parts.end());
  return List::make(std::move(parts));
}

Value splitlines(Call& call) {
  const Text& text = self_text(call);
  const std::string& bytes = text.bytes();
  const bool keeps_ends = call.flag(0, "keepends");
  ListPtr lines = List::make();
  for (size_t at = 0; at < bytes.size();) {
    const size_t end = std::min(bytes.find_first_of("\n\r\v\f", at), bytes.size());
    size_t next = std::min(end + 1, bytes.size());
    if (end < bytes.size() && bytes[end] == '\r' && next < bytes.size() && bytes[next] == '\n') ++next;
    lines->push_back(text.range(at, keeps_ends ? next : end));
    at = next;
  }
  return lines;
}

template <bool at_end>
Value has_affix(Call& call) {
  const std::string& bytes = self_text(call).bytes();
  const Value& given = call.required(0);
  const auto has = [&](const Value& affix) {
    if (affix.text() == nullptr) throw Failure("a string or a tuple of strings is expected");
    const std::string& part = affix.text()->bytes();
    return part.size() <= bytes.size() &&
           bytes.compare(at_end ? bytes.size() - part.size() : 0, part.size(), part) == 0;
  };
  if (const List* list = given.list()) return std::any_of(list->items.begin(), list->items.end(), has);
  return has(given);
}

template <bool at_end>
Value without_affix(Call& call) {
  const Text& text = self_text(call);
  const size_t size = text_argument(call, 0).size();
  if (!is_true(has_affix<at_end>(call))) return text;
  return at_end ? text.range(0, text.size() - size) : text.range(size, text.size());
}

template <bool from_right, bool must_be_there>
Value find(Call& call) {
  const std::string& bytes = self_text(call).bytes();
  const std::string& part = text_argument(call, 0);
  const size_t at = from_right ? bytes.rfind(part) : bytes.find(part);
  if (at != std::string::npos)
    return Value::integer(static_cast<int64_t>(count_characters(std::string_view(bytes).substr(0, at))));
  if (must_be_there) throw Failure("substring not found");
  return Value::integer(-1);
}

Value count(Call& call) {
  const std::string& bytes = self_text(call).bytes();
  const std::string& part = text_argument(call, 0);
  if (part.empty()) return Value::integer(static_cast<int64_t>(count_characters(bytes)) + 1);
  int64_t found = 0;
  for (size_t at = 0; (at = bytes.find(part, at)) != std::string::npos; at += part.size()) ++found;
  return Value::integer(found);
}

template <bool (*predicate)(uint32_t)>
Value all_characters(Call& call) {
  const std::string& bytes = self_text(call).bytes();
  for (size_t at = 0; at < bytes.size();)
    if (!predicate(next_character(bytes, at))) return false;
  return !bytes.empty();
}

bool is_letter_or_digit(uint32_t c) { return is_letter(c) || is_digit(c); }

Value join(Call& call) {
  Text result;
  bool first = true;
  for (const Value& item : items_of(call.required(0))->items) {
    Meter::step();
    if (item.text() == nullptr) throw Failure("sequence item: expected str instance, " + type_name(item) + " found");
    if (!first) result.append(self_text(call));
    result.append(*item.text());
    first = false;
  }
  return result;
}

template <bool from_right>
Value partition(Call& call) {
  const Text& text = self_text(call);
  const std::string& by = text_argument(call, 0);
  if (by.empty()) throw Failure("empty separator");
  const size_t at = from_right ? text.bytes().rfind(by) : text.bytes().find(by);
  if (at == std::string::npos)
    return List::make(from_right ? std::vector<Value>{Text(), Text(), text} : std::vector<Value>{text, Text(), Text()},
                      true);
  return List::make({text.range(0, at), text.range(at, at + by.size()), text.range(at + by.size(), text.size())}, true);
}

// `where`: 0 pads on the left, 1 on the right, 2 on both sides.
Value pad(Call& call, int where, std::string_view fill) {
  const Text text = to_text(call.self);
  const int64_t missing = call.integer(0, "width", 80) - static_cast<int64_t>(count_characters(text.bytes()));
  if (missing <= 0) return text;
  const auto count = static_cast<size_t>(missing);
  const size_t left = where == 0 ? count : where == 1 ? 0 : count / 2;
  Meter::reserve_text(count, fill.size());
  Text result;
  for (size_t i = 0; i < count; ++i) {
    if (i == left) result.append(text);
    result.append(fill, false);
  }
  if (left == count) result.append(text);
  return result;
}

Value zfill(Call& call) {
  const Text& text = self_text(call);
  const bool is_signed = !text.empty() && (text.bytes()[0] == '-' || text.bytes()[0] == '+');
  Call rest{call.run,
            text.range(is_signed ? 1 : 0, text.size()),
            {Value::integer(call.integer(0, "width", 0) - is_signed)},
            {}};
  Text result = text.range(0, is_signed ? 1 : 0);
  result.append(to_text(pad(rest, 0, "0")));
  return result;
}

uint32_t swapped(uint32_t c) { return is_upper(c) ? to_lower(c) : to_upper(c); }

const std::unordered_map<std::string_view, Builtin>& methods() {
  static const auto* all = new std::unordered_map<std::string_view, Builtin>{
      {"upper", upper},
      {"lower", lower},
      {"casefold", lower},
      {"title", title},
      {"capitalize", capitalize},
      {"swapcase", [](Call& call) -> Value { return map_characters(self_text(call), swapped); }},
      {"strip", strip},
      {"lstrip", [](Call& call) { return strip_sides(call, true, false); }},
      {"rstrip", [](Call& call) { return strip_sides(call, false, true); }},
      {"split", split},
      {"rsplit", rsplit},
      {"splitlines", splitlines},
      {"startswith", has_affix<false>},
      {"endswith", has_affix<true>},
      {"removeprefix", without_affix<false>},
      {"removesuffix", without_affix<true>},
      {"replace", replace},
      {"find", find<false, false>},
      {"rfind", find<true, false>},
      {"index", find<false, true>},
      {"rindex", find<true, true>},
      {"count", count},
      {"join", join},
      {"partition", partition<false>},
      {"rpartition", partition<true>},
      {"format", [](Call& call) -> Value { return format_braces(self_text(call), call); }},
      {"isdigit", all_characters<is_digit>},
      {"isdecimal", all_characters<is_digit>},
      {"isnumeric", all_characters<is_digit>},
      {"isalpha", all_characters<is_letter>},
      {"isalnum", all_characters<is_letter_or_digit>},
      {"isspace", all_characters<is_space>},
      {"isupper", [](Call& call) { return find_test("upper")(call); }},
      {"islower", [](Call& call) { return find_test("lower")(call); }},
      {"center", center},
      {"ljust", [](Call& call) { return pad(call, 1, call.string(1, "fillchar", " ")); }},
      {"rjust", [](Call& call) { return pad(call, 0, call.string(1, "fillchar", " ")); }},
      {"zfill", zfill},
  };
  return *all;
}

}  // namespace

Builtin find_string_method(std::string_view name) {
  const auto it = methods().find(name);
  return it == methods().end() ? nullptr : it->second;
}

Value upper(Call& call) { return map_characters(to_text(call.self), to_upper); }
Value lower(Call& call) { return map_characters(to_text(call.self), to_lower); }

Value title(Call& call) {
  bool inside = false;
  return map_characters(to_text(call.self), [&](uint32_t c) {
    const uint32_t result = inside ? to_lower(c) : to_upper(c);
    inside = is_letter(c);
    return result;
  });
}

Value capitalize(Call& call) {
  bool first = true;
  return map_characters(to_text(call.self), [&](uint32_t c) {
    const uint32_t result = first ? to_upper(c) : to_lower(c);
    first = false;
    return result;
  });
}

Value strip(Call& call) { return strip_sides(call, true, true); }

Value center(Call& call) { return pad(call, 2, call.string(1, "fillchar", " ")); }

Value replace(Call& call) {
  const Text text = to_text(call.self);
  const std::string& bytes = text.bytes();
  const Text old = to_text(call.required(0, "old"));
  const Text by = to_text(call.required(1, "new"));
  int64_t left = call.integer(2, "count", -1);
  Text result;
  size_t at = 0;
  if (old.empty()) {
    const auto offsets = character_offsets(bytes);
    Meter::reserve_text(by.size(), offsets.size());
    for (size_t i = 0; i < offsets.size() && left != 0; ++i, --left) {
      Meter::step();
      result.append(by);
      at = i + 1 < offsets.size() ? offsets[i + 1] : bytes.size();
      result.append_range(text, offsets[i], at);
    }
    result.append_range(text, at, bytes.size());
    return result;
  }
  for (size_t found; left != 0 && (found = bytes.find(old.bytes(), at)) != std::string::npos; --left) {
    Meter::step();
    result.append_range(text, at, found);
    result.append(by);
    at = found + old.size();
  }
  result.append_range(text, at, bytes.size());
  return result;
}

}  // namespace caduceus::templates
