// No C++ exception crosses into Node: what is thrown becomes a CaduceusError. Every function that JavaScript can call
// is an `entry` (a test allows no other way to make one), and every promise is settled by `settle`. CMakeLists.txt has
// node-addon-api catch what is left, such as the callbacks of thread-safe functions.
#pragma once

#include <napi.h>

#include <type_traits>

#include "../engine/platform/error.h"
#include "addon_data.h"

namespace caduceus::binding {

// The JavaScript error for a native one. The event loop's thread.
inline Napi::Error to_js(Napi::Env env, const EngineError& error) {
  const auto* data = env.GetInstanceData<AddonData>();
  if (data == nullptr || data->error_class.IsEmpty()) return Napi::Error::New(env, error.what());
  auto details = Napi::Object::New(env);
  if (!error.param().empty()) details["param"] = error.param();
  if (!error.remedy().empty()) details["remedy"] = error.remedy();
  if (!error.expected().empty()) {
    auto mismatch = Napi::Object::New(env);
    mismatch["expected"] = error.expected();
    mismatch["place"] = error.param();
    mismatch["received"] = error.received();
    details["mismatch"] = mismatch;
  }
  return Napi::Error(env, data->error_class.New(
                              {Napi::String::New(env, error.code()), Napi::String::New(env, error.what()), details}));
}

// The same for whatever is being handled. What JavaScript threw stays what it is.
inline Napi::Error current_to_js(Napi::Env env) {
  try {
    throw;
  } catch (const Napi::Error& error) {
    return error;
  } catch (...) {
    return to_js(env, EngineError::current());
  }
}

// Where the body gives nothing, undefined.
template <typename Body>
Napi::Value guarded(Napi::Env env, Body body) {
  try {
    if constexpr (std::is_void_v<decltype(body())>) {
      body();
      return env.Undefined();
    } else {
      return body();
    }
  } catch (...) {
    throw current_to_js(env);
  }
}

// A function for JavaScript. (Methods: EngineObject::entry.)
template <typename Body>
Napi::Function entry(Napi::Env env, const char* name, Body body) {
  return Napi::Function::New(
      env, [body](const Napi::CallbackInfo& info) { return guarded(info.Env(), [&] { return body(info); }); }, name);
}

// Settles a promise by what the body gives or throws.
template <typename Body>
void settle(const Napi::Promise::Deferred& deferred, Body body) {
  Napi::Value value;
  try {
    value = guarded(deferred.Env(), body);
  } catch (const Napi::Error& error) {
    return deferred.Reject(error.Value());
  }
  deferred.Resolve(value);
}

}  // namespace caduceus::binding
