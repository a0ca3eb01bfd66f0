#include "template/meter.h"

#include "platform/thread_controller.h"

namespace caduceus::templates {
namespace {

thread_local Meter* current = nullptr;

[[noreturn]] void too_large() { fail_at_limit("it builds more than it may"); }

constexpr size_t steps_between_checks = 512;

}  // namespace

void fail_at_limit(const std::string& reason) {
  Failure failure(reason);
  failure.is_limit = true;
  throw failure;
}

Meter::Meter(const Limits& limits)
    : limits_(limits),
      stack_(reinterpret_cast<const char*>(this)),
      deadline_ms_(thread_running_ms() + limits.cpu_ms),
      previous_(current) {
  current = this;
}

Meter::~Meter() { current = previous_; }

void Meter::step(size_t count) {
  Meter* meter = current;
  if (meter == nullptr) return;
  // Stacks grow downwards on all machines this runs on.
  char here = 0;
  const char* volatile place = &here;
  if (static_cast<size_t>(meter->stack_ > place ? meter->stack_ - place : place - meter->stack_) >
      meter->limits_.stack_bytes)
    fail_at_limit("it recurs more deeply than it may");
  if ((meter->steps_ += count) >= meter->next_check_) meter->check();
}

void Meter::check() {
  next_check_ = steps_ + steps_between_checks;
  if (thread_running_ms() > deadline_ms_) {
    const auto ms = static_cast<long long>(limits_.cpu_ms);
    fail_at_limit("it did not end within " + std::to_string(ms) + " ms of processor time");
  }
}

void Meter::add_values(size_t count) {
  if (current == nullptr) return;
  reserve_values(count);
  current->values_ += count;
}

bool Meter::hold(size_t bytes) {
  if (current == nullptr || bytes == 0) return false;
  reserve_text(bytes);
  current->bytes_ += bytes;
  return true;
}

void Meter::release(size_t bytes) {
  if (current != nullptr) current->bytes_ -= bytes < current->bytes_ ? bytes : current->bytes_;
}

void Meter::reserve_text(size_t bytes, size_t times) {
  if (current == nullptr || bytes == 0 || times == 0) return;
  const size_t room = current->limits_.text_bytes - current->bytes_;
  if (bytes > room || times > room / bytes) too_large();
}

void Meter::reserve_values(size_t count, size_t times) {
  if (current == nullptr || count == 0 || times == 0) return;
  const size_t room = current->limits_.values - current->values_;
  if (count > room || times > room / count) too_large();
}

}  // namespace caduceus::templates
