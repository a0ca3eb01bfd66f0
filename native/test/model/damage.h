// Damaged files, and what becomes of a process that reads one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <string>

#include "check.h"

#ifndef _WIN32
#include <sys/wait.h>
#include <unistd.h>
#endif

// A file with up to four changes; two thirds of them in its first kilobytes, where most faults are.
inline std::string mutate(const std::string& original, uint32_t seed, size_t header_bytes) {
  std::mt19937 random(seed);
  const auto below = [&](size_t limit) { return static_cast<size_t>(random() % limit); };
  std::string bytes = original;
  const size_t header = std::min(header_bytes, bytes.size());
  const int changes = 1 + static_cast<int>(below(4));
  for (int i = 0; i < changes; ++i) {
    const size_t range = below(3) == 0 ? header : std::min<size_t>(3000, bytes.size());
    const size_t at = below(range - 16);
    switch (below(7)) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 2: {
        const uint32_t extremes[] = {0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 1u << 20, 1u << 30, 513, 65536};
        std::memcpy(&bytes[at], &extremes[below(10)], 4);
        break;
      }
      case 3: {
        const uint64_t extremes[] = {0, 1, 1ull << 32, 1ull << 62, ~0ull, 1ull << 24};
        std::memcpy(&bytes[at], &extremes[below(6)], 8);
        break;
      }
      case 4:
        bytes.resize(std::max<size_t>(64, below(bytes.size())));
        return bytes;
      case 5:
        std::memcpy(&bytes[at], &original[below(original.size() - 16)], 16);
        break;
      default:
        bytes.erase(at, 1 + below(8));
        break;
    }
  }
  return bytes;
}

#ifndef _WIN32
// What `run` returns in a child process: 0 refused, 1 worked; 2 where that process did not end by itself. `what` names
// it.
inline int outcome(const std::string& what, const std::function<int()>& run) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(120);  // a hang ends like a crash
    _exit(run());
  }
  int status = 0;
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  if (WIFEXITED(status) && WEXITSTATUS(status) <= 1) return WEXITSTATUS(status);
  std::fprintf(stderr, "    %s: %s %d\n", what.c_str(), WIFSIGNALED(status) ? "signal" : "exit",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  return 2;
}
#endif
