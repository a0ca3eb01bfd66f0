// The variables of a template, from JSON. Integers of any length keep their digits, and keys their order.
#pragma once

#include <string_view>

#include "template/values/value.h"

namespace caduceus::templates {

// An object with `messages`, `tools` and so on. Its strings are marked as input, keys included, except the few that
// are not the caller's: roles, the types of calls, tools and contents, and the texts of tokens.
DictPtr read_variables(std::string_view json);

// Any value; all of its strings are input.
Value read_json(std::string_view json);

}  // namespace caduceus::templates
