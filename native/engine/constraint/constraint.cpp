#include "constraint/constraint.h"

#include <algorithm>
#include <array>

#include "constraint/thought.h"
#include "platform/error.h"
#include "platform/thread_controller.h"

namespace caduceus {
namespace {

// Buffer for a message from Rust.
class Message {
 public:
  CaduceusMessage* get() { return &message_; }
  std::string_view view() const { return {message_.text, message_.length}; }

 private:
  std::array<char, 300> buffer_{};
  CaduceusMessage message_{buffer_.data(), buffer_.size(), 0};
};

// Puts llguidance's message into a sentence of this engine.
std::string quoted(std::string_view reason) {
  while (!reason.empty() && (reason.back() == '.' || reason.back() == ' ')) reason.remove_suffix(1);
  return std::string(reason.empty() ? "no reason is known" : reason);
}

[[noreturn]] void refuse(int64_t status, std::string_view reason) {
  if (status == CADUCEUS_TOO_COMPLEX) {
    throw EngineError("CONSTRAINT_TOO_COMPLEX", "The constraint is too large or too complex to be enforced (" +
                                                    quoted(reason) + "); simplify the schema or grammar.");
  }
  if (status == CADUCEUS_PANICKED)
    throw EngineError("CONSTRAINT_INVALID",
                      "The constraint cannot be enforced: its compiler failed on it (" + quoted(reason) + ").");
  throw EngineError("CONSTRAINT_INVALID", "The constraint cannot be enforced: " + quoted(reason) + ".");
}

size_t tokenize(const void* data, const uint8_t* text, size_t length, uint32_t* tokens, size_t capacity) {
  try {
    const auto found =
        static_cast<const Tokenizer*>(data)->tokenize_inside(std::string(reinterpret_cast<const char*>(text), length));
    const size_t count = std::min(found.size(), capacity);
    std::copy_n(found.begin(), count, tokens);
    return count;
  } catch (const std::exception&) {
    return 0;  // llguidance then uses the longest tokens that fit
  }
}

}  // namespace

ConstraintVocabulary::ConstraintVocabulary(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {
  std::vector<uint32_t> lengths;
  std::string bytes;
  for (Token token = 0; tokenizer.is_token(token); ++token) {
    const std::string piece = tokenizer.is_end_of_generation(token) ? std::string() : tokenizer.piece(token);
    lengths.push_back(static_cast<uint32_t>(piece.size()));
    bytes += piece;
  }
  const CaduceusVocabularyInit init{static_cast<uint32_t>(lengths.size()),
                                    UINT32_MAX,
                                    lengths.data(),
                                    reinterpret_cast<const uint8_t*>(bytes.data()),
                                    tokenize,
                                    &tokenizer,
                                    calling_thread,
                                    thread_running_ms};
  CaduceusVocabulary* vocabulary = nullptr;
  Message message;
  if (const int32_t status = caduceus_vocabulary_new(&init, &vocabulary, message.get()); status != CADUCEUS_OK)
    refuse(status, message.view());
  vocabulary_.reset(vocabulary);
}

namespace {

template <typename Fits>
std::span<const Token> tokens_of(std::map<std::string, std::vector<Token>>& known, const std::string& tag,
                                 const Tokenizer& tokenizer, const Fits& fits) {
  const auto [entry, is_new] = known.try_emplace(tag);
  if (is_new) {
    for (Token token = 0; tokenizer.is_token(token); ++token)
      if (!tokenizer.is_end_of_generation(token) && fits(tag, tokenizer.piece(token))) entry->second.push_back(token);
  }
  return entry->second;
}

}  // namespace

std::span<const Token> ConstraintVocabulary::with_any_of(const std::string& bytes) const {
  return tokens_of(with_any_of_, bytes, tokenizer_, [](std::string_view wanted, std::string_view piece) {
    return piece.find_first_of(wanted) != std::string_view::npos;
  });
}

std::span<const Token> ConstraintVocabulary::opening_thoughts(const std::string& opening) const {
  return tokens_of(opening_thoughts_, opening, tokenizer_, Thought::could_open);
}

std::span<const Token> ConstraintVocabulary::behind_thoughts(const std::string& closing) const {
  return tokens_of(behind_thoughts_, closing, tokenizer_, Thought::could_run_over);
}

Grammar::Grammar(std::shared_ptr<const ConstraintVocabulary> vocabulary, ConstraintSpec::Kind kind,
                 std::string_view text)
    : vocabulary_(std::move(vocabulary)) {
  CaduceusGrammar* grammar = nullptr;
  Message message;
  const int32_t status =
      caduceus_grammar_new(vocabulary_->get(), static_cast<int32_t>(kind),
                           reinterpret_cast<const uint8_t*>(text.data()), text.size(), &grammar, message.get());
  if (status != CADUCEUS_OK) refuse(status, message.view());
  grammar_.reset(grammar);
}

Matcher::Matcher(std::shared_ptr<const Grammar> grammar) : grammar_(std::move(grammar)) {
  CaduceusMatcher* matcher = nullptr;
  if (const int32_t status = caduceus_matcher_new(grammar_->get(), &matcher); status != CADUCEUS_OK) refuse(status, "");
  matcher_.reset(matcher);
}

Matcher::~Matcher() {
  if (!matcher_) return;
  matcher_.reset();
  caduceus_grammar_trim(grammar_->get());
}

int64_t Matcher::checked(int64_t status) const {
  if (status >= 0) return status;
  Message message;
  caduceus_matcher_error(matcher_.get(), message.get());
  refuse(status, message.view());
}

bool Matcher::take(Token token) {
  const auto id = static_cast<uint32_t>(token);
  return checked(caduceus_matcher_take(matcher_.get(), &id, 1)) == 1;
}

bool Matcher::take_text(std::string_view text) {
  return checked(caduceus_matcher_take_text(matcher_.get(), reinterpret_cast<const uint8_t*>(text.data()),
                                            text.size())) == 1;
}

bool Matcher::allows_text(std::string_view text) {
  return checked(caduceus_matcher_allows_text(matcher_.get(), reinterpret_cast<const uint8_t*>(text.data()),
                                              text.size())) == 1;
}

size_t Matcher::allowed(std::span<const Token> tokens) {
  return static_cast<size_t>(checked(
      caduceus_matcher_allowed(matcher_.get(), reinterpret_cast<const uint32_t*>(tokens.data()), tokens.size())));
}

void Matcher::mask(TokenMask& mask) { checked(caduceus_matcher_mask(matcher_.get(), mask.data(), mask.size())); }

std::vector<Token> Matcher::forced() {
  std::array<uint32_t, 256> tokens;
  const auto count =
      static_cast<size_t>(checked(caduceus_matcher_forced(matcher_.get(), tokens.data(), tokens.size())));
  return {tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(count)};
}

bool Matcher::accepts() { return checked(caduceus_matcher_accepts(matcher_.get())) == 1; }

bool Matcher::stopped() { return checked(caduceus_matcher_stopped(matcher_.get())) == 1; }

void Matcher::rollback(size_t tokens) { checked(caduceus_matcher_rollback(matcher_.get(), tokens)); }

}  // namespace caduceus
