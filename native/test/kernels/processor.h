// Whether this processor can run what a test was compiled for.
#pragma once
#include <string>

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

inline bool processor_has(const std::string& instructions) {
#if defined(__x86_64__) && defined(__GNUC__)
  __builtin_cpu_init();
  if (instructions.find("AVX-512") != std::string::npos && !__builtin_cpu_supports("avx512bw")) return false;
  if (instructions == "AVX-512 VNNI" && !__builtin_cpu_supports("avx512vnni")) return false;
  if (instructions == "AVX2 VNNI" && !__builtin_cpu_supports("avxvnni")) return false;
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#elif defined(__aarch64__) && defined(__linux__)
  constexpr unsigned long dot_product = 1UL << 20;  // HWCAP_ASIMDDP
  constexpr unsigned long i8mm = 1UL << 13;         // HWCAP2_I8MM
  if (instructions == "NEON i8mm" && (getauxval(AT_HWCAP2) & i8mm) == 0) return false;
  return instructions.find("NEON") == std::string::npos || (getauxval(AT_HWCAP) & dot_product) != 0;
#else
  (void)instructions;
  return true;
#endif
}
