// The addon's exports. Everything JavaScript may call is named here.
#include <napi.h>

#include "../engine/runtime.h"
#include "addon_data.h"
#include "engine_object.h"
#include "load_task.h"
#include "log_forwarder.h"

namespace caduceus::binding {
namespace {

// initialize({ CaduceusError }): hands over the error class. Once for each environment, before all else.
void initialize(const Napi::CallbackInfo& info) {
  auto* data = info.Env().GetInstanceData<AddonData>();
  data->error_class = Napi::Persistent(info[0].As<Napi::Object>().Get("CaduceusError").As<Napi::Function>());
}

// endThreads(): before the process exits. What they were doing ends as if the model had been closed.
void end_threads(const Napi::CallbackInfo& info) {
  for (const auto& [_, end] : info.Env().GetInstanceData<AddonData>()->threads) end();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* data = new AddonData();
  env.SetInstanceData(data);
  data->engine_class = Napi::Persistent(EngineObject::define(env));
  exports["initialize"] = Napi::Function::New(env, initialize, "initialize");
  exports["createEngine"] = Napi::Function::New(env, LoadTask::start, "createEngine");
  exports["endThreads"] = Napi::Function::New(env, end_threads, "endThreads");
  exports["setLog"] = Napi::Function::New(env, set_log_forwarding, "setLog");
  return exports;
}

}  // namespace

NODE_API_MODULE(caduceus, init)

}  // namespace caduceus::binding
