// The system gives no thread: whatever needed one fails with ENGINE_FAILED, and nothing is left behind or waited for.
#include <atomic>
#include <cerrno>
#include <filesystem>

#include "engine_harness.h"
#include "platform/error.h"
#include "test_model.h"

#if defined(__linux__)
#include <dlfcn.h>
#include <pthread.h>

namespace {

// Counts down with each thread that is asked for; the one that finds it at 0 is not given.
std::atomic<int> until_refused = -1;

}  // namespace

// Found before the system's own by everything in this program.
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*), void* data) {
  if (until_refused >= 0 && until_refused-- == 0) return EAGAIN;
  static const auto real = reinterpret_cast<int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)>(
      dlsym(RTLD_NEXT, "pthread_create"));
  return real(thread, attributes, start, data);
}
#endif

using namespace caduceus;

int main() {
#if defined(__linux__)
  const auto model = load_test_model("CADUCEUS_TEST_SMOLLM2");
  const auto folder = std::filesystem::temp_directory_path() / "caduceus-thread-failure-test";
  ContextOptions two_threads;
  two_threads.context_size = 512;
  two_threads.threads = 2;
  const auto make_context = [&] { return std::make_unique<Context>(model, two_threads); };
  const auto make_engine = [&] {
    EngineOptions options;
    options.prefix_folder = folder.string();
    return std::make_unique<Engine>(make_context(), options, [] {});
  };
  const auto refused_at = [&](int thread) {
    until_refused = thread;
    try {
      make_engine();
    } catch (const EngineError& error) {
      CHECK(error.code() == "ENGINE_FAILED");
      return true;
    }
    return until_refused.exchange(-1) < 0;
  };

  CLAIM("an engine whose threads cannot all be started is none, whichever of them it is");
  int thread = 0;
  while (refused_at(thread)) ++thread;
  CHECK(thread == 4);  // the second that computes, the prompts' reader, the folder's and the engine's own

  CLAIM("a run for which no compiler can be started fails alone, and so does one whose constraint gets no thread");
  Harness harness(make_context());
  RunRequest request = question("Anna is 31.");
  request.constraint = ConstraintSpec{ConstraintSpec::Kind::regex, "[0-9]{2}", {}};
  const auto outcome = [&](int thread_to_refuse) {
    until_refused = thread_to_refuse;
    const RunOutput output = harness.wait(harness.engine->submit(request));
    until_refused = -1;
    return output;
  };
  CHECK(outcome(0).end->error->code() == "ENGINE_FAILED");
  // The compiler's own thread, then the one that watches over grammars: that one is asked for again.
  CHECK(outcome(1).text.size() == 2);
  request.constraint->text = "[0-9]{3}";
  CHECK(outcome(0).end->error->code() == "ENGINE_FAILED");
  CHECK(outcome(-1).text.size() == 3);

  CLAIM("closing does not wait for threads that never were");
  harness.engine->close();
#endif
  return report();
}
