#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>
#include <string_view>

#include "llama-vocab.h"
#include "platform/error.h"
#include "tokenizer/tokenization.h"

namespace caduceus {
namespace {

bool begins_markup(char c) { return c == '<' || c == '[' || c == ']'; }

// With more or longer markup, the best place for a cut is not searched for: that takes quadratic time.
constexpr size_t most_examined = 256;
constexpr size_t longest_examined = 64;

// llama.cpp looks up the token, or returns LLAMA_TOKEN_NULL.
EngineError no_token_for_text() {
  return EngineError("MODEL_INVALID", "The vocabulary of this model has no token for a part of the text.");
}

constexpr std::array<std::string_view, 6> always_preserved = {"<think>",      "</think>",        "<tool_call>",
                                                              "</tool_call>", "<tool_response>", "</tool_response>"};

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

}  // namespace

Tokenizer::Tokenizer(const llama_vocab* vocab, const std::atomic<bool>* cancelled)
    : vocab_(vocab), size_(llama_vocab_n_tokens(vocab)) {
  newline_prefix_ = raw("\n", false);
  // A letter that detokenizes to more bytes got a space prefix.
  const auto letter = raw("a", false);
  std::string back;
  for (const Token token : letter) back += piece(token);
  space_prefix_ = back == " a";

  const auto stop_if_cancelled = [&] {
    if (cancelled && cancelled->load(std::memory_order_relaxed))
      throw EngineError("CANCELLED", "Loading was cancelled.");
  };
  std::vector<std::string> specials;
  std::vector<std::pair<std::string, Token>> controls;
  for (Token token = 0; token < size_; ++token) {
    if (token % 1024 == 0) stop_if_cancelled();
    const std::string text = llama_vocab_get_text(vocab_, token);
    longest_piece_ = std::max(longest_piece_, text.size());
    if (is_end_of_generation(token)) ends_of_generation_.push_back(token);
    if (llama_vocab_is_control(vocab_, token) &&
        std::find(always_preserved.begin(), always_preserved.end(), text) != always_preserved.end())
      preserved_tokens_.push_back(token);
    // `<|im_end|>`, `[INST]`, and MiniMax's `]~b]` and `[e~[`.
    const bool markup = text.size() > 2 && begins_markup(text.front()) &&
                        std::string_view(">[]").find(text.back()) != std::string_view::npos;
    if (markup && (llama_vocab_get_attr(vocab_, token) & LLAMA_TOKEN_ATTR_USER_DEFINED)) markers_.push_back({text, 0});
    if (is_special(token)) specials.push_back(text);
    const bool is_user_defined = llama_vocab_get_attr(vocab_, token) & LLAMA_TOKEN_ATTR_USER_DEFINED;
    if (!text.empty() && is_special(token) && (markup || !is_user_defined)) controls.emplace_back(text, token);
  }
  for (Marker& marker : markers_) {
    stop_if_cancelled();
    // Markup begins with a character of one byte.
    const bool examined = markers_.size() <= most_examined && marker.text.size() <= longest_examined;
    marker.cut = examined ? best_cut(marker.text) : 1;
  }
  std::sort(markers_.begin(), markers_.end(), [](const Marker& a, const Marker& b) { return a.text < b.text; });
  std::vector<std::string> texts;
  for (const Marker& marker : markers_) texts.push_back(marker.text);
  marker_texts_ = StringSet(std::move(texts));
  special_texts_ = StringSet(std::move(specials));
  std::sort(controls.begin(), controls.end());
  texts.clear();
  for (const auto& [text, token] : controls) {
    if (!texts.empty() && texts.back() == text) continue;
    texts.push_back(text);
    begins_control_[static_cast<unsigned char>(text[0])] = true;
    control_tokens_.push_back(token);
  }
  control_texts_ = StringSet(std::move(texts));
  // This pre-tokenizer takes cubic time in the length of a number.
  if (vocab->get_pre_type() == LLAMA_VOCAB_PRE_TYPE_SUPERBPE) longest_number_ = 96;
}

void Tokenizer::preserve_tokens(std::span<const std::string> texts) const {
  for (Token token = 0; token < size_; ++token) {
    if (!llama_vocab_is_control(vocab_, token) || is_end_of_generation(token)) continue;
    const std::string_view text = llama_vocab_get_text(vocab_, token);
    if (text.size() > 1 && std::any_of(texts.begin(), texts.end(),
                                       [&](const std::string& given) { return given.find(text) != std::string::npos; }))
      preserved_tokens_.push_back(token);
  }
  std::sort(preserved_tokens_.begin(), preserved_tokens_.end());
}

// A cut where the joint tokenization has a boundary gives the fewest tokens.
size_t Tokenizer::best_cut(const std::string& marker) const {
  size_t fewest = std::numeric_limits<size_t>::max();
  size_t best = 1;
  for (size_t cut = 1; cut < marker.size(); ++cut) {
    if (continues_character(marker[cut])) continue;
    std::vector<Token> tokens;
    append_plain(tokens, std::string_view(marker).substr(0, cut), false, false);
    append_plain(tokens, std::string_view(marker).substr(cut), true, false);
    if (tokens.size() < fewest) fewest = tokens.size(), best = cut;
  }
  return best;
}

std::vector<Token> Tokenizer::tokenize(std::span<const PromptPart> parts, std::optional<Token> previous) const {
  Tokenization tokenization(*this, {parts.begin(), parts.end()}, previous);
  while (tokenization.step()) {
  }
  return tokenization.take();
}

size_t Tokenizer::next_piece(std::string_view text) const {
  size_t end = next_chunk(text);
  if (longest_number_ > 0) end = before_long_digits(text.substr(0, end), longest_number_);
  if (end == text.size()) return end;
  // A special token is not cut, unless it is the whole chunk.
  const size_t whole = special_texts_.before_straddling(text, end);
  return whole > 0 ? whole : end;
}

void Tokenizer::split_control(std::string_view text, std::vector<PromptPart>& out) const {
  const auto is_white = [&](size_t at) {
    return std::string_view(" \t\r\n\v\f").find(text[at]) != std::string_view::npos;
  };
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    size_t found = SIZE_MAX;
    if (begins_control_[static_cast<unsigned char>(text[at])])
      control_texts_.each_prefix(text.substr(at), [&](size_t index) { found = index; });  // the longest comes last
    if (found == SIZE_MAX) {
      ++at;
      continue;
    }
    // White space that the token takes away has to come with it.
    const auto attributes = llama_vocab_get_attr(vocab_, control_tokens_[found]);
    size_t from = at, to = at + control_texts_.at(found).size();
    while ((attributes & LLAMA_TOKEN_ATTR_LSTRIP) && from > begin && is_white(from - 1)) --from;
    while ((attributes & LLAMA_TOKEN_ATTR_RSTRIP) && to < text.size() && is_white(to)) ++to;
    if (from > begin) out.emplace_back(TextPart{std::string(text.substr(begin, from - begin))});
    out.emplace_back(ControlPart{std::string(text.substr(from, to - from))});
    begin = at = to;
  }
  if (begin < text.size()) out.emplace_back(TextPart{std::string(text.substr(begin))});
}

size_t Tokenizer::next_marker_cut(std::string_view text) const {
  size_t cut = std::string_view::npos;
  for (size_t at = 0; at < std::min(text.size(), cut); ++at) {
    if (!begins_markup(text[at])) continue;
    marker_texts_.each_prefix(text.substr(at), [&](size_t marker) { cut = std::min(cut, at + markers_[marker].cut); });
  }
  return cut;
}

void Tokenizer::append_plain(std::vector<Token>& out, std::string_view text, bool continues, bool parse_special) const {
  if (text.empty()) return;
  if (!space_prefix_ || !continues) {
    const auto tokens = raw(text, parse_special);
    out.insert(out.end(), tokens.begin(), tokens.end());
    return;
  }
  // llama.cpp starts with a space prefix. For text that continues, a newline is put in front, takes the prefix, and is
  // dropped.
  std::string behind_newline = "\n";
  behind_newline += text;
  const auto tokens = raw(behind_newline, parse_special);
  out.insert(out.end(), tokens.begin() + static_cast<std::ptrdiff_t>(std::min(newline_prefix_.size(), tokens.size())),
             tokens.end());
}

std::vector<Token> Tokenizer::tokenize_alone(const std::string& text) const {
  const PromptPart part = TextPart{text};
  std::vector<Token> tokens = tokenize({&part, 1});
  if (llama_vocab_get_add_bos(vocab_)) tokens.erase(tokens.begin());
  return tokens;
}

std::vector<Token> Tokenizer::tokenize_inside(const std::string& text) const {
  std::vector<Token> out;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t size = next_piece(rest);
    append_plain(out, rest.substr(0, size), true, false);
    rest.remove_prefix(size);
  }
  return out;
}

std::vector<Token> Tokenizer::raw(std::string_view text, bool parse_special) const {
  if (text.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max() / 2)) {
    throw EngineError("CONTEXT_FULL",
                      "The prompt has " + std::to_string(text.size()) + " bytes, more than can be tokenized.");
  }
  std::vector<Token> tokens(text.size() + 2);
  const int32_t count = [&] {
    try {
      return llama_tokenize(vocab_, text.data(), static_cast<int32_t>(text.size()), tokens.data(),
                            static_cast<int32_t>(tokens.size()), false, parse_special);
    } catch (const std::out_of_range&) {
      throw no_token_for_text();
    }
  }();
  if (count < 0)
    throw EngineError("ENGINE_FAILED", "The tokenizer failed on a text of " + std::to_string(text.size()) + " bytes.");
  tokens.resize(static_cast<size_t>(count));
  if (!std::all_of(tokens.begin(), tokens.end(), [this](Token token) { return is_token(token); }))
    throw no_token_for_text();
  return tokens;
}

bool Tokenizer::is_special(Token token) const {
  return (llama_vocab_get_attr(vocab_, token) &
          (LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_USER_DEFINED | LLAMA_TOKEN_ATTR_UNKNOWN)) != 0;
}

std::string Tokenizer::piece(Token token, bool special) const {
  special |= std::binary_search(preserved_tokens_.begin(), preserved_tokens_.end(), token);
  char small[128];
  int32_t length = llama_token_to_piece(vocab_, token, small, sizeof small, 0, special);
  if (length >= 0) return std::string(small, static_cast<size_t>(length));
  std::string large(static_cast<size_t>(-length), '\0');
  length = llama_token_to_piece(vocab_, token, large.data(), -length, 0, special);
  return length < 0 ? std::string() : large;
}

std::vector<std::string> Tokenizer::pieces(std::span<const Token> tokens) const {
  std::vector<std::string> pieces;
  for (const Token token : tokens) {
    check(token);
    pieces.push_back(piece(token, true));
  }
  return pieces;
}

std::string Tokenizer::detokenize(std::span<const Token> tokens, bool special) const {
  std::string text;
  for (const Token token : tokens) {
    check(token);
    text += piece(token, special);
  }
  return text;
}

void Tokenizer::check(Token token) const {
  if (!is_token(token))
    throw EngineError::argument("tokens", "token ids from 0 to " + std::to_string(size_ - 1), std::to_string(token));
}

}  // namespace caduceus
