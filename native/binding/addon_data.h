// What the addon keeps for each Node environment (the main thread, each worker).
#pragma once

#include <napi.h>

#include <functional>
#include <map>

#include "../engine/platform/error.h"

namespace caduceus::binding {

struct AddonData {
  Napi::FunctionReference error_class;   // CaduceusError of src/errors.ts, so that native failures are real ones
  Napi::FunctionReference engine_class;  // the constructor of EngineObject
  // What has a thread, and how to end it at once. process.exit() runs no clean-up hooks but does destroy static
  // objects, which a thread that still computes would use: 1 crash in 25 exits.
  std::map<const void*, std::function<void()>> threads;
};

// The JavaScript error for a native one. Main thread.
inline Napi::Error to_js(Napi::Env env, const std::string& code, const std::string& message) {
  auto* data = env.GetInstanceData<AddonData>();
  if (data == nullptr || data->error_class.IsEmpty()) return Napi::Error::New(env, message);
  const Napi::Object error = data->error_class.New({Napi::String::New(env, code), Napi::String::New(env, message)});
  return Napi::Error(env, error);
}

inline Napi::Error to_js(Napi::Env env, const EngineError& error) {
  if (error.param().empty()) return to_js(env, error.code(), error.what());
  auto* data = env.GetInstanceData<AddonData>();
  if (data == nullptr || data->error_class.IsEmpty()) return Napi::Error::New(env, error.what());
  auto details = Napi::Object::New(env);
  auto mismatch = Napi::Object::New(env);
  mismatch["expected"] = error.expected();
  mismatch["place"] = error.param();
  mismatch["received"] = error.received();
  details["param"] = error.param();
  details["mismatch"] = mismatch;
  return Napi::Error(env, data->error_class.New(
                              {Napi::String::New(env, error.code()), Napi::String::New(env, error.what()), details}));
}

// Runs native code and throws its EngineError as JavaScript's.
template <typename Body>
auto guarded(Napi::Env env, Body body) {
  try {
    return body();
  } catch (const EngineError& error) {
    throw to_js(env, error);
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw to_js(env, "ENGINE_FAILED", error.what());
  }
}

}  // namespace caduceus::binding
