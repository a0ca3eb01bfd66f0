// The addon's exports. Everything JavaScript may call is named here.
#include <napi.h>

#include "../engine/model/quantize.h"
#include "../engine/platform/runtime.h"
#include "../engine/template/chat_template.h"
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

Napi::Value from_part(Napi::Env env, const PromptPart& part) {
  auto object = Napi::Object::New(env);
  if (const auto* control = std::get_if<ControlPart>(&part)) object["control"] = control->text;
  if (const auto* text = std::get_if<TextPart>(&part)) object["text"] = text->text;
  return object;
}

// renderTemplate(source, variables, milliseconds): a chat template with the JSON of its variables.
Napi::Value render(const Napi::CallbackInfo& info) {
  templates::Limits limits;
  limits.cpu_ms = info[2].As<Napi::Number>().DoubleValue();
  return PromiseWorker<RenderedTemplate>::start(
      info.Env(),
      [source = info[0].As<Napi::String>().Utf8Value(), variables = info[1].As<Napi::String>().Utf8Value(), limits] {
        return render_template(source, variables, limits);
      },
      [](Napi::Env env, const RenderedTemplate& rendered) -> Napi::Value {
        auto result = Napi::Object::New(env);
        if (rendered.failure.empty()) {
          result["parts"] = from_list(env, rendered.parts, [env](const auto& part) { return from_part(env, part); });
        } else {
          result["failure"] = rendered.failure;
          result["isLimit"] = rendered.is_limit;
        }
        return result;
      });
}

QuantizeOptions to_quantize_options(const Napi::Object& object) {
  QuantizeOptions options;
  options.from = object.Get("from").As<Napi::String>().Utf8Value();
  options.to = object.Get("to").As<Napi::String>().Utf8Value();
  options.file_type = object.Get("fileType").As<Napi::Number>().Int32Value();
  options.threads = object.Get("threads").As<Napi::Number>().Int32Value();
  options.only_copy = object.Get("onlyCopy").As<Napi::Boolean>().Value();
  options.allow_requantize = object.Get("allowRequantize").As<Napi::Boolean>().Value();
  options.importance_matrix = object.Get("importanceMatrix").As<Napi::String>().Utf8Value();
  options.output_type = type_named(object.Get("outputTensorType").As<Napi::String>().Utf8Value());
  options.embedding_type = type_named(object.Get("tokenEmbeddingType").As<Napi::String>().Utf8Value());
  options.leave_output = object.Get("leaveOutputTensor").As<Napi::Boolean>().Value();
  return options;
}

// planQuantization(options): how large the file would be.
Napi::Value plan(const Napi::CallbackInfo& info) {
  return PromiseWorker<QuantizationPlan>::start(
      info.Env(), [options = to_quantize_options(info[0].As<Napi::Object>())] { return plan_quantization(options); },
      [](Napi::Env env, const QuantizationPlan& found) -> Napi::Value {
        auto result = Napi::Object::New(env);
        result["bytes"] = static_cast<double>(found.bytes);
        result["needsImportanceMatrix"] = found.needs_importance_matrix;
        result["wrongMatrix"] = found.wrong_matrix;
        result["wrongType"] = found.wrong_type;
        const std::vector<std::string> types(found.requantized.begin(), found.requantized.end());
        result["requantized"] = from_list(env, types, [](const std::string& type) { return type; });
        return result;
      });
}

// quantize(options): for a process of its own, because nothing can end it.
Napi::Value quantize_file(const Napi::CallbackInfo& info) {
  return PromiseWorker<bool>::start(
      info.Env(),
      [options = to_quantize_options(info[0].As<Napi::Object>())] {
        quantize(options);
        return true;
      },
      [](Napi::Env env, const bool&) { return env.Undefined(); });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* data = new AddonData();
  env.SetInstanceData(data);
  data->engine_class = Napi::Persistent(EngineObject::define(env));
  exports["initialize"] = entry(env, "initialize", initialize);
  exports["createEngine"] = entry(env, "createEngine", LoadTask::start);
  exports["takesModules"] = Napi::Boolean::New(env, takes_modules());
  exports["devices"] = entry(env, "devices", list_devices);
  exports["renderTemplate"] = entry(env, "renderTemplate", render);
  exports["planQuantization"] = entry(env, "planQuantization", plan);
  exports["quantize"] = entry(env, "quantize", quantize_file);
  exports["endThreads"] = entry(env, "endThreads", end_threads);
  exports["setLog"] = entry(env, "setLog", set_log_forwarding);
  return exports;
}

}  // namespace

NODE_API_MODULE(caduceus, init)

}  // namespace caduceus::binding
