#include "tokenizer.h"

#include <algorithm>
#include <limits>

#include "error.h"

namespace caduceus {
namespace {

// For more and longer markup the best place for a cut is not looked for: that takes time by the square of either.
constexpr size_t most_examined = 256;
constexpr size_t longest_examined = 64;

// llama.cpp looks the token up, or gives one that is none.
EngineError no_token_for_text() { return EngineError("MODEL_INVALID", "The vocabulary of this model has no token for a part of the text."); }

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

}  // namespace

Tokenizer::Tokenizer(const llama_vocab* vocab, const std::atomic<bool>* cancelled) : vocab_(vocab), size_(llama_vocab_n_tokens(vocab)) {
  newline_prefix_ = raw("\n", false);
  // A letter that gets more bytes than it has went through a space prefix.
  const auto letter = raw("a", false);
  std::string back;
  for (const Token token : letter) back += piece(token);
  space_prefix_ = back == " a";

  const auto stop_if_cancelled = [&] {
    if (cancelled && cancelled->load(std::memory_order_relaxed)) throw EngineError("CANCELLED", "Loading was cancelled.");
  };
  for (Token token = 0; token < size_; ++token) {
    if (token % 1024 == 0) stop_if_cancelled();
    const std::string text = llama_vocab_get_text(vocab_, token);
    longest_piece_ = std::max(longest_piece_, text.size());
    if (is_end_of_generation(token)) ends_of_generation_.push_back(token);
    const bool markup = text.size() > 2 && ((text.front() == '<' && text.back() == '>') || (text.front() == '[' && text.back() == ']'));
    if (markup && (llama_vocab_get_attr(vocab_, token) & LLAMA_TOKEN_ATTR_USER_DEFINED)) markers_.push_back({text, 0});
  }
  for (Marker& marker : markers_) {
    stop_if_cancelled();
    // Markup begins with `<` or `[`, which are characters of one byte.
    const bool examined = markers_.size() <= most_examined && marker.text.size() <= longest_examined;
    marker.cut = examined ? best_cut(marker.text) : 1;
  }
}

// A cut where the joint tokenisation has a boundary gives the fewest tokens.
size_t Tokenizer::best_cut(const std::string& marker) const {
  size_t fewest = std::numeric_limits<size_t>::max();
  size_t best = 1;
  for (size_t cut = 1; cut < marker.size(); ++cut) {
    if (continues_character(marker[cut])) continue;
    std::vector<Token> tokens;
    append_plain(tokens, marker.substr(0, cut), false);
    append_plain(tokens, marker.substr(cut), true);
    if (tokens.size() < fewest) fewest = tokens.size(), best = cut;
  }
  return best;
}

std::vector<Token> Tokenizer::tokenize(std::span<const PromptPart> parts, std::optional<Token> previous) const {
  std::vector<Token> out;
  if (!previous && llama_vocab_get_add_bos(vocab_)) out.push_back(llama_vocab_bos(vocab_));
  bool first = !previous.has_value();
  std::string text;
  bool text_pending = false;
  // Text gets the space prefix at the start of a prompt and after a special token.
  const auto continues = [&] {
    if (!out.empty()) return !is_special(out.back());
    return previous.has_value() && !is_special(*previous);
  };
  const auto flush = [&] {
    if (!text_pending) return;
    if (!text.empty()) append_text(out, text, continues());
    text.clear();
    text_pending = false;
  };
  for (const PromptPart& part : parts) {
    if (const auto* plain = std::get_if<TextPart>(&part)) {
      text += plain->text;
      text_pending = true;
      continue;
    }
    flush();
    if (const auto* control = std::get_if<ControlPart>(&part)) {
      if (control->text.empty()) continue;
      std::vector<Token> tokens;
      // llama.cpp starts with a space prefix; where the text goes on, a newline in front takes it and is dropped.
      if (space_prefix_ && continues()) {
        tokens = raw("\n" + control->text, true);
        tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(std::min(newline_prefix_.size(), tokens.size())));
      } else {
        tokens = raw(control->text, true);
      }
      // A raw prompt may begin with the BOS it was copied with.
      const bool doubled = first && !out.empty() && !tokens.empty() && tokens.front() == out.front() && out.size() == 1;
      out.insert(out.end(), tokens.begin() + (doubled ? 1 : 0), tokens.end());
    } else {
      const auto& given = std::get<TokensPart>(part).tokens;
      for (const Token token : given) check(token);
      const bool doubled = first && out.size() == 1 && !given.empty() && given.front() == out.front();
      out.insert(out.end(), given.begin() + (doubled ? 1 : 0), given.end());
    }
    first = false;
  }
  flush();
  return out;
}

void Tokenizer::append_text(std::vector<Token>& out, const std::string& text, bool continues) const {
  size_t begin = 0;
  while (begin < text.size()) {
    size_t cut = std::string::npos;
    for (const Marker& marker : markers_) {
      const size_t found = text.find(marker.text, begin);
      if (found != std::string::npos) cut = std::min(cut, found + marker.cut);
    }
    const std::string piece = text.substr(begin, cut == std::string::npos ? cut : cut - begin);
    append_plain(out, piece, continues);
    continues = true;
    begin += piece.size();
  }
}

void Tokenizer::append_plain(std::vector<Token>& out, const std::string& text, bool continues) const {
  if (text.empty()) return;
  if (!space_prefix_ || !continues) {
    const auto tokens = raw(text, false);
    out.insert(out.end(), tokens.begin(), tokens.end());
    return;
  }
  const auto tokens = raw("\n" + text, false);
  out.insert(out.end(), tokens.begin() + static_cast<std::ptrdiff_t>(std::min(newline_prefix_.size(), tokens.size())), tokens.end());
}

std::vector<Token> Tokenizer::tokenize_inside(const std::string& text) const {
  std::vector<Token> out;
  append_plain(out, text, true);
  return out;
}

std::vector<Token> Tokenizer::raw(const std::string& text, bool parse_special) const {
  if (text.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max() / 2)) {
    throw EngineError("CONTEXT_FULL", "The prompt has " + std::to_string(text.size()) + " bytes, more than can be tokenised.");
  }
  std::vector<Token> tokens(text.size() + 2);
  const int32_t count = [&] {
    try {
      return llama_tokenize(vocab_, text.data(), static_cast<int32_t>(text.size()), tokens.data(),
                            static_cast<int32_t>(tokens.size()), false, parse_special);
    } catch (const std::exception&) {
      throw no_token_for_text();
    }
  }();
  if (count < 0) throw EngineError("ENGINE_FAILED", "The tokenizer failed on a text of " + std::to_string(text.size()) + " bytes.");
  tokens.resize(static_cast<size_t>(count));
  if (!std::all_of(tokens.begin(), tokens.end(), [this](Token token) { return is_token(token); })) throw no_token_for_text();
  return tokens;
}

bool Tokenizer::is_special(Token token) const {
  return (llama_vocab_get_attr(vocab_, token) & (LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_USER_DEFINED | LLAMA_TOKEN_ATTR_UNKNOWN)) != 0;
}

std::string Tokenizer::piece(Token token, bool special) const {
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
  if (!is_token(token)) throw EngineError("INVALID_ARGUMENT", "Expected token ids from 0 to " + std::to_string(size_ - 1) + " for tokens but received " + std::to_string(token) + ".");
}

}  // namespace caduceus
