// Whether this processor can run what a test was compiled for.
#pragma once
#include <string>

inline bool processor_has(const std::string& instructions) {
#if defined(__x86_64__) && defined(__GNUC__)
  __builtin_cpu_init();
  if (instructions.find("AVX-512") != std::string::npos && !__builtin_cpu_supports("avx512bw")) return false;
  if (instructions == "AVX-512 VNNI" && !__builtin_cpu_supports("avx512vnni")) return false;
  if (instructions == "AVX2 VNNI" && !__builtin_cpu_supports("avxvnni")) return false;
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  (void)instructions;
  return true;
#endif
}
