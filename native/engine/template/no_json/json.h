// In the place of llama.cpp's json.h, which needs a library of 25,000 lines: for the one function of common/jinja that
// reads JSON and that nobody calls. CMake gives the class its name.
#pragma once

#include <string>

class common_json {
 public:
  bool is_null() const { return true; }
  bool is_boolean() const { return false; }
  bool is_number_integer() const { return false; }
  bool is_number_float() const { return false; }
  bool is_string() const { return false; }
  bool is_array() const { return false; }
  bool is_object() const { return false; }
  template <typename T>
  T get() const {
    return T();
  }

  struct Iterator {
    std::string key() const { return {}; }
    const common_json& value() const { return *json; }
    const common_json& operator*() const { return *json; }
    Iterator& operator++() { return *this; }
    bool operator!=(const Iterator&) const { return false; }
    const common_json* json;
  };
  Iterator begin() const { return {this}; }
  Iterator end() const { return {this}; }
};
