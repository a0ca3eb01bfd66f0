// The engine: many runs over one llama.cpp context, on a thread of its own that never waits for its callers.
//
// Callers push commands and fetch output. The thread takes the commands between two computations. Destroying the engine
// interrupts the computation, ends every run with MODEL_CLOSED and joins the thread.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "cache/prefix_folder.h"
#include "constraint/constraint_compiler.h"
#include "embedding/embedder.h"
#include "model/llama_context.h"
#include "platform/large_stack_thread.h"
#include "scheduler/decode_context.h"
#include "scheduler/output_queue.h"
#include "scheduler/run.h"
#include "speculative/draft_model.h"
#include "tokenizer/prompt_reader.h"
#include "tokenizer/tokenizer.h"

namespace caduceus {

struct EngineOptions {
  // Bytes of the host cache. Defaults to the size of the KV cache.
  std::optional<uint64_t> host_cache_bytes;
  Drafts drafts = Drafts::paying;  // by prompt lookup and by a draft model
  bool prompt_lookup = true;
  // Folder for prefixes that outlive the process. Empty: none are kept.
  std::string prefix_folder;
  uint64_t prefix_folder_bytes = 0;
};

class Engine {
 public:
  // `wake` is called on the engine's threads when `take` or `take_tokenized` has something to give.
  // `draft`: of a model that drafts for that of `context`, with which `check_draft_model` has agreed; may be null.
  Engine(std::unique_ptr<Context> context, const EngineOptions& options, std::function<void()> wake,
         std::unique_ptr<Context> draft = nullptr);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // -- any thread --

  // Never waits for a computation. An invalid request ends its run with an error. Throws MODEL_CLOSED after `close`.
  RunId submit(RunRequest request);
  // Not on the event loop's thread. `close` ends it with MODEL_CLOSED.
  std::shared_ptr<Adapter> load_adapter(const std::string& path);
  // Makes an adapter of this model known to requests, by the id that this returns. Throws like `submit`.
  uint32_t add_adapter(std::shared_ptr<Adapter> adapter);
  // Requests can no longer name it; those that did are finished with it, and then its memory is freed.
  void remove_adapter(uint32_t id);
  // Takes effect at the next step, or within one graph node while the run's prompt is prefilled on a CPU.
  void cancel(RunId id);
  // Called when the reader is slow: output stays here, and past a limit the run pauses until `resume`.
  void pause(RunId id);
  void resume(RunId id);
  // Ends the run if it has not ended, and frees its id: later runs can no longer continue after it.
  void release(RunId id);
  std::vector<RunOutput> take() { return output_.take(); }
  // The output left after `close`, that of paused runs included.
  std::vector<RunOutput> take_rest() { return output_.take(true); }
  // Tokenizes without a run. `take_tokenized` answers in no particular order, under the id that this returns, after
  // `close` too. Throws like `submit`.
  uint32_t tokenize(std::vector<PromptPart> parts);
  std::vector<PromptReader::Answer> take_tokenized();
  // Makes control tokens part of the generated text: those whose text stands in one of these. Only before the first
  // request, while nothing else uses the tokenizer.
  void preserve_tokens(std::span<const std::string> texts) { tokenizer_.preserve_tokens(texts); }
  // Cancels `tokenize`: the work ends, and an answer that comes nevertheless may be ignored.
  void stop_tokenizing(uint32_t id) { reader_.forget(id); }
  // Computes the embedding of a text; `take_embeddings` answers under the id that this returns. Throws like `submit`.
  RunId embed(EmbeddingRequest request);
  std::vector<Embedding> take_embeddings();
  // Cancels `embed`; an answer that comes nevertheless may be ignored.
  void stop_embedding(RunId id);
  Stats stats() const;
  // Returns when the thread has ended. May be called twice.
  void close();

  const Tokenizer& tokenizer() const { return tokenizer_; }
  const Context& context() const { return *context_; }
  // Null without a draft model.
  const Context* draft_context() const { return draft_model_ ? &draft_model_->context() : nullptr; }
  const ModelInfo& model_info() const { return context_->model().info(); }

 private:
  struct Submit {
    RunId id;
    RunRequest request;
    std::shared_ptr<const AdapterSet> adapters;
    Clock::time_point submitted;
  };
  struct Cancel {
    RunId id;
  };
  struct Resume {};
  struct Release {
    RunId id;
  };
  struct ReadText {
    PromptReader::Answer answer;
    EmbeddingRequest request;
  };
  using Command = std::variant<Submit, Cancel, Resume, Release, PrefixFolder::LookupResult, ConstraintCompiler::Answer,
                               PromptReader::Answer, ReadText>;

  void push(Command command);
  // A command that ends what has this id: it interrupts the computation under way.
  void push_end(Command command, RunId id);
  // With commands_mutex_ held. Throws MODEL_CLOSED, or why the engine has stopped.
  RunId new_id();
  // With commands_mutex_ held. Throws INVALID_ARGUMENT where one is not known.
  std::shared_ptr<const AdapterSet> adapters_of(const RunRequest& request) const;
  bool is_prefilling(RunId id) const {
    return std::find(prefilling_.begin(), prefilling_.end(), id) != prefilling_.end();
  }

  // -- engine thread: commands and ends --
  void loop();
  void step();
  bool take_commands();
  void begin(Submit submit);
  void cancel_now(RunId id);
  void finish(Run& run, FinishReason reason);
  void fail(Run& run, const EngineError& error);
  void end(Run& run, Run::Ending ending);
  void update_stats();
  // Memory of a cache that is not there yet, or null.
  UntouchedMemory* untouched();
  void wait_for_commands();
  DecodeContext& context_of(const Run& run) { return run.deterministic && deterministic_ ? *deterministic_ : *shared_; }
  template <typename Visit>
  void each_context(Visit visit) {
    if (shared_) visit(*shared_);
    if (deterministic_) visit(*deterministic_);
  }

  // -- engine thread: from a request to tokens in the queue --
  void read_prompt(Run& run);
  void take_prompt(PromptReader::Answer answer);
  void refuse_if_too_long(size_t tokens, const char* at_least) const;
  void enqueue(Run& run);
  void open_deterministic_context();
  void load_prefix(PrefixFolder::LookupResult hit);
  void keep_prefix(Run& run);
  // Hands the folder the prefix that has waited longest.
  void keep_next();
  // When that is due.
  std::optional<Clock::time_point> keep_at() const;
  // What nobody waits for: evicting cached sequences, one beside running requests, all but the newest while there are
  // none, and keeping prefixes. Nothing while somebody waits for a first token. False when there is nothing to do.
  bool tidy(Clock::time_point now);

  // -- engine thread: from tokens to the next token --
  bool decode(DecodeContext& ctx);
  bool prefill(DecodeContext& ctx);
  // Computes something for these ids; cancelling one of them interrupts it.
  template <typename Compute>
  auto interruptibly(std::vector<RunId> ids, Compute compute) {
    {
      std::lock_guard lock(commands_mutex_);
      prefilling_ = std::move(ids);
      const bool cancelled = std::any_of(commands_.begin(), commands_.end(), [this](const Command& command) {
        const auto* cancel = std::get_if<Cancel>(&command);
        const auto* release = std::get_if<Release>(&command);
        return (cancel && is_prefilling(cancel->id)) || (release && is_prefilling(release->id));
      });
      context_->interrupt = stopping_ || cancelled;
    }
    auto result = compute();
    std::lock_guard lock(commands_mutex_);
    prefilling_.clear();
    context_->interrupt = stopping_;
    return result;
  }
  void use_adapters(DecodeContext& ctx, const Run& run);
  void free_adapters();
  void rewind(DecodeContext& ctx, Run& run);
  void sample(DecodeContext& ctx, Run& run, int row);
  void score_prompts(DecodeContext& ctx, const std::vector<Scheduler::Piece>& pieces);
  bool give_scores(Run& run);
  bool append(Run& run, const ScoredTokens& token, bool more = false);

  // -- engine thread: embeddings --
  void take_text(ReadText text);
  bool compute_embeddings();
  void answer(std::vector<Embedding> embeddings);
  // Ends all that are not answered.
  void stop_embeddings(const EngineError& end);

  // -- engine thread: speculative decoding --
  bool ends_turn(const Run& run, Token token) const;
  uint32_t most_drafts(const Run& run) const;
  std::vector<Token> look_up(Run& run) const;
  bool draft_with_model(DecodeContext& ctx, const std::vector<Run*>& batch, uint32_t rows);
  void draft(DecodeContext& ctx, const std::vector<Run*>& batch);
  void confirm(DecodeContext& ctx, Run& run, int row);
  void account_drafts(const DecodeContext& ctx, const Stats& before, double took);
  void drop_drafts(Run& run);

  // -- engine thread: constraints --
  void start(Run& run);
  void take_grammar(ConstraintCompiler::Answer answer);
  void constrain(Run& run, std::shared_ptr<const Grammar> grammar);
  bool catch_up(Run& run);
  Token choose(Run& run, std::span<const float> logits);
  Token choose_among(Run& run, std::span<const float> logits, bool may_fail);
  void force(Run& run);
  bool give_forced(Run& run, Token token, bool more);

  std::unique_ptr<Context> context_;
  const Tokenizer& tokenizer_;  // the model's
  const std::function<void()> wake_;
  OutputQueue output_;

  std::mutex tokenized_mutex_;
  std::vector<PromptReader::Answer> tokenized_;  // guarded by it
  std::vector<Embedding> embeddings_;            // guarded by it
  std::vector<RunId> embedding_;                 // guarded by it: those that are not answered

  // -- guarded by commands_mutex_ --
  std::mutex commands_mutex_;
  std::condition_variable commands_ready_;
  std::vector<Command> commands_;
  RunId next_id_ = 1;
  std::map<uint32_t, std::shared_ptr<Adapter>> adapters_;
  std::vector<std::shared_ptr<Adapter>> removed_adapters_;  // that may be in use
  std::atomic<bool> closing_{false};                        // ends the loading of adapters
  std::vector<RunId> prefilling_;                           // whose cancellation interrupts the current computation
  bool stopping_ = false;
  std::optional<EngineError> failure_;  // why the engine has stopped

  mutable std::mutex stats_mutex_;
  Stats stats_;

  // -- engine thread owns everything below --
  std::unique_ptr<DecodeContext> shared_;  // null where the model does not generate
  const bool prompt_lookup_;
  std::unique_ptr<DraftModel> draft_model_;  // may be null; drafts for the runs of `shared_`
  std::unique_ptr<Context> deterministic_llama_context_;
  std::unique_ptr<DecodeContext> deterministic_;
  Embedder embedder_;
  std::unique_ptr<PrefixFolder> folder_;
  struct Kept {
    std::vector<Token> tokens;
    std::string scope;
    Clock::time_point since;
  };
  std::deque<Kept> keeping_;  // to be handed to the folder
  std::optional<Clock::time_point> quiet_since_;
  std::unique_ptr<ConstraintCompiler> compiler_;  // created on first use
  std::map<RunId, std::unique_ptr<Run>> runs_;
  Stats totals_;
  std::vector<Context::Row> rows_;
  std::vector<llama_token_data> scratch_;
  std::vector<float> going_on_;  // logits without the tokens that end the turn
  DrySamplers dry_samplers_;
  TokenMask mask_;

  std::mutex close_mutex_;
  PromptReader reader_;
  LargeStackThread thread_;  // last: starts when all else is there
};

}  // namespace caduceus
