// llama.cpp's parser recurses with what it reads, so how deeply a template nests is bounded before.
#pragma once

#include <vector>

#include "jinja/lexer.h"

namespace caduceus::templates {

// Throws Failure for templates that nest more deeply than a thread with a large stack can read.
void check_tokens(const std::vector<jinja::token>& tokens);

}  // namespace caduceus::templates
