#include "platform/large_stack_thread.h"

#include <system_error>

#include "platform/error.h"

#if defined(_WIN32)
#define NOMINMAX
#include <process.h>
#include <windows.h>
#else
#include <pthread.h>
#endif

namespace caduceus {

struct LargeStackThread::Handle {
  std::function<void()> body;
#if defined(_WIN32)
  HANDLE thread = nullptr;
  static unsigned __stdcall start(void* self) {
    static_cast<Handle*>(self)->body();
    return 0;
  }
#else
  pthread_t thread{};
  static void* start(void* self) {
    static_cast<Handle*>(self)->body();
    return nullptr;
  }
#endif
};

void LargeStackThread::FreeHandle::operator()(Handle* handle) const { delete handle; }

LargeStackThread::LargeStackThread(std::function<void()> body, size_t stack_bytes)
    : handle_(new Handle{std::move(body)}) {
#if defined(_WIN32)
  handle_->thread = reinterpret_cast<HANDLE>(_beginthreadex(nullptr, static_cast<unsigned>(stack_bytes), Handle::start,
                                                            handle_.get(), STACK_SIZE_PARAM_IS_A_RESERVATION, nullptr));
  const int error = handle_->thread == nullptr ? errno : 0;
#else
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack_bytes);
  const int error = pthread_create(&handle_->thread, &attributes, Handle::start, handle_.get());
  pthread_attr_destroy(&attributes);
#endif
  if (error != 0) {
    handle_.reset();
    throw EngineError("ENGINE_FAILED",
                      "A thread could not be started: " + std::generic_category().message(error) + ".");
  }
}

void LargeStackThread::join() {
  if (!handle_) return;
#if defined(_WIN32)
  WaitForSingleObject(handle_->thread, INFINITE);
  CloseHandle(handle_->thread);
#else
  pthread_join(handle_->thread, nullptr);
#endif
  handle_.reset();
}

}  // namespace caduceus
