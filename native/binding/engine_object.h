// The JavaScript object around one engine.
//
// The event loop's thread owns this object; the engine has its own thread, which only ever calls `wake_`. Three things
// can end it: `close()`, which joins the thread on a worker and frees everything; the environment's clean-up hook
// (process exit, worker.terminate()), which joins it at once; the garbage collector, through the destructor. Whatever
// comes first, the thread is joined before `wake_` is released.
#pragma once

#include <napi.h>

#include <atomic>
#include <map>
#include <memory>
#include <vector>

#include "../engine/scheduler/engine.h"
#include "guarded.h"

namespace caduceus::binding {

class EngineObject : public Napi::ObjectWrap<EngineObject> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit EngineObject(const Napi::CallbackInfo& info);
  ~EngineObject() override;

  // Takes over a context that a loading thread has made. `on_wake` is called on the event loop when output is ready.
  void take_over(Napi::Env env, std::unique_ptr<Context> context, std::unique_ptr<Context> draft,
                 const EngineOptions& options, const Napi::Function& on_wake);

 private:
  template <auto method>
  Napi::Value call(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] { return (this->*method)(info); });
  }
  // A method for JavaScript.
  template <auto method>
  static PropertyDescriptor entry(const char* name) {
    return InstanceMethod<&EngineObject::call<method>>(name);
  }

  Napi::Value submit(const Napi::CallbackInfo& info);
  void cancel(const Napi::CallbackInfo& info);
  void pause(const Napi::CallbackInfo& info);
  void resume(const Napi::CallbackInfo& info);
  void release(const Napi::CallbackInfo& info);
  Napi::Value take(const Napi::CallbackInfo& info);
  void preserve_tokens(const Napi::CallbackInfo& info);
  Napi::Value stats(const Napi::CallbackInfo& info);
  Napi::Value get_info(const Napi::CallbackInfo& info);
  // -> { id, promise }
  Napi::Value tokenize(const Napi::CallbackInfo& info);
  // Its promise then gives undefined.
  void stop_tokenizing(const Napi::CallbackInfo& info);
  // As `tokenize`, { values, tokens, truncated }.
  Napi::Value embed(const Napi::CallbackInfo& info);
  void stop_embedding(const Napi::CallbackInfo& info);
  // A promise of { id, sizeBytes }.
  Napi::Value add_adapter(const Napi::CallbackInfo& info);
  void remove_adapter(const Napi::CallbackInfo& info);
  Napi::Value detokenize(const Napi::CallbackInfo& info);
  Napi::Value token_bytes(const Napi::CallbackInfo& info);
  // While referenced, the process stays alive for this engine's output.
  void ref(const Napi::CallbackInfo& info);
  void unref(const Napi::CallbackInfo& info);
  // A promise of the last output, which ends every run.
  Napi::Value close(const Napi::CallbackInfo& info);

  // Throws MODEL_CLOSED.
  Engine& open();
  // Promises by the ids under which the engine answers.
  using Pending = std::map<uint32_t, Napi::Promise::Deferred>;
  // -> { id, promise }, whose promise is kept in `pending` until it is settled.
  static Napi::Value pend(Napi::Env env, uint32_t id, Pending& pending);
  // Settles one of those as undefined; false where it has been settled.
  static bool give_up(Napi::Env env, uint32_t id, Pending& pending);
  // Settles those that have an answer.
  template <typename Answer, typename Convert>
  static void settle_all(Pending& pending, const std::vector<Answer>& answers, Convert convert);
  void settle_tokenized(Napi::Env env, const std::vector<PromptReader::Answer>& answers);
  void settle_embeddings(Napi::Env env, const std::vector<Embedding>& embeddings);
  void end_thread();
  void let_go();
  static void on_exit(void* self);

  napi_env env_ = nullptr;
  std::shared_ptr<Engine> engine_;  // null once closed
  std::weak_ptr<Engine> closing_;   // while a worker closes it
  Napi::ThreadSafeFunction wake_;
  std::shared_ptr<std::atomic<bool>> silent_ = std::make_shared<std::atomic<bool>>(false);  // `wake_` is not called
  Pending tokenizing_;
  Pending embedding_;
  AddonData* data_ = nullptr;
  bool loaded_ = false;
};

}  // namespace caduceus::binding
