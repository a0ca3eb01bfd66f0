// Native work on a libuv thread whose result settles a promise. It keeps the process alive until then.
#pragma once

#include <napi.h>

#include <functional>
#include <optional>
#include <string>

#include "addon_data.h"

namespace caduceus::binding {

template <typename Result>
class PromiseWorker : public Napi::AsyncWorker {
 public:
  using Work = std::function<Result()>;
  using Convert = std::function<Napi::Value(Napi::Env, const Result&)>;

  static Napi::Value start(Napi::Env env, Work work, Convert convert) {
    auto* worker = new PromiseWorker(env, std::move(work), std::move(convert));
    const Napi::Promise promise = worker->deferred_.Promise();
    worker->Queue();
    return promise;
  }

 private:
  PromiseWorker(Napi::Env env, Work work, Convert convert)
      : Napi::AsyncWorker(env),
        work_(std::move(work)),
        convert_(std::move(convert)),
        deferred_(Napi::Promise::Deferred::New(env)) {}

  void Execute() override {
    try {
      result_ = work_();
    } catch (const EngineError& error) {
      code_ = error.code();
      SetError(error.what());
    } catch (const std::exception& error) {
      SetError(error.what());
    }
  }

  void OnOK() override { deferred_.Resolve(convert_(Env(), *result_)); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(to_js(Env(), code_, error.Message()).Value()); }

  Work work_;
  Convert convert_;
  Napi::Promise::Deferred deferred_;
  std::optional<Result> result_;
  std::string code_ = "ENGINE_FAILED";
};

}  // namespace caduceus::binding
