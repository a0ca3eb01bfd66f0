#include "template/json_reader.h"

#include <cerrno>
#include <cstdlib>

namespace caduceus::templates {
namespace {

// Where strings are not the caller's. An empty key stands for the items of a list.
struct Place {
  std::string_view key;
  std::vector<Place> inside;
  const Place* at(std::string_view name) const {
    for (const Place& place : inside)
      if (place.key == name) return &place;
    return nullptr;
  }
  bool is_plain() const { return inside.empty(); }
};

const Place& places() {
  static const auto* root =
      new Place{"",
                {{"messages",
                  {{"", {{"role", {}}, {"content", {{"", {{"type", {}}}}}}, {"tool_calls", {{"", {{"type", {}}}}}}}}}},
                 {"tools", {{"", {{"type", {}}}}}},
                 {"bos_token", {}},
                 {"eos_token", {}}}};
  return *root;
}

class Reader {
 public:
  explicit Reader(std::string_view json) : json_(json) {}

  Value read_all(const Place* place) {
    Value value = read(place);
    skip_space();
    if (at_ != json_.size()) fail();
    return value;
  }

 private:
  [[noreturn]] void fail() const { throw Failure("a text is no JSON at byte " + std::to_string(at_)); }

  char peek() const { return at_ < json_.size() ? json_[at_] : '\0'; }
  void skip_space() {
    while (peek() == ' ' || peek() == '\n' || peek() == '\t' || peek() == '\r') ++at_;
  }
  bool take(std::string_view word) {
    if (json_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  void expect(char c) {
    skip_space();
    if (peek() != c) fail();
    ++at_;
  }

  Value read(const Place* place) {
    Meter::step();
    skip_space();
    switch (peek()) {
      case '{':
        return read_object(place);
      case '[':
        return read_array(place);
      case '"':
        return Value::text(read_string(), place == nullptr || !place->is_plain());
      default:
        if (take("null")) return None{};
        if (take("true")) return true;
        if (take("false")) return false;
        return read_number();
    }
  }

  Value read_object(const Place* place) {
    DictPtr dict = Dict::make();
    expect('{');
    skip_space();
    for (bool first = true; peek() != '}'; first = false) {
      if (!first) expect(',');
      skip_space();
      if (peek() != '"') fail();
      const std::string key = read_string();
      expect(':');
      const bool ours = place != nullptr && !place->is_plain();
      dict->set(Value::text(key, !ours), read(ours ? place->at(key) : nullptr));
      skip_space();
    }
    ++at_;
    return dict;
  }

  Value read_array(const Place* place) {
    ListPtr list = List::make();
    expect('[');
    skip_space();
    const Place* inside = place == nullptr ? nullptr : place->at("");
    for (bool first = true; peek() != ']'; first = false) {
      if (!first) expect(',');
      list->push_back(read(inside));
      skip_space();
    }
    ++at_;
    return list;
  }

  Value read_number() {
    const size_t begin = at_;
    bool is_float = false;
    if (peek() == '-') ++at_;
    for (; at_ < json_.size(); ++at_) {
      const char c = json_[at_];
      if (c == '.' || c == 'e' || c == 'E')
        is_float = true;
      else if ((c < '0' || c > '9') && !(is_float && (c == '+' || c == '-')))
        break;
    }
    const std::string digits(json_.substr(begin, at_ - begin));
    if (digits.empty() || digits == "-") fail();
    if (is_float) return std::strtod(digits.c_str(), nullptr);
    errno = 0;
    const long long value = std::strtoll(digits.c_str(), nullptr, 10);
    if (errno == ERANGE) return LongInteger{std::make_shared<const std::string>(digits)};
    return Value::integer(value);
  }

  uint32_t read_unit() {
    uint32_t unit = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      if (c >= '0' && c <= '9')
        unit = unit * 16 + static_cast<uint32_t>(c - '0');
      else if (c >= 'a' && c <= 'f')
        unit = unit * 16 + static_cast<uint32_t>(c - 'a' + 10);
      else if (c >= 'A' && c <= 'F')
        unit = unit * 16 + static_cast<uint32_t>(c - 'A' + 10);
      else
        fail();
    }
    return unit;
  }

  void read_escaped_character(std::string& out) {
    uint32_t c = read_unit();
    if (c >= 0xD800 && c < 0xDC00 && json_.substr(at_, 2) == "\\u") {
      const size_t before = at_;
      at_ += 2;
      const uint32_t low = read_unit();
      if (low >= 0xDC00 && low < 0xE000)
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
      else
        at_ = before;
    }
    append_character(out, c >= 0xD800 && c < 0xE000 ? 0xFFFD : c);
  }

  std::string read_string() {
    std::string out;
    for (++at_;;) {
      const size_t end = json_.find_first_of("\"\\", at_);
      if (end == std::string_view::npos) fail();
      Meter::step(1 + (end - at_) / 1024);
      out += json_.substr(at_, end - at_);
      at_ = end + 1;
      if (json_[end] == '"') return out;
      const char escape = peek();
      ++at_;
      switch (escape) {
        case 'n':
          out += '\n';
          break;
        case 't':
          out += '\t';
          break;
        case 'r':
          out += '\r';
          break;
        case 'b':
          out += '\b';
          break;
        case 'f':
          out += '\f';
          break;
        case 'u':
          read_escaped_character(out);
          break;
        case '"':
        case '\\':
        case '/':
          out += escape;
          break;
        default:
          fail();
      }
    }
  }

  std::string_view json_;
  size_t at_ = 0;
};

}  // namespace

DictPtr read_variables(std::string_view json) {
  const Value value = Reader(json).read_all(&places());
  const auto* dict = value.as<DictPtr>();
  if (dict == nullptr) throw Failure("its variables are no object");
  return *dict;
}

Value read_json(std::string_view json) { return Reader(json).read_all(nullptr); }

}  // namespace caduceus::templates
