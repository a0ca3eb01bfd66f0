#include "engine_object.h"

#include <algorithm>

#include "convert.h"
#include "promise_worker.h"

namespace caduceus::binding {

Napi::Function EngineObject::define(Napi::Env env) {
  return DefineClass(env, "NativeEngine",
                     {entry<&EngineObject::submit>("submit"),
                      entry<&EngineObject::cancel>("cancel"),
                      entry<&EngineObject::pause>("pause"),
                      entry<&EngineObject::resume>("resume"),
                      entry<&EngineObject::release>("release"),
                      entry<&EngineObject::take>("take"),
                      entry<&EngineObject::preserve_tokens>("preserveTokens"),
                      entry<&EngineObject::stats>("stats"),
                      entry<&EngineObject::get_info>("info"),
                      entry<&EngineObject::tokenize>("tokenize"),
                      entry<&EngineObject::stop_tokenizing>("stopTokenizing"),
                      entry<&EngineObject::embed>("embed"),
                      entry<&EngineObject::stop_embedding>("stopEmbedding"),
                      entry<&EngineObject::add_adapter>("addAdapter"),
                      entry<&EngineObject::remove_adapter>("removeAdapter"),
                      entry<&EngineObject::detokenize>("detokenize"),
                      entry<&EngineObject::token_bytes>("tokenBytes"),
                      entry<&EngineObject::ref>("ref"),
                      entry<&EngineObject::unref>("unref"),
                      entry<&EngineObject::close>("close")});
}

EngineObject::EngineObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<EngineObject>(info), env_(info.Env()) {}

EngineObject::~EngineObject() {
  end_thread();
  let_go();
}

void EngineObject::take_over(Napi::Env env, std::unique_ptr<Context> context, std::unique_ptr<Context> draft,
                             const EngineOptions& options, const Napi::Function& on_wake) {
  wake_ = Napi::ThreadSafeFunction::New(env, on_wake, "caduceus engine", 0, 1);
  wake_.Unref(env);
  // Hooks run in reverse order: added after the thread-safe function's own, this one joins the thread before it goes.
  napi_add_env_cleanup_hook(env, on_exit, this);
  data_ = env.GetInstanceData<AddonData>();
  // From here on the destructor releases all of it, also where the engine's threads cannot be started.
  loaded_ = true;
  data_->threads.emplace(this, [this] { end_thread(); });
  engine_ = std::make_shared<Engine>(
      std::move(context), options,
      [wake = wake_, silent = silent_]() mutable {
        if (!*silent) wake.NonBlockingCall();
      },
      std::move(draft));
}

void EngineObject::on_exit(void* self) {
  auto* object = static_cast<EngineObject*>(self);
  object->end_thread();
  object->let_go();
}

void EngineObject::end_thread() {
  // Nobody reads any more, and JavaScript may no longer be called.
  *silent_ = true;
  if (engine_) engine_->close();
  if (const auto closing = closing_.lock()) closing->close();
}

// Runs once, on the event loop's thread, when the engine's thread has ended.
void EngineObject::let_go() {
  if (!loaded_) return;
  loaded_ = false;
  data_->threads.erase(this);
  napi_remove_env_cleanup_hook(env_, on_exit, this);
  engine_.reset();
  wake_.Release();
}

Engine& EngineObject::open() {
  if (!engine_) throw EngineError("MODEL_CLOSED", "The model is closed.");
  return *engine_;
}

void EngineObject::preserve_tokens(const Napi::CallbackInfo& info) { open().preserve_tokens(to_strings(info[0])); }

Napi::Value EngineObject::submit(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), open().submit(to_request(info[0].As<Napi::Object>())));
}

void EngineObject::cancel(const Napi::CallbackInfo& info) {
  if (engine_) engine_->cancel(info[0].As<Napi::Number>().Uint32Value());
}

void EngineObject::pause(const Napi::CallbackInfo& info) {
  if (engine_) engine_->pause(info[0].As<Napi::Number>().Uint32Value());
}

void EngineObject::resume(const Napi::CallbackInfo& info) {
  if (engine_) engine_->resume(info[0].As<Napi::Number>().Uint32Value());
}

void EngineObject::release(const Napi::CallbackInfo& info) {
  if (engine_) engine_->release(info[0].As<Napi::Number>().Uint32Value());
}

Napi::Value EngineObject::take(const Napi::CallbackInfo& info) {
  if (engine_) {
    settle_tokenized(info.Env(), engine_->take_tokenized());
    settle_embeddings(info.Env(), engine_->take_embeddings());
  }
  return from_outputs(info.Env(), engine_ ? engine_->take() : std::vector<RunOutput>());
}

template <typename Answer, typename Convert>
void EngineObject::settle_all(Pending& pending, const std::vector<Answer>& answers, Convert convert) {
  for (const Answer& answer : answers) {
    const auto it = pending.find(answer.id);
    if (it == pending.end()) continue;
    const Napi::Promise::Deferred deferred = it->second;
    pending.erase(it);
    settle(deferred, [&]() -> Napi::Value {
      if (answer.error) throw *answer.error;
      return convert(answer);
    });
  }
}

void EngineObject::settle_tokenized(Napi::Env env, const std::vector<PromptReader::Answer>& answers) {
  settle_all(tokenizing_, answers, [env](const PromptReader::Answer& answer) {
    auto array = Napi::Int32Array::New(env, answer.tokens.size());
    std::copy(answer.tokens.begin(), answer.tokens.end(), array.Data());
    return array;
  });
}

void EngineObject::settle_embeddings(Napi::Env env, const std::vector<Embedding>& embeddings) {
  settle_all(embedding_, embeddings, [env](const Embedding& embedding) { return from_embedding(env, embedding); });
}

Napi::Value EngineObject::stats(const Napi::CallbackInfo& info) { return from_stats(info.Env(), open().stats()); }

Napi::Value EngineObject::get_info(const Napi::CallbackInfo& info) {
  const Engine& engine = open();
  auto object = from_info(info.Env(), engine.model_info(), engine.context(), engine.draft_context());
  object["longestTokenBytes"] = static_cast<double>(engine.tokenizer().longest_piece());
  return object;
}

Napi::Value EngineObject::tokenize(const Napi::CallbackInfo& info) {
  return pend(info.Env(), open().tokenize(to_parts(info[0])), tokenizing_);
}

void EngineObject::stop_tokenizing(const Napi::CallbackInfo& info) {
  const auto id = info[0].As<Napi::Number>().Uint32Value();
  if (engine_ && give_up(info.Env(), id, tokenizing_)) engine_->stop_tokenizing(id);
}

Napi::Value EngineObject::embed(const Napi::CallbackInfo& info) {
  return pend(info.Env(), open().embed(to_embedding_request(info[0].As<Napi::Object>())), embedding_);
}

void EngineObject::stop_embedding(const Napi::CallbackInfo& info) {
  const auto id = info[0].As<Napi::Number>().Uint32Value();
  if (engine_ && give_up(info.Env(), id, embedding_)) engine_->stop_embedding(id);
}

Napi::Value EngineObject::pend(Napi::Env env, uint32_t id, Pending& pending) {
  // Made last: one that is never settled leaks. The answer comes on this thread, after this call.
  const auto deferred = Napi::Promise::Deferred::New(env);
  pending.emplace(id, deferred);
  auto object = Napi::Object::New(env);
  object["id"] = Napi::Number::New(env, id);
  object["promise"] = deferred.Promise();
  return object;
}

bool EngineObject::give_up(Napi::Env env, uint32_t id, Pending& pending) {
  const auto it = pending.find(id);
  if (it == pending.end()) return false;
  it->second.Resolve(env.Undefined());
  pending.erase(it);
  return true;
}

Napi::Value EngineObject::add_adapter(const Napi::CallbackInfo& info) {
  open();
  struct Added {
    uint32_t id;
    uint64_t bytes;
  };
  return PromiseWorker<Added>::start(
      info.Env(),
      [engine = engine_, path = info[0].As<Napi::String>().Utf8Value()] {
        const auto adapter = engine->load_adapter(path);
        return Added{engine->add_adapter(adapter), adapter->bytes()};
      },
      [](Napi::Env env, const Added& added) -> Napi::Value {
        auto object = Napi::Object::New(env);
        object["id"] = added.id;
        object["sizeBytes"] = static_cast<double>(added.bytes);
        return object;
      });
}

void EngineObject::remove_adapter(const Napi::CallbackInfo& info) {
  if (engine_) engine_->remove_adapter(info[0].As<Napi::Number>().Uint32Value());
}

Napi::Value EngineObject::detokenize(const Napi::CallbackInfo& info) {
  open();
  return PromiseWorker<std::string>::start(
      info.Env(),
      [engine = engine_, tokens = to_tokens(info[0]), special = info[1].ToBoolean().Value()] {
        return engine->tokenizer().detokenize(tokens, special);
      },
      [](Napi::Env env, const std::string& text) -> Napi::Value { return Napi::String::New(env, text); });
}

// What a token holds may be part of a character, so that it has no text.
Napi::Value EngineObject::token_bytes(const Napi::CallbackInfo& info) {
  open();
  return PromiseWorker<std::vector<std::string>>::start(
      info.Env(), [engine = engine_, tokens = to_tokens(info[0])] { return engine->tokenizer().pieces(tokens); },
      [](Napi::Env env, const std::vector<std::string>& pieces) -> Napi::Value {
        return from_list(env, pieces, [env](const std::string& piece) {
          auto bytes = Napi::Uint8Array::New(env, piece.size());
          std::copy(piece.begin(), piece.end(), bytes.Data());
          return bytes;
        });
      });
}

void EngineObject::ref(const Napi::CallbackInfo& info) {
  if (engine_) wake_.Ref(info.Env());
}

void EngineObject::unref(const Napi::CallbackInfo& info) {
  if (engine_) wake_.Unref(info.Env());
}

Napi::Value EngineObject::close(const Napi::CallbackInfo& info) {
  open();
  // The worker is the last owner, so that memory is freed there and before the promise settles. The engine calls
  // `wake_` until its thread has ended, so the function is released after that; a clean-up hook that comes first joins
  // too.
  closing_ = engine_;
  struct Last {
    std::vector<RunOutput> outputs;
    std::vector<PromptReader::Answer> tokenized;
    std::vector<Embedding> embeddings;
  };
  Napi::Value promise = PromiseWorker<Last>::start(
      info.Env(),
      [engine = std::move(engine_)]() mutable {
        engine->close();
        Last last{engine->take_rest(), engine->take_tokenized(), engine->take_embeddings()};
        engine.reset();
        return last;
      },
      [this](Napi::Env env, const Last& last) -> Napi::Value {
        let_go();
        Unref();
        settle_tokenized(env, last.tokenized);
        settle_embeddings(env, last.embeddings);
        return from_outputs(env, last.outputs);
      });
  Ref();
  return promise;
}

}  // namespace caduceus::binding
