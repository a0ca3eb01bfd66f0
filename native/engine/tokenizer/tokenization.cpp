#include "tokenizer/tokenization.h"

#include "tokenizer/tokenizer.h"

namespace caduceus {
namespace {

// Limits of one step: bytes, and pieces, each of which may take some milliseconds.
constexpr size_t step_bytes = longest_chunk;
constexpr size_t step_pieces = 32;

constexpr size_t short_piece = 64;
constexpr size_t most_known = 1024;

}  // namespace

Tokenization::Tokenization(const Tokenizer& tokenizer, std::vector<PromptPart> parts, std::optional<Token> previous)
    : tokenizer_(tokenizer), given_(std::move(parts)), previous_(previous), first_(!previous.has_value()) {
  if (!previous && llama_vocab_get_add_bos(tokenizer_.vocab_)) out_.push_back(llama_vocab_bos(tokenizer_.vocab_));
}

bool Tokenization::step() {
  for (PromptPart& part : given_) {
    if (const auto* control = std::get_if<ControlPart>(&part))
      tokenizer_.split_control(control->text, parts_);
    else
      parts_.push_back(std::move(part));
  }
  given_.clear();
  size_t bytes = 0;
  for (size_t pieces = 0; pieces < step_pieces && bytes < step_bytes; ++pieces) {
    if (at_ == text_.size() && !begin_part()) return false;
    bytes += read_chunk();
  }
  return true;
}

// Moves to the next part; false after the last.
bool Tokenization::begin_part() {
  if (is_control_) first_ = false;
  text_.clear();
  at_ = 0;
  after_marker_ = is_control_ = false;
  if (part_ == parts_.size()) return false;
  for (; part_ < parts_.size() && std::holds_alternative<TextPart>(parts_[part_]); ++part_) {
    std::string& text = std::get<TextPart>(parts_[part_]).text;
    if (text_.empty())
      text_ = std::move(text);
    else
      text_ += text;
  }
  if (!text_.empty() || part_ == parts_.size()) return true;
  PromptPart& part = parts_[part_++];
  if (auto* control = std::get_if<ControlPart>(&part)) {
    text_ = std::move(control->text);
    is_control_ = !text_.empty();
    return true;
  }
  const auto& given = std::get<TokensPart>(part).tokens;
  for (const Token token : given) tokenizer_.check(token);
  const bool doubled = !given.empty() && is_doubled(given.front());
  out_.insert(out_.end(), given.begin() + (doubled ? 1 : 0), given.end());
  first_ = false;
  return true;
}

// A raw prompt may already begin with BOS.
bool Tokenization::is_doubled(Token token) const { return first_ && out_.size() == 1 && out_.front() == token; }

// Text gets the space prefix at the start of a prompt and after a special token.
bool Tokenization::continues() const {
  // The unknown token that a character without a token became is not a special token.
  if (at_ > 0 && !out_.empty() && (llama_vocab_get_attr(tokenizer_.vocab_, out_.back()) & LLAMA_TOKEN_ATTR_UNKNOWN))
    return true;
  if (!out_.empty()) return !tokenizer_.is_special(out_.back());
  return previous_.has_value() && !tokenizer_.is_special(*previous_);
}

size_t Tokenization::read_chunk() {
  if (at_ == text_.size()) return 0;
  auto piece = std::string_view(text_).substr(at_);
  size_t cut = std::string_view::npos;
  if (!is_control_) {
    // Only markers that begin in this chunk matter here; they may end after it.
    cut = tokenizer_.next_marker_cut(piece.substr(0, longest_chunk + tokenizer_.marker_texts_.longest()));
    piece = piece.substr(0, cut);
  }
  piece = piece.substr(0, tokenizer_.next_piece(piece));
  const bool may_double = is_control_ && first_ && out_.size() == 1;
  append(piece, after_marker_ || continues());
  if (may_double && out_.size() > 1 && out_[1] == out_[0]) out_.erase(out_.begin());
  if (is_control_) first_ = false;
  after_marker_ = piece.size() == cut;
  at_ += piece.size();
  return piece.size();
}

void Tokenization::append(std::string_view piece, bool continues) {
  if (piece.size() > short_piece || tokenizer_.markers_.empty())
    return tokenizer_.append_plain(out_, piece, continues, is_control_);
  std::string key(1, static_cast<char>((continues ? 1 : 0) | (is_control_ ? 2 : 0)));
  key += piece;
  auto known = known_.find(key);
  if (known == known_.end()) {
    std::vector<Token> tokens;
    tokenizer_.append_plain(tokens, piece, continues, is_control_);
    if (known_.size() >= most_known) known_.clear();
    known = known_.emplace(std::move(key), std::move(tokens)).first;
  }
  out_.insert(out_.end(), known->second.begin(), known->second.end());
}

}  // namespace caduceus
