#include "load_task.h"

#include "convert.h"
#include "engine_object.h"
#include "guarded.h"

namespace caduceus::binding {

LoadTask::LoadTask(Napi::Env env, const Napi::Object& options)
    : env_(env), context_options_(to_context_options(options)), engine_options_(to_engine_options(options)) {
  model_options_.path = options.Get("path").As<Napi::String>().Utf8Value();
  model_options_.gpu_layers = options.Get("gpuLayers").As<Napi::Number>().Int32Value();
  model_options_.gpu_modules = to_strings(options.Get("gpuModules"));
  model_options_.cancelled = cancelled_.get();
  if (const Napi::Value value = options.Get("draft"); value.IsObject()) {
    const auto draft = value.As<Napi::Object>();
    draft_options_ = model_options_;
    draft_options_->path = draft.Get("path").As<Napi::String>().Utf8Value();
    draft_options_->gpu_layers = draft.Get("gpuLayers").As<Napi::Number>().Int32Value();
  }
}

LoadTask::~LoadTask() {
  end_thread();
  env_.GetInstanceData<AddonData>()->threads.erase(this);
  napi_remove_env_cleanup_hook(env_, on_exit, this);
  if (static_cast<napi_threadsafe_function>(events_) != nullptr) events_.Abort();
}

Napi::Value LoadTask::start(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  // Whatever fails on the way, the destructor gives back what there is.
  std::unique_ptr<LoadTask> task(new LoadTask(env, info[0].As<Napi::Object>()));
  task->on_wake_ = Napi::Persistent(info[1].As<Napi::Function>());
  if (info[2].IsFunction()) task->on_progress_ = Napi::Persistent(info[2].As<Napi::Function>());
  auto result = Napi::Object::New(env);
  result["cancel"] = entry(env, "cancel", [flag = task->cancelled_](const Napi::CallbackInfo&) { *flag = true; });
  task->events_ =
      Napi::ThreadSafeFunction::New(env, entry(env, "onLoad", [](const Napi::CallbackInfo&) {}), "caduceus load", 0, 1);
  napi_add_env_cleanup_hook(env, on_exit, task.get());
  env.GetInstanceData<AddonData>()->threads.emplace(task.get(), [loading = task.get()] { loading->end_thread(); });
  task->thread_ = LargeStackThread([loading = task.get()] { loading->run(); });
  result["promise"] = task->deferred_.emplace(Napi::Promise::Deferred::New(env)).Promise();
  // Owned by its own events from here on: `settle`, the last of them, deletes it; so does the clean-up hook.
  task.release();
  return result;
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
    // The small one first: whatever is wrong with its file is said soon.
    const auto draft = draft_options_ ? Model::load(*draft_options_) : nullptr;
    auto model = Model::load(model_options_);
    if (draft) check_draft_model(*model, *draft);
    if (*cancelled_) throw EngineError("CANCELLED", "Loading was cancelled.");
    context_ = std::make_unique<Context>(std::move(model), context_options_);
    if (draft) draft_context_ = std::make_unique<Context>(*context_, draft);
  } catch (...) {
    error_ = EngineError::current();
  }
  events_.NonBlockingCall([this](Napi::Env env, Napi::Function) { finish(env); });
}

void LoadTask::finish(Napi::Env env) {
  const std::unique_ptr<LoadTask> self(this);
  thread_.join();
  settle(*deferred_, [&]() -> Napi::Value {
    if (error_) throw *error_;
    const Napi::Object object = env.GetInstanceData<AddonData>()->engine_class.New({});
    EngineObject::Unwrap(object)->take_over(env, std::move(context_), std::move(draft_context_), engine_options_,
                                            on_wake_.Value());
    return object;
  });
}

void LoadTask::end_thread() {
  *cancelled_ = true;
  thread_.join();
}

void LoadTask::on_exit(void* self) { delete static_cast<LoadTask*>(self); }

}  // namespace caduceus::binding
