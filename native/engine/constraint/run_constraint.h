// The constraint of one run: a thought, if there may be one, then free text until a call begins, or a grammar from the
// first token of the answer on. Engine thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "constraint/constraint.h"
#include "constraint/lazy_grammar_trigger.h"
#include "constraint/opening_trigger.h"
#include "constraint/thought.h"
#include "scheduler/request.h"
#include "tokenizer/tokenizer.h"

namespace caduceus {

class RunConstraint {
 public:
  // `ends` are stop tokens besides those of the model. Without a grammar, the answer is free.
  RunConstraint(std::shared_ptr<const Grammar> grammar, const ConstraintSpec& spec, const Tokenizer& tokenizer,
                std::span<const Token> ends, const std::optional<ThoughtSpec>& thought = std::nullopt);

  // Accepts the token if it is allowed next; false otherwise. A token that ends the turn is allowed where the output is
  // complete.
  bool take(Token token);
  // How many of these tokens the grammar allows one after the other; all of them in free text and in a thought. None is
  // accepted. 0 after a failure, which the next token reports.
  size_t allowed(std::span<const Token> tokens) noexcept;
  // Mask of the tokens allowed next.
  void mask(TokenMask& mask);
  // Forced tokens, none of which ends the turn. Not accepted yet.
  std::vector<Token> forced();
  // Whether nothing can follow, so that the run ends.
  bool done();
  // Whether the output may end here. Never throws; false after a failure.
  bool whole() noexcept;
  // Whether the output is free text at the moment.
  bool is_free() const { return !matcher_; }
  // Whether the grammar is lazy: free text, in which only calls are constrained.
  bool is_lazy() const { return trigger_.has_value(); }

  // Whether `place` is known: for a lazy grammar, and as long as a thought is possible.
  bool has_place() const { return is_lazy() || thought_; }
  // Where free text ends: stop strings apply to free text only.
  struct Place {
    size_t free = 0;     // bytes of the last token before a call; all of them if none begins in it, none in a thought
    size_t waiting = 0;  // bytes at the end of the free text that may still belong to a call
  };
  const Place& place() const { return place_; }
  // Whether only white space follows the last call.
  bool is_behind_call() const;

 private:
  using CallTrigger = std::variant<LazyGrammarTrigger, OpeningTrigger>;

  bool is_end(Token token) const;
  bool may_end();
  // Whether the answer has not begun, and cannot with what was generated so far.
  bool is_thinking() const;
  void begin_answer();
  bool take_thinking(Token token);
  void mask_thinking(TokenMask& mask) const;
  bool take_answer(Token token);
  void mask_answer(TokenMask& mask);
  bool take_free(const std::string& piece);
  bool free_allows(const std::string& piece, Matcher& call) const;
  static size_t pending(const CallTrigger& trigger);
  // What the grammar takes, of a token whose byte at `at` was seen as a call.
  static std::string call_text(const CallTrigger& trigger, const std::string& piece, size_t at);
  void end_call();

  std::shared_ptr<const Grammar> grammar_;
  const Tokenizer& tokenizer_;
  std::vector<Token> ends_;
  std::optional<ConstraintSpec::Trigger> lazy_;
  std::optional<Thought> thought_;  // until the answer has begun
  bool answers_ = true;  // what was generated while a thought is possible may be the beginning of the answer too
  Place place_;
  bool over_ = false;                   // the only call that is allowed is complete
  std::optional<CallTrigger> trigger_;  // set for a lazy grammar
  std::optional<Matcher> matcher_;      // set while the grammar applies
};

}  // namespace caduceus
