// What templates find by name: filters, tests, global functions, and the attributes of values.
#pragma once

#include <string_view>

#include "template/values/value.h"

namespace caduceus::templates {

using Builtin = Value (*)(Call&);

// Null where there is none.
Builtin find_filter(std::string_view name);
Builtin find_test(std::string_view name);
Builtin find_function(std::string_view name);
Builtin find_string_method(std::string_view name);
Builtin find_list_method(std::string_view name);
Builtin find_dict_method(std::string_view name);

// `value.name` and `value[key]`: undefined where there is none.
Value attribute(const Value& value, std::string_view name);
Value item(const Value& value, const Value& key);
// `a.b.0` as filters take it: through attributes and items.
Value item_at_path(const Value& value, const Value& path);

// Of Python's `str % value` and `str.format`.
Text format_percent(const Text& format, const Value& value);
Text format_braces(const Text& format, const Call& call);

// Shared by filters and methods; `self` is the string.
Value upper(Call& call);
Value lower(Call& call);
Value title(Call& call);
Value capitalize(Call& call);
Value strip(Call& call);
Value replace(Call& call);
Value center(Call& call);

}  // namespace caduceus::templates
