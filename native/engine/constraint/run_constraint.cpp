#include "constraint/run_constraint.h"

#include <algorithm>

namespace caduceus {

RunConstraint::RunConstraint(std::shared_ptr<const Grammar> grammar, const ConstraintSpec& spec,
                             const Tokenizer& tokenizer, std::span<const Token> ends,
                             const std::optional<ThoughtSpec>& thought)
    : grammar_(std::move(grammar)), tokenizer_(tokenizer), ends_(ends.begin(), ends.end()), lazy_(spec.trigger) {
  if (thought) thought_.emplace(*thought, tokenizer, grammar_ != nullptr);
  begin_answer();
}

void RunConstraint::begin_answer() {
  answers_ = true;
  if (lazy_ && lazy_->tag.empty())
    trigger_.emplace(OpeningTrigger(lazy_->openings, lazy_->start_openings));
  else if (lazy_)
    trigger_.emplace(LazyGrammarTrigger(lazy_->tag));
  else if (grammar_)
    matcher_.emplace(grammar_);
}

bool RunConstraint::is_end(Token token) const {
  return tokenizer_.is_end_of_generation(token) || std::find(ends_.begin(), ends_.end(), token) != ends_.end();
}

bool RunConstraint::take(Token token) {
  if (is_end(token)) return may_end();
  return thought_ ? take_thinking(token) : take_answer(token);
}

size_t RunConstraint::allowed(std::span<const Token> tokens) noexcept {
  if (!matcher_ || thought_) return tokens.size();
  try {
    return matcher_->stopped() ? 0 : matcher_->allowed(tokens);
  } catch (const std::exception&) {
    return 0;
  }
}

bool RunConstraint::take_thinking(Token token) {
  const std::string piece = tokenizer_.piece(token);
  switch (thought_->state()) {
    case Thought::State::possible: {
      // "<" may begin a thought as well as an answer.
      const bool begins = thought_->may_begin(piece);
      const bool answers = answers_ && take_answer(token);
      if (!begins && !answers) return false;
      answers_ = answers;
      if (!answers) place_ = {};
      if (!begins) {
        thought_.reset();
      } else {
        thought_->push(piece);
        if (thought_->state() != Thought::State::possible) {
          begin_answer();
          place_ = {};
        }
      }
      return true;
    }
    case Thought::State::inside:
      if (grammar_ && thought_->runs_over(piece)) return false;
      break;
    case Thought::State::closing:
      if (token != thought_->closing().front()) return false;
      break;
    case Thought::State::ended:
      if (thought_->takes_space(piece)) break;
      if (!take_answer(token)) return false;
      thought_.reset();
      return true;
  }
  place_ = {};
  thought_->push(piece);
  return true;
}

bool RunConstraint::take_answer(Token token) {
  if (!matcher_) return !over_ && take_free(tokenizer_.piece(token));
  if (!matcher_->take(token)) return false;
  place_ = {};
  if (trigger_ && matcher_->stopped()) end_call();
  return true;
}

// The call is complete. In a scratch pad it may be a draft, so the requested call is still to come.
void RunConstraint::end_call() {
  matcher_.reset();
  over_ = !lazy_->further;
  if (auto* hermes = std::get_if<LazyGrammarTrigger>(&*trigger_)) {
    over_ = over_ && !hermes->in_pad();
    hermes->end_call(lazy_->further && lazy_->bare);
  } else {
    std::get<OpeningTrigger>(*trigger_).end_call();
  }
}

bool RunConstraint::is_behind_call() const {
  return trigger_ && !matcher_ && std::visit([](const auto& trigger) { return trigger.is_behind_call(); }, *trigger_);
}

size_t RunConstraint::pending(const CallTrigger& trigger) {
  return std::visit([](const auto& one) { return one.pending(); }, trigger);
}

std::string RunConstraint::call_text(const CallTrigger& trigger, const std::string& piece, size_t at) {
  const auto* openings = std::get_if<OpeningTrigger>(&trigger);
  return openings ? openings->beginning() + piece.substr(at + 1) : piece.substr(at);
}

bool RunConstraint::take_free(const std::string& piece) {
  place_ = {piece.size(), 0};
  if (!trigger_) return true;
  CallTrigger trigger = *trigger_;
  for (size_t at = 0; at < piece.size(); ++at) {
    const size_t waiting = pending(trigger);
    const LazyGrammarTrigger::Seen seen = std::visit([&](auto& one) { return one.push(piece[at]); }, trigger);
    if (seen == LazyGrammarTrigger::Seen::text) continue;
    if (seen == LazyGrammarTrigger::Seen::refused) return false;
    // The rest of the token belongs to the call.
    Matcher matcher(grammar_);
    if (!matcher.take_text(call_text(trigger, piece, at))) return false;
    trigger_ = trigger;
    place_ = {at, waiting};
    matcher_.emplace(std::move(matcher));
    if (matcher_->stopped()) end_call();
    return true;
  }
  place_ = {piece.size(), pending(trigger)};
  trigger_ = std::move(trigger);
  return true;
}

// Whether a token with that text is allowed next; `call` is the position in it where a call begins.
bool RunConstraint::free_allows(const std::string& piece, Matcher& call) const {
  CallTrigger trigger = *trigger_;
  for (size_t at = 0; at < piece.size(); ++at) {
    const LazyGrammarTrigger::Seen seen = std::visit([&](auto& one) { return one.push(piece[at]); }, trigger);
    if (seen == LazyGrammarTrigger::Seen::text) continue;
    return seen == LazyGrammarTrigger::Seen::call && call.allows_text(call_text(trigger, piece, at));
  }
  return true;
}

namespace {

void set(TokenMask& mask, Token token, bool allowed) {
  const uint32_t bit = uint32_t{1} << (token % 32);
  uint32_t& word = mask[static_cast<size_t>(token) / 32];
  word = allowed ? word | bit : word & ~bit;
}

}  // namespace

void RunConstraint::mask(TokenMask& mask) {
  mask.assign((static_cast<size_t>(tokenizer_.size()) + 31) / 32, 0);
  if (!is_thinking()) mask_answer(mask);
  if (thought_) mask_thinking(mask);
  const bool end_allowed = may_end();
  for (Token token : tokenizer_.ends_of_generation()) set(mask, token, end_allowed);
  for (Token token : ends_) {
    if (tokenizer_.is_token(token)) set(mask, token, end_allowed);
  }
}

// Adds what a thought allows to what the answer does.
void RunConstraint::mask_thinking(TokenMask& mask) const {
  switch (thought_->state()) {
    case Thought::State::possible:
      if (!grammar_) return;
      for (const Token token : grammar_->vocabulary().opening_thoughts(thought_->opening()))
        if (thought_->may_begin(tokenizer_.piece(token))) set(mask, token, true);
      return;
    case Thought::State::inside:
      std::fill(mask.begin(), mask.end(), UINT32_MAX);
      if (!grammar_) return;
      for (const Token token : grammar_->vocabulary().behind_thoughts(thought_->closing_tag()))
        if (thought_->runs_over(tokenizer_.piece(token))) set(mask, token, false);
      return;
    case Thought::State::closing:
      set(mask, thought_->closing().front(), true);
      return;
    case Thought::State::ended:
      if (!grammar_) return;
      for (const Token token : grammar_->vocabulary().opening_thoughts(thought_->opening()))
        if (thought_->takes_space(tokenizer_.piece(token))) set(mask, token, true);
  }
}

void RunConstraint::mask_answer(TokenMask& mask) {
  if (matcher_) {
    if (!matcher_->stopped()) matcher_->mask(mask);
    return;
  }
  if (over_) return;
  std::fill(mask.begin(), mask.end(), UINT32_MAX);
  if (!grammar_ || !trigger_) return;
  Matcher call(grammar_);
  // Hermes' calls begin with a brace, and refused ones with a bracket.
  const auto* openings = std::get_if<OpeningTrigger>(&*trigger_);
  for (const Token token : grammar_->vocabulary().with_any_of(openings ? openings->last_bytes() : "{["))
    set(mask, token, free_allows(tokenizer_.piece(token), call));
}

std::vector<Token> RunConstraint::forced() {
  if (thought_) {
    if (thought_->state() == Thought::State::closing) {
      const auto tokens = thought_->closing();
      return {tokens.begin(), tokens.end()};
    }
    // White space, or a thought, may come before what the grammar forces.
    if (thought_->state() != Thought::State::ended || thought_->may_take_space()) return {};
  }
  if (!matcher_ || matcher_->stopped()) return {};
  std::vector<Token> tokens = matcher_->forced();
  tokens.erase(std::find_if(tokens.begin(), tokens.end(), [&](Token token) { return is_end(token); }), tokens.end());
  return tokens;
}

bool RunConstraint::is_thinking() const {
  return thought_ &&
         (!answers_ || thought_->state() == Thought::State::inside || thought_->state() == Thought::State::closing);
}

bool RunConstraint::done() {
  if (is_thinking()) return false;
  return matcher_ ? matcher_->stopped() : over_;
}

bool RunConstraint::may_end() {
  if (!matcher_) return true;
  return !is_thinking() && matcher_->accepts();
}

bool RunConstraint::whole() noexcept {
  try {
    return may_end();
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace caduceus
