#include "template/tokens.h"

#include "template/meter.h"

namespace caduceus::templates {
namespace {

using Token = jinja::token;

// Of the 70 templates in llama.cpp's tree, brackets are up to 4 deep, tags have up to 58 tokens, and blocks with their
// `elif` branches are up to 13 deep.
constexpr size_t deepest_brackets = 200;
constexpr size_t longest_tag = 5'000;
constexpr size_t deepest_blocks = 500;

[[noreturn]] void too_deep() { fail_at_limit("it nests more deeply than it may"); }

bool opens(const std::string& name) {
  return name == "if" || name == "for" || name == "macro" || name == "call" || name == "filter" || name == "set";
}

}  // namespace

void check_tokens(const std::vector<Token>& tokens) {
  size_t brackets = 0, in_tag = 0, levels = 0;
  std::vector<size_t> blocks;  // levels of each open one: itself, and its `elif`s
  bool may_assign = false;     // in a `set` that may yet turn out to have no end
  const auto close = [&] {
    if (blocks.empty()) return;
    levels -= blocks.back();
    blocks.pop_back();
  };
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].t == Token::text || tokens[i].t == Token::comment) continue;
    if (++in_tag > longest_tag) too_deep();
    switch (tokens[i].t) {
      case Token::open_expression:
      case Token::open_statement: {
        brackets = in_tag = 0;
        may_assign = false;
        if (tokens[i].t == Token::open_expression || i + 1 == tokens.size()) break;
        const std::string& name = tokens[i + 1].value;
        if (opens(name)) {
          blocks.push_back(1);
          ++levels;
          may_assign = name == "set";
        } else if (name == "elif" && !blocks.empty()) {
          ++blocks.back();
          ++levels;
        } else if (name.compare(0, 3, "end") == 0 && opens(name.substr(3))) {
          close();
        }
        if (levels > deepest_blocks) too_deep();
        break;
      }
      case Token::equals:
        if (brackets == 0 && may_assign) {
          close();
          may_assign = false;
        }
        break;
      case Token::open_paren:
      case Token::open_square_bracket:
      case Token::open_curly_bracket:
        if (++brackets > deepest_brackets) too_deep();
        break;
      case Token::close_paren:
      case Token::close_square_bracket:
      case Token::close_curly_bracket:
        if (brackets > 0) --brackets;
        break;
      default:
        break;
    }
  }
}

}  // namespace caduceus::templates
