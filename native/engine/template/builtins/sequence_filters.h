#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "template/builtins/builtins.h"

namespace caduceus::templates {

// Filters on lists, dictionaries and the characters of strings, for the table in filters.cpp.
extern const std::span<const std::pair<std::string_view, Builtin>> sequence_filters;

}  // namespace caduceus::templates
