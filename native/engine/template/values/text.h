// A string of a template that knows which spans come from the caller: UTF-8, immutable once it is shared.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace caduceus::templates {

class Text {
 public:
  Text() = default;
  Text(std::string bytes, bool input) : bytes_(std::move(bytes)), first_is_input_(input) { account(bytes_.size()); }
  Text(const Text& other) : bytes_(other.bytes_), flips_(other.flips_), first_is_input_(other.first_is_input_) {
    account(bytes_.size());
  }
  Text(Text&& other) noexcept { swap(other); }
  Text& operator=(Text other) noexcept {
    swap(other);
    return *this;
  }
  ~Text();

  const std::string& bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  bool has_input() const { return !bytes_.empty() && (first_is_input_ || !flips_.empty()); }

  void append(std::string_view bytes, bool input);
  void append(const Text& other) { append_range(other, 0, other.size()); }
  // Bytes `from` to `to` of `other`, with their marks.
  void append_range(const Text& other, size_t from, size_t to);
  Text range(size_t from, size_t to) const;

  // Calls visit(bytes, input) for each span of one origin.
  template <typename Visit>
  void each_run(Visit visit) const {
    visit_range(0, size(), visit);
  }

 private:
  bool last_is_input() const { return first_is_input_ != (flips_.size() % 2 == 1); }
  // Text that is alive counts against the limits of the rendering that runs on this thread.
  void account(size_t more);
  void swap(Text& other) noexcept {
    bytes_.swap(other.bytes_);
    flips_.swap(other.flips_);
    std::swap(first_is_input_, other.first_is_input_);
    std::swap(accounted_, other.accounted_);
  }

  template <typename Visit>
  void visit_range(size_t from, size_t to, Visit visit) const {
    size_t begin = 0;
    bool input = first_is_input_;
    for (size_t i = 0; i <= flips_.size() && begin < to; ++i, input = !input) {
      const size_t end = i < flips_.size() ? flips_[i] : size();
      const size_t left = begin > from ? begin : from, right = end < to ? end : to;
      if (left < right) visit(std::string_view(bytes_).substr(left, right - left), input);
      begin = end;
    }
  }

  std::string bytes_;
  std::vector<size_t> flips_;  // where the origin changes
  bool first_is_input_ = false;
  size_t accounted_ = 0;
};

// -- characters: positions in a template are code points, as in Python --

bool is_ascii(std::string_view bytes);
size_t count_characters(std::string_view bytes);
// Reads one character and moves `at` behind it; a byte that begins none is taken as it is.
uint32_t next_character(std::string_view bytes, size_t& at);
void append_character(std::string& bytes, uint32_t character);
// Where each character begins, and the end.
std::vector<size_t> character_offsets(std::string_view bytes);

bool is_space(uint32_t character);
bool is_printable(uint32_t character);
uint32_t to_upper(uint32_t character);
uint32_t to_lower(uint32_t character);
bool is_upper(uint32_t character);
bool is_lower(uint32_t character);
bool is_letter(uint32_t character);
bool is_digit(uint32_t character);

// The same spans, with each one's characters mapped.
Text map_characters(const Text& text, const std::function<uint32_t(uint32_t)>& map);

}  // namespace caduceus::templates
