#include "constraint/run_constraint.h"

#include <algorithm>

namespace caduceus {

RunConstraint::RunConstraint(std::shared_ptr<const Grammar> grammar, const ConstraintSpec& spec,
                             const Tokenizer& tokenizer, std::span<const Token> ends)
    : grammar_(std::move(grammar)), tokenizer_(tokenizer), ends_(ends.begin(), ends.end()) {
  if (spec.trigger) {
    trigger_.emplace(spec.trigger->tag, spec.trigger->reasoning);
    further_ = spec.trigger->further;
    bare_ = spec.trigger->bare;
  } else {
    matcher_.emplace(grammar_);
  }
}

bool RunConstraint::is_end(Token token) const {
  return tokenizer_.is_end_of_generation(token) || std::find(ends_.begin(), ends_.end(), token) != ends_.end();
}

bool RunConstraint::take(Token token) {
  if (is_end(token)) return may_end();
  if (!matcher_) return !over_ && take_free(tokenizer_.piece(token));
  if (!matcher_->take(token)) return false;
  place_ = {};
  if (trigger_ && matcher_->stopped()) end_call();
  return true;
}

// The call is complete. In a scratch pad it may be a draft, so the requested call is still to come.
void RunConstraint::end_call() {
  matcher_.reset();
  over_ = !further_ && !trigger_->in_pad();
  trigger_->end_call(bare_);
}

bool RunConstraint::take_free(const std::string& piece) {
  LazyGrammarTrigger trigger = *trigger_;
  for (size_t at = 0; at < piece.size(); ++at) {
    const size_t waiting = trigger.pending();
    const LazyGrammarTrigger::Seen seen = trigger.push(piece[at]);
    if (seen == LazyGrammarTrigger::Seen::text) continue;
    if (seen == LazyGrammarTrigger::Seen::refused) return false;
    // The rest of the token belongs to the call.
    Matcher matcher(grammar_);
    if (!matcher.take_text(std::string_view(piece).substr(at))) return false;
    trigger_ = trigger;
    place_ = {at, waiting};
    matcher_.emplace(std::move(matcher));
    if (matcher_->stopped()) end_call();
    return true;
  }
  place_ = {piece.size(), trigger.pending()};
  trigger_ = std::move(trigger);
  return true;
}

// Whether a token with that text is allowed next; `call` is the position in it where a call begins.
bool RunConstraint::free_allows(const std::string& piece, Matcher& call) const {
  LazyGrammarTrigger trigger = *trigger_;
  for (size_t at = 0; at < piece.size(); ++at) {
    const LazyGrammarTrigger::Seen seen = trigger.push(piece[at]);
    if (seen == LazyGrammarTrigger::Seen::text) continue;
    return seen == LazyGrammarTrigger::Seen::call && call.allows_text(std::string_view(piece).substr(at));
  }
  return true;
}

void RunConstraint::mask(TokenMask& mask) {
  mask.assign((static_cast<size_t>(tokenizer_.size()) + 31) / 32, 0);
  const auto set = [&](Token token, bool allowed) {
    const uint32_t bit = uint32_t{1} << (token % 32);
    uint32_t& word = mask[static_cast<size_t>(token) / 32];
    word = allowed ? word | bit : word & ~bit;
  };
  if (matcher_) {
    if (!matcher_->stopped()) matcher_->mask(mask);
  } else if (!over_) {
    std::fill(mask.begin(), mask.end(), UINT32_MAX);
    Matcher call(grammar_);
    for (const Token token : grammar_->vocabulary().with_brackets())
      set(token, free_allows(tokenizer_.piece(token), call));
  }
  const bool end_allowed = may_end();
  for (Token token : tokenizer_.ends_of_generation()) set(token, end_allowed);
  for (Token token : ends_) {
    if (tokenizer_.is_token(token)) set(token, end_allowed);
  }
}

std::vector<Token> RunConstraint::forced() {
  if (!matcher_ || matcher_->stopped()) return {};
  std::vector<Token> tokens = matcher_->forced();
  tokens.erase(std::find_if(tokens.begin(), tokens.end(), [&](Token token) { return is_end(token); }), tokens.end());
  return tokens;
}

bool RunConstraint::done() { return matcher_ ? matcher_->stopped() : over_; }

bool RunConstraint::may_end() { return matcher_ ? matcher_->accepts() : true; }

bool RunConstraint::whole() noexcept {
  try {
    return may_end();
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace caduceus
