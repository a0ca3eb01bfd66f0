// What is done with a template's tokens before llama.cpp's parser reads them.
#pragma once

#include <vector>

#include "jinja/lexer.h"

namespace caduceus::templates {

// The parser recurses with what it reads. Throws Failure for templates that nest more deeply than a thread with a large
// stack can read.
void check_tokens(const std::vector<jinja::token>& tokens);

// A function that no template can name: `(x,)` becomes a call of it with a list.
inline constexpr const char* single_tuple = "(tuple)";

// Says what Jinja knows and the parser does not in tokens that it reads.
std::vector<jinja::token> rewrite_tokens(const std::vector<jinja::token>& tokens);

}  // namespace caduceus::templates
