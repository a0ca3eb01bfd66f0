#include "platform/thread_controller.h"

#include <algorithm>

#if defined(_WIN32)
#define NOMINMAX
#include <windows.h>
#else
#include <pthread.h>

#include <ctime>
#endif
#if defined(__APPLE__)
#include <mach/mach.h>
#endif

namespace caduceus {
namespace {

// A thread that ran for less than this share of the time was waiting for a core. A waiting thread delays the others at
// the next barrier, so two threads that each run a share r of the time advance by about r * r, and below 0.71 one
// thread alone is faster.
constexpr double enough = 0.72;
// A shorter window would measure the operating system's time slices (3-4 ms; Windows counts whole ticks of 15.6 ms).
#if defined(_WIN32)
constexpr double window_ms = 250;
#else
constexpr double window_ms = 30;
#endif
constexpr std::chrono::milliseconds longest_retry_interval{4000};
// The shortest time until more threads are tried again: a short disturbance should not cost more than itself.
constexpr std::chrono::milliseconds shortest_retry_interval{100};

#if defined(_WIN32)
double running_ms(HANDLE thread) {
  FILETIME created, exited, kernel, user;
  if (!GetThreadTimes(thread, &created, &exited, &kernel, &user)) return -1;
  const auto ticks = [](const FILETIME& time) {
    return (static_cast<uint64_t>(time.dwHighDateTime) << 32) | time.dwLowDateTime;
  };
  return static_cast<double>(ticks(kernel) + ticks(user)) / 10000.0;
}
#else
double running_ms(clockid_t clock) {
  timespec time{};
  if (clock_gettime(clock, &time) != 0) return -1;
  return static_cast<double>(time.tv_sec) * 1000.0 + static_cast<double>(time.tv_nsec) / 1e6;
}
#endif

}  // namespace

uint32_t ThreadController::begin(Clock::time_point now) {
  if (threads_ < most_ && now - reduced_at_ >= retry_interval_) {
    ++threads_;
    trying_ = true;
    reduced_at_ = now;
    wall_ms_ = running_ms_ = 0;
  }
  begun_ = now;
  begun_running_ms_ = thread_running_ms();
  return threads_;
}

void ThreadController::end(Clock::time_point now) {
  const double running = thread_running_ms();
  if (running < 0) return;
  observe(now, std::chrono::duration<double, std::milli>(now - begun_).count(), running - begun_running_ms_);
}

void ThreadController::observe(Clock::time_point now, double wall_ms, double running_ms) {
  wall_ms_ += wall_ms;
  running_ms_ += running_ms;
  if (wall_ms_ < window_ms) return;
  const bool starved = running_ms_ < enough * wall_ms_;
  wall_ms_ = running_ms_ = 0;
  if (starved && threads_ > 1) {
    --threads_;
    if (trying_) retry_interval_ = std::min(retry_interval_ * 2, longest_retry_interval);
    reduced_at_ = now;
  } else if (trying_) {
    retry_interval_ = shortest_retry_interval;
  }
  trying_ = false;
}

#if defined(_WIN32)

double thread_running_ms() { return running_ms(GetCurrentThread()); }

ThreadNumber calling_thread() { return GetCurrentThreadId(); }

double thread_running_ms(ThreadNumber thread) {
  const HANDLE handle = OpenThread(THREAD_QUERY_LIMITED_INFORMATION, FALSE, static_cast<DWORD>(thread));
  if (handle == nullptr) return -1;
  const double running = running_ms(handle);
  CloseHandle(handle);
  return running;
}

#else

double thread_running_ms() { return running_ms(CLOCK_THREAD_CPUTIME_ID); }

#if defined(__APPLE__)

ThreadNumber calling_thread() { return pthread_mach_thread_np(pthread_self()); }

double thread_running_ms(ThreadNumber thread) {
  thread_basic_info_data_t info{};
  mach_msg_type_number_t count = THREAD_BASIC_INFO_COUNT;
  if (thread_info(static_cast<thread_act_t>(thread), THREAD_BASIC_INFO, reinterpret_cast<thread_info_t>(&info),
                  &count) != KERN_SUCCESS)
    return -1;
  const auto milliseconds = [](const time_value_t& time) { return time.seconds * 1000.0 + time.microseconds / 1000.0; };
  return milliseconds(info.user_time) + milliseconds(info.system_time);
}

#else

ThreadNumber calling_thread() {
  clockid_t clock{};
  pthread_getcpuclockid(pthread_self(), &clock);
  return static_cast<ThreadNumber>(clock);
}

double thread_running_ms(ThreadNumber thread) { return running_ms(static_cast<clockid_t>(thread)); }

#endif
#endif

}  // namespace caduceus
