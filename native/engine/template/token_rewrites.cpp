// What Jinja knows and llama.cpp's parser does not, said in tokens that it reads: `//` and `**`, tuples of one value,
// and commas before a closing parenthesis.
#include "template/tokens.h"

#include <map>
#include <set>

namespace caduceus::templates {
namespace {

using Token = jinja::token;

bool is_operator(const Token& token, const char* symbol) {
  return token.t == Token::multiplicative_binary_operator && token.value == symbol;
}

// Whether a parenthesis behind this token calls it.
bool is_callable(const Token& token) {
  static const std::set<std::string> words = {"in", "not", "and", "or", "if", "elif", "else", "is", "set", "for"};
  switch (token.t) {
    case Token::close_paren:
    case Token::close_square_bracket:
      return true;
    case Token::identifier:
      return words.count(token.value) == 0;
    default:
      return false;
  }
}

bool opens(const Token& token) {
  return token.t == Token::open_paren || token.t == Token::open_square_bracket || token.t == Token::open_curly_bracket;
}

bool closes(const Token& token) {
  return token.t == Token::close_paren || token.t == Token::close_square_bracket ||
         token.t == Token::close_curly_bracket;
}

bool ends_operand(const Token& token) {
  return is_callable(token) || token.t == Token::numeric_literal || token.t == Token::string_literal ||
         token.t == Token::close_curly_bracket;
}

// Finds where the operands of `**` begin and end: each is a value with its sign, its calls, items and filters.
class Operands {
 public:
  explicit Operands(const std::vector<Token>& tokens) : tokens_(tokens), partner_(tokens.size()) {
    std::vector<size_t> open;
    for (size_t at = 0; at < tokens.size(); ++at) {
      partner_[at] = at;
      if (opens(tokens[at])) open.push_back(at);
      if (!closes(tokens[at]) || open.empty()) continue;
      partner_[at] = open.back();
      partner_[open.back()] = at;
      open.pop_back();
    }
  }

  size_t start(size_t at) const {
    for (;;) {
      if (closes(tokens_[at])) {
        at = partner_[at];
        if (at > 0 && tokens_[at].t != Token::open_curly_bracket && is_callable(tokens_[at - 1])) {
          --at;
          continue;
        }
      }
      if (at < 2 || (tokens_[at - 1].t != Token::dot && tokens_[at - 1].t != Token::pipe)) break;
      at -= 2;
    }
    while (at > 0 && tokens_[at - 1].t == Token::unary_operator) --at;
    return at;
  }

  size_t end(size_t at) const {
    const size_t last = tokens_.size() - 1;
    while (at < last && tokens_[at].t == Token::unary_operator) ++at;
    if (opens(tokens_[at])) at = partner_[at];
    while (at < last) {
      const Token& next = tokens_[at + 1];
      if ((next.t == Token::dot || next.t == Token::pipe) && at + 1 < last)
        at += 2;
      else if (next.t == Token::open_paren || next.t == Token::open_square_bracket)
        at = partner_[at + 1];
      else
        break;
      if (opens(tokens_[at])) break;  // it is never closed
    }
    return at;
  }

 private:
  const std::vector<Token>& tokens_;
  std::vector<size_t> partner_;  // of a bracket: the one that closes or opens it
};

// Parentheses around each `**` with its operands: it binds more closely than the parser's other operators of its kind.
std::vector<Token> group_powers(const std::vector<Token>& tokens) {
  std::map<size_t, size_t> groups;  // by their last token
  std::map<size_t, size_t> starts;  // how many begin before a token
  const Operands operands(tokens);
  for (size_t at = 1; at + 1 < tokens.size(); ++at) {
    if (!is_operator(tokens[at], "**")) continue;
    const auto before = groups.find(at - 1);
    const size_t start = before == groups.end() ? operands.start(at - 1) : before->second;
    ++starts[start];
    groups[operands.end(at + 1)] = start;
  }
  if (groups.empty()) return tokens;
  std::vector<Token> result;
  for (size_t at = 0; at < tokens.size(); ++at) {
    if (const auto begin = starts.find(at); begin != starts.end())
      result.insert(result.end(), begin->second, {Token::open_paren, "(", tokens[at].pos});
    result.push_back(tokens[at]);
    if (groups.count(at) != 0) result.push_back({Token::close_paren, ")", tokens[at].pos});
  }
  return result;
}

struct Parenthesis {
  size_t at;
  bool is_call;
  size_t commas;
};

}  // namespace

std::vector<Token> rewrite_tokens(const std::vector<Token>& tokens) {
  std::vector<Token> result;
  std::set<size_t> singles;  // parentheses of tuples with one value
  std::vector<Parenthesis> open;
  for (const Token& token : tokens) {
    if (!result.empty() && is_operator(token, "/") && is_operator(result.back(), "/") &&
        token.pos == result.back().pos + 1) {
      result.back().value = "//";
      continue;
    }
    if (result.size() > 1 && is_operator(token, "*") && is_operator(result.back(), "*") &&
        token.pos == result.back().pos + 1 && ends_operand(result[result.size() - 2])) {
      result.back().value = "**";
      continue;
    }
    switch (token.t) {
      case Token::open_expression:
      case Token::open_statement:
        open.clear();
        break;
      case Token::open_paren:
      case Token::open_square_bracket:
      case Token::open_curly_bracket:
        open.push_back(
            {result.size(), token.t != Token::open_paren || (!result.empty() && is_callable(result.back())), 0});
        break;
      case Token::comma:
        if (!open.empty()) ++open.back().commas;
        break;
      case Token::close_square_bracket:
      case Token::close_curly_bracket:
        if (!open.empty()) open.pop_back();
        break;
      case Token::close_paren:
        if (open.empty()) break;
        if (result.back().t == Token::comma) {
          if (!open.back().is_call && open.back().commas == 1) {
            singles.insert(open.back().at);
            result.back() = {Token::close_square_bracket, "]", token.pos};
          } else {
            result.pop_back();
          }
        }
        open.pop_back();
        break;
      default:
        break;
    }
    result.push_back(token);
  }
  if (singles.empty()) return group_powers(result);
  std::vector<Token> expanded;
  for (size_t at = 0; at < result.size(); ++at) {
    const Token& token = result[at];
    const bool is_single = singles.count(at) != 0;
    if (is_single) expanded.push_back({Token::identifier, single_tuple, token.pos});
    expanded.push_back(token);
    if (is_single) expanded.push_back({Token::open_square_bracket, "[", token.pos});
  }
  return group_powers(expanded);
}

}  // namespace caduceus::templates
