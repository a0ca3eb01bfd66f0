#include "load_task.h"

#include "addon_data.h"
#include "convert.h"
#include "engine_object.h"

namespace caduceus::binding {

LoadTask::LoadTask(Napi::Env env, ModelOptions model, ContextOptions context, EngineOptions engine)
    : env_(env),
      model_options_(std::move(model)),
      context_options_(std::move(context)),
      engine_options_(std::move(engine)),
      deferred_(Napi::Promise::Deferred::New(env)) {}

Napi::Value LoadTask::start(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto options = info[0].As<Napi::Object>();
    ModelOptions model;
    model.path = options.Get("path").As<Napi::String>().Utf8Value();
    model.gpu_layers = options.Get("gpuLayers").As<Napi::Number>().Int32Value();
    model.gpu_modules = to_strings(options.Get("gpuModules"));

    // Owned by its own events: `settle`, the last of them, deletes it; so does the clean-up hook.
    auto* task = new LoadTask(env, std::move(model), to_context_options(options), to_engine_options(options));
    task->on_wake_ = Napi::Persistent(info[1].As<Napi::Function>());
    if (info[2].IsFunction()) task->on_progress_ = Napi::Persistent(info[2].As<Napi::Function>());
    task->events_ = Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}),
                                                  "caduceus load", 0, 1);
    napi_add_env_cleanup_hook(env, on_exit, task);

    auto result = Napi::Object::New(env);
    result["promise"] = task->deferred_.Promise();
    auto flag = std::make_shared<std::atomic<bool>*>(&task->cancelled_);
    result["cancel"] = Napi::Function::New(env, [flag](const Napi::CallbackInfo&) {
      if (*flag) (*flag)->store(true);
    });
    task->model_options_.cancelled = &task->cancelled_;
    task->forget_cancel_ = [flag] { *flag = nullptr; };
    task->thread_ = std::thread([task] { task->run(); });
    env.GetInstanceData<AddonData>()->threads.emplace(task, [task] { task->end_thread(); });
    return result;
  });
}

void LoadTask::run() {
  int percent = -1;
  model_options_.on_progress = [&](float progress) {
    const int now = static_cast<int>(progress * 100);
    if (now == percent) return;
    percent = now;
    events_.NonBlockingCall([this, progress](Napi::Env env, Napi::Function) {
      if (!on_progress_.IsEmpty()) on_progress_.Call(env.Undefined(), {Napi::Number::New(env, progress)});
    });
  };
  try {
    auto model = Model::load(model_options_);
    if (cancelled_) throw EngineError("CANCELLED", "Loading was cancelled.");
    context_ = std::make_unique<Context>(std::move(model), context_options_);
  } catch (const EngineError& error) {
    error_ = error;
  } catch (const std::exception& error) {
    error_ = EngineError("ENGINE_FAILED", error.what());
  }
  events_.NonBlockingCall([this](Napi::Env env, Napi::Function) { settle(env); });
}

void LoadTask::settle(Napi::Env env) {
  const std::unique_ptr<LoadTask> self(this);
  if (thread_.joinable()) thread_.join();
  env.GetInstanceData<AddonData>()->threads.erase(this);
  napi_remove_env_cleanup_hook(env, on_exit, this);
  forget_cancel_();
  events_.Release();
  if (error_) return deferred_.Reject(to_js(env, *error_).Value());
  try {
    const Napi::Object object = env.GetInstanceData<AddonData>()->engine_class.New({});
    EngineObject::Unwrap(object)->load_prefix(env, std::move(context_), engine_options_, on_wake_.Value());
    deferred_.Resolve(object);
  } catch (const Napi::Error& error) {
    deferred_.Reject(error.Value());
  } catch (const std::exception& error) {
    deferred_.Reject(to_js(env, "ENGINE_FAILED", error.what()).Value());
  }
}

void LoadTask::end_thread() {
  cancelled_ = true;
  if (thread_.joinable()) thread_.join();
}

void LoadTask::on_exit(void* self) {
  const std::unique_ptr<LoadTask> task(static_cast<LoadTask*>(self));
  task->end_thread();
  task->env_.GetInstanceData<AddonData>()->threads.erase(self);
  task->forget_cancel_();
  task->events_.Abort();
}

}  // namespace caduceus::binding
