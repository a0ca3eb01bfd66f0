// Native work on a libuv thread whose result settles a promise. It keeps the process alive until then.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <optional>

#include "guarded.h"

namespace caduceus::binding {

template <typename Result>
class PromiseWorker : public Napi::AsyncWorker {
 public:
  using Work = std::function<Result()>;
  using Convert = std::function<Napi::Value(Napi::Env, const Result&)>;

  static Napi::Value start(Napi::Env env, Work work, Convert convert) {
    std::unique_ptr<PromiseWorker> worker(new PromiseWorker(env, std::move(work), std::move(convert)));
    worker->Queue();
    // It deletes itself when it has come back to this thread. The promise is made last: one that is never settled
    // leaks.
    PromiseWorker* queued = worker.release();
    return queued->deferred_.emplace(Napi::Promise::Deferred::New(env)).Promise();
  }

 private:
  PromiseWorker(Napi::Env env, Work work, Convert convert)
      : Napi::AsyncWorker(env), work_(std::move(work)), convert_(std::move(convert)) {}

  void Execute() override {
    try {
      result_ = work_();
    } catch (...) {
      error_ = EngineError::current();
    }
  }

  void OnOK() override {
    if (!deferred_) return;
    settle(*deferred_, [&]() -> Napi::Value {
      if (error_) throw *error_;
      return convert_(Env(), *result_);
    });
  }

  Work work_;
  Convert convert_;
  std::optional<Napi::Promise::Deferred> deferred_;
  std::optional<Result> result_;
  std::optional<EngineError> error_;
};

}  // namespace caduceus::binding
