// The thread controller on a clock that the test sets: when threads are given up for other programs, and used again.
#include "platform/thread_controller.h"

#include <atomic>
#include <thread>

#include "check.h"

using namespace caduceus;
using namespace std::chrono_literals;

namespace {

// Computations of 10 ms each, of which the thread ran `share`, for as long as `span`.
void compute(ThreadController& controller, ThreadController::Clock::time_point& now, std::chrono::milliseconds span,
             double share) {
  for (const auto until = now + span; now < until;) {
    controller.begin(now);
    now += 10ms;
    controller.observe(now, 10, 10 * share);
  }
}

}  // namespace

int main() {
  ThreadController::Clock::time_point now{1h};

  CLAIM("a thread that always runs keeps every thread");
  ThreadController quiet(4);
  compute(quiet, now, 5s, 0.99);
  CHECK(quiet.threads() == 4);

  CLAIM("threads are given up within a tenth of a second when a core is taken away, one at a time, never the last");
  ThreadController crowded(2);
  compute(crowded, now, 100ms, 0.6);
  CHECK(crowded.threads() == 1);
  compute(crowded, now, 100ms, 0.6);
  CHECK(crowded.threads() == 1);

  CLAIM("while the core stays away it is rarely asked for: at most every tenth computation uses more threads");
  int more = 0;
  int all = 0;
  for (const auto until = now + 20s; now < until; ++all) {
    const uint32_t threads = crowded.begin(now);
    now += 10ms;
    crowded.observe(now, 10, threads == 2 ? 6.5 : 10);
    more += threads == 2;
  }
  CHECK(more > 0 && more * 10 < all);

  CLAIM("when the core is back it is used again within five seconds, and kept");
  compute(crowded, now, 5s, 0.99);
  CHECK(crowded.threads() == 2);
  compute(crowded, now, 5s, 0.99);
  CHECK(crowded.threads() == 2);

  CLAIM("the system tells how long a thread ran");
  const double before = thread_running_ms();
  volatile double sum = 0;
  for (int i = 0; i < 20000000; ++i) sum = sum + i;
  CHECK(thread_running_ms() > before);

  CLAIM("and how long another one ran, which this one waited for");
  const double mine = thread_running_ms();
  std::atomic<ThreadNumber> number{0};
  std::atomic<int> stage{0};
  std::thread other([&] {
    number = calling_thread();
    while (thread_running_ms() < 100) continue;
    stage = 1;
    stage.notify_all();
    stage.wait(1);
  });
  stage.wait(0);
  // Windows counts in ticks of 16 ms.
  CHECK(thread_running_ms(number) >= 100);
  CHECK(thread_running_ms() - mine < 90);
  stage = 2;
  stage.notify_all();
  other.join();
  return report();
}
