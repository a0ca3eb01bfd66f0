// Preloaded into a process, gives it no thread where it is told so: CADUCEUS_REFUSED_THREAD counts down with each
// thread that is asked for, and the one that finds it at 0 is refused. test/process/native/no_threads.test.ts.
#include <dlfcn.h>
#include <pthread.h>

#include <cerrno>
#include <cstdlib>
#include <string>

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*), void* data) {
  static const auto real = reinterpret_cast<decltype(&pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
  if (const char* value = std::getenv("CADUCEUS_REFUSED_THREAD"); value && *value) {
    const int left = std::atoi(value);
    if (left == 0) unsetenv("CADUCEUS_REFUSED_THREAD");
    if (left == 0) return EAGAIN;
    setenv("CADUCEUS_REFUSED_THREAD", std::to_string(left - 1).c_str(), 1);
  }
  return real(thread, attributes, start, data);
}
