// What Jinja knows and llama.cpp's parser does not, said in tokens that it reads: `//`, tuples of one value, and commas
// before a closing parenthesis.
#include "template/tokens.h"

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
  if (singles.empty()) return result;
  std::vector<Token> expanded;
  for (size_t at = 0; at < result.size(); ++at) {
    const Token& token = result[at];
    const bool is_single = singles.count(at) != 0;
    if (is_single) expanded.push_back({Token::identifier, single_tuple, token.pos});
    expanded.push_back(token);
    if (is_single) expanded.push_back({Token::open_square_bracket, "[", token.pos});
  }
  return expanded;
}

}  // namespace caduceus::templates
