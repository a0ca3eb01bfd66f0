// The few lines that plain C++ tests need: a check that says where it failed, and a count at the end.
#pragma once

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>

inline std::atomic<int> checks_passed = 0;

#define CHECK(condition)                                                           \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                                \
    }                                                                              \
    ++checks_passed;                                                               \
  } while (false)

// The claim a group of checks makes; printed before it runs, so that a crash names it.
#define CLAIM(text) std::fprintf(stderr, "  %s\n", text)

inline int report() {
  std::fprintf(stderr, "%d checks passed\n", checks_passed.load());
  return 0;
}

// A test model's path from the environment; the program ends without it, since a test that did not run must not pass.
inline std::string test_model(const char* variable) {
  const char* path = std::getenv(variable);
  if (path && *path) return path;
  std::fprintf(stderr, "%s is not set: run the tests with `npm test`.\n", variable);
  std::exit(1);
}
