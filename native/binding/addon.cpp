// The addon's exports. Everything JavaScript may call is named here.
#include <napi.h>

#include "../engine/platform/runtime.h"
#include "addon_data.h"
#include "convert.h"
#include "engine_object.h"
#include "guarded.h"
#include "load_task.h"
#include "log_forwarder.h"
#include "promise_worker.h"

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

// devices(gpuModules): what can compute, and why modules were left out. The first call, or the first model, loads them.
Napi::Value list_devices(const Napi::CallbackInfo& info) {
  return PromiseWorker<std::vector<Device>>::start(
      info.Env(),
      [modules = to_strings(info[0])] {
        ensure_backend(modules);
        return devices();
      },
      [](Napi::Env env, const std::vector<Device>& all) -> Napi::Value {
        auto result = Napi::Object::New(env);
        result["devices"] = from_list(env, all, [env](const Device& device) { return from_device(env, device); });
        result["matrixKernels"] = matrix_kernels();
        result["failures"] = from_list(env, module_failures(), [](const std::string& failure) { return failure; });
        return result;
      });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* data = new AddonData();
  env.SetInstanceData(data);
  data->engine_class = Napi::Persistent(EngineObject::define(env));
  exports["initialize"] = entry(env, "initialize", initialize);
  exports["createEngine"] = entry(env, "createEngine", LoadTask::start);
  exports["takesModules"] = Napi::Boolean::New(env, takes_modules());
  exports["devices"] = entry(env, "devices", list_devices);
  exports["endThreads"] = entry(env, "endThreads", end_threads);
  exports["setLog"] = entry(env, "setLog", set_log_forwarding);
  return exports;
}

}  // namespace

NODE_API_MODULE(caduceus, init)

}  // namespace caduceus::binding
