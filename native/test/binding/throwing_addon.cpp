// An addon whose functions throw all that C++ can throw, by the ways from JavaScript into native/binding:
// test/process/native/exceptions.test.ts.
#include <napi.h>

#include <new>
#include <stdexcept>
#include <string>

#include "binding/guarded.h"
#include "binding/promise_worker.h"

namespace caduceus::binding {
namespace {

void fail(const std::string& how) {
  if (how == "ours") throw EngineError::argument("threads", "at least 1", "0");
  if (how == "memory") throw std::bad_alloc();
  if (how == "lack") throw EngineError::out_of_memory("It needs 5 MiB.", "Use less.");
  if (how == "runtime") throw std::runtime_error("A fault of this test.");
  if (how == "anything") throw 5;
}

std::string text(const Napi::Value& value) { return value.As<Napi::String>().Utf8Value(); }

// Both kinds of entry, one that gives nothing and one that gives a value.
void nothing(const Napi::CallbackInfo& info) { fail(text(info[0])); }

Napi::Value value(const Napi::CallbackInfo& info) {
  fail(text(info[0]));
  return info[0];
}

// While the work is done on another thread, and while its result is made.
Napi::Value working(const Napi::CallbackInfo& info) {
  return PromiseWorker<int>::start(
      info.Env(), [how = text(info[0])] { return fail(how), 1; },
      [](Napi::Env env, int result) -> Napi::Value { return Napi::Number::New(env, result); });
}

Napi::Value converting(const Napi::CallbackInfo& info) {
  return PromiseWorker<std::string>::start(
      info.Env(), [how = text(info[0])] { return how; },
      [](Napi::Env env, const std::string& how) -> Napi::Value {
        fail(how);
        return Napi::String::New(env, how);
      });
}

// Where nobody waits: the callback of a thread-safe function.
void later(const Napi::CallbackInfo& info) {
  auto wake = Napi::ThreadSafeFunction::New(info.Env(), info[1].As<Napi::Function>(), "later", 0, 1);
  wake.NonBlockingCall([how = text(info[0])](Napi::Env, Napi::Function called) {
    fail(how);
    called.Call({});
  });
  wake.Release();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* data = new AddonData();
  env.SetInstanceData(data);
  exports["initialize"] = entry(env, "initialize", [data](const Napi::CallbackInfo& info) {
    data->error_class = Napi::Persistent(info[0].As<Napi::Function>());
  });
  exports["nothing"] = entry(env, "nothing", nothing);
  exports["value"] = entry(env, "value", value);
  exports["working"] = entry(env, "working", working);
  exports["converting"] = entry(env, "converting", converting);
  exports["later"] = entry(env, "later", later);
  return exports;
}

}  // namespace

NODE_API_MODULE(throwing_addon, init)

}  // namespace caduceus::binding
