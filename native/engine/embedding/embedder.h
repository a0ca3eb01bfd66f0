// Texts that wait for their embeddings: which are computed together, and how a long one is put together from its
// pieces. Engine thread.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "embedding/embedding_context.h"
#include "platform/error.h"

namespace caduceus {

struct EmbeddingRequest {
  std::vector<PromptPart> text;
  // The second of a pair, of which a reranker gives the score.
  std::vector<PromptPart> second = {};
  // The text ends as it is, by a template of its own.
  bool whole = false;
  // Unspecified: the model's own, the mean where it has none.
  enum llama_pooling_type pooling = LLAMA_POOLING_TYPE_UNSPECIFIED;
  // Cuts a text that is too long, instead of refusing it.
  bool truncate = false;
};

struct Embedding {
  RunId id = 0;
  std::vector<float> values = {};  // of a reranker the scores of its classes
  uint32_t tokens = 0;
  bool truncated = false;
  std::optional<EngineError> error = {};
};

class Embedder {
 public:
  explicit Embedder(Context& context) : context_(context) {}

  // What stands between the texts of a pair.
  std::vector<Token> separator() const;
  // Takes the tokens of a text, without those that end it.
  void add(RunId id, std::vector<Token> tokens, const EmbeddingRequest& request);
  void forget(RunId id);
  bool idle() const { return waiting_.empty(); }
  // Gives up the first text.
  Embedding refuse(EngineError error);

  // The texts to compute next: whole ones with together about `tokens`, one at least, or the next piece of a long one.
  // Throws where there is no memory for the first.
  std::vector<RunId> choose(uint32_t tokens);
  // Computes those; nothing is lost when it is interrupted. Gives those that are complete.
  std::vector<Embedding> compute();
  // Tokens that take about so many milliseconds, by what was measured.
  uint32_t tokens_in(double milliseconds) const;

 private:
  struct Text {
    RunId id;
    std::vector<Token> tokens;
    enum llama_pooling_type pooling;
    bool truncated;
    uint32_t done = 0;
    std::vector<double> sum;  // of the pieces so far, by their lengths
  };

  EmbeddingContext& context_for(enum llama_pooling_type pooling, uint32_t tokens);
  Embedding finished(Text text, std::span<const float> values) const;

  Context& context_;
  std::map<enum llama_pooling_type, std::unique_ptr<EmbeddingContext>> contexts_;
  std::deque<Text> waiting_;
  size_t chosen_ = 0;    // of the first waiting ones
  uint32_t piece_ = 0;   // tokens of the first that are computed next
  bool alone_ = false;   // the last step was interrupted: cancelling others shall not delay the next text again
  double token_ms_ = 0;  // smoothed
};

}  // namespace caduceus
