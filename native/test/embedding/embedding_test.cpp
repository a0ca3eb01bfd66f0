// Embeddings and scores against llama.cpp itself: a text alone, in a context that pools nothing, pooled here.
#include <atomic>
#include <cmath>
#include <random>
#include <set>
#include <thread>

#include "engine_harness.h"
#include "platform/error.h"
#include "test_model.h"

using namespace caduceus;

namespace {

using Vector = std::vector<float>;

// What llama.cpp gives for these tokens: the vectors of all, or the score of a reranker.
std::vector<Vector> alone(const Model& model, const std::vector<Token>& tokens, enum llama_pooling_type pooling) {
  const auto count = static_cast<int32_t>(tokens.size());
  llama_context_params params = llama_context_default_params();
  params.embeddings = true;
  params.pooling_type = pooling;
  params.n_ctx = params.n_batch = params.n_ubatch = static_cast<uint32_t>(count);
  params.n_threads = params.n_threads_batch = 2;
  llama_context* context = llama_init_from_model(model.get(), params);
  CHECK(context);
  llama_batch batch = llama_batch_init(count, 0, 1);
  batch.n_tokens = count;
  for (int32_t i = 0; i < count; ++i) {
    batch.token[i] = tokens[static_cast<size_t>(i)];
    batch.pos[i] = i;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = 1;
  }
  CHECK(llama_decode(context, batch) == 0);
  std::vector<Vector> all;
  if (pooling == LLAMA_POOLING_TYPE_RANK) {
    all.push_back({*llama_get_embeddings_seq(context, 0)});
  } else {
    const auto width = static_cast<size_t>(llama_model_n_embd_out(model.get()));
    for (int32_t i = 0; i < count; ++i) {
      const float* values = llama_get_embeddings_ith(context, i);
      all.emplace_back(values, values + width);
    }
  }
  llama_batch_free(batch);
  llama_free(context);
  return all;
}

Vector pooled(const std::vector<Vector>& all, enum llama_pooling_type pooling) {
  if (pooling == LLAMA_POOLING_TYPE_CLS) return all.front();
  if (pooling != LLAMA_POOLING_TYPE_MEAN) return all.back();
  Vector mean(all.front().size());
  for (size_t n = 0; n < mean.size(); ++n) {
    double sum = 0;
    for (const Vector& vector : all) sum += static_cast<double>(vector[n]);
    mean[n] = static_cast<float>(sum / static_cast<double>(all.size()));
  }
  return mean;
}

// The largest difference, in parts of the length.
double distance(const Vector& a, const Vector& b) {
  CHECK(a.size() == b.size());
  double largest = 0, length = 0;
  for (size_t n = 0; n < a.size(); ++n) {
    largest = std::max(largest, std::abs(static_cast<double>(a[n]) - static_cast<double>(b[n])));
    length += static_cast<double>(b[n]) * static_cast<double>(b[n]);
  }
  return largest / std::sqrt(length);
}

std::string random_text(std::mt19937& random, int words) {
  std::string text;
  for (int i = 0; i < words; ++i) {
    if (i > 0) text += ' ';
    for (uint32_t letters = 1 + random() % 7; letters > 0; --letters) text += static_cast<char>('a' + random() % 26);
  }
  return text;
}

struct Reader {
  std::unique_ptr<Harness> harness;
  Embedding wait(RunId id) {
    for (;;) {
      for (Embedding& embedding : harness->engine->take_embeddings()) seen_[embedding.id] = std::move(embedding);
      if (const auto it = seen_.find(id); it != seen_.end()) return it->second;
      std::this_thread::sleep_for(1ms);
    }
  }
  std::map<RunId, Embedding> seen_;
};

Reader open(const std::shared_ptr<Model>& model) {
  ContextOptions options;
  options.threads = 2;
  if (model->generates()) {
    options.context_size = 8192;
    options.cache_tokens = 8192;
  }
  return {std::make_unique<Harness>(std::make_unique<Context>(model, options)), {}};
}

std::vector<Token> tokens_of(const Model& model, const std::string& text, std::optional<Token> end) {
  std::vector<Token> tokens = model.tokenizer().tokenize(std::vector<PromptPart>{TextPart{text}});
  if (end) tokens.push_back(*end);
  return tokens;
}

void same_as_alone(const char* variable, enum llama_pooling_type asked, enum llama_pooling_type expected,
                   std::optional<Token> end, const std::vector<int>& lengths) {
  const auto model = load_test_model(variable);
  Reader engine = open(model);
  std::mt19937 random(7);
  std::vector<std::string> texts;
  for (const int words : lengths) texts.push_back(random_text(random, words));
  std::vector<RunId> ids;
  for (const std::string& text : texts)
    ids.push_back(engine.harness->engine->embed({.text = {TextPart{text}}, .pooling = asked}));
  for (size_t i = 0; i < texts.size(); ++i) {
    const Embedding embedding = engine.wait(ids[i]);
    CHECK(!embedding.error);
    const auto tokens = tokens_of(*model, texts[i], end);
    CHECK(embedding.tokens == tokens.size());
    CHECK(distance(embedding.values, pooled(alone(*model, tokens, LLAMA_POOLING_TYPE_NONE), expected)) < 1e-4);
  }
}

}  // namespace

int main() {
  const std::vector<int> short_ones = {1, 2, 3, 5, 8, 13, 21, 34, 55, 1, 4, 30, 60, 7, 7, 2};
  CLAIM("BERT's embeddings of many texts at once are those of each alone: mean, and first token");
  same_as_alone("CADUCEUS_TEST_BERT_MEAN", LLAMA_POOLING_TYPE_UNSPECIFIED, LLAMA_POOLING_TYPE_MEAN, 3, short_ones);
  same_as_alone("CADUCEUS_TEST_BERT_CLS", LLAMA_POOLING_TYPE_UNSPECIFIED, LLAMA_POOLING_TYPE_CLS, 3, short_ones);

  CLAIM("so are those of a model that generates text, by mean and by last token, of texts in several pieces too");
  const std::vector<int> long_ones = {3, 150, 400, 5, 260, 1};
  same_as_alone("CADUCEUS_TEST_HERMES_MODEL", LLAMA_POOLING_TYPE_UNSPECIFIED, LLAMA_POOLING_TYPE_MEAN, {}, long_ones);
  same_as_alone("CADUCEUS_TEST_HERMES_MODEL", LLAMA_POOLING_TYPE_LAST, LLAMA_POOLING_TYPE_LAST, {}, long_ones);

  CLAIM("a reranker's score of a pair is llama.cpp's, and depends on both texts");
  const auto reranker = load_test_model("CADUCEUS_TEST_BERT_RERANKER");
  Reader ranking = open(reranker);
  const auto score = [&](const std::string& query, const std::string& document) {
    const Embedding embedding =
        ranking.wait(ranking.harness->engine->embed({.text = {TextPart{query}}, .second = {TextPart{document}}}));
    CHECK(!embedding.error && embedding.values.size() == 1);
    auto tokens = tokens_of(*reranker, query, 3);
    const auto second = tokens_of(*reranker, document, 3);
    tokens.insert(tokens.end(), second.begin() + 1, second.end());
    CHECK(embedding.tokens == tokens.size());
    CHECK(std::abs(embedding.values[0] - alone(*reranker, tokens, LLAMA_POOLING_TYPE_RANK)[0][0]) < 1e-4f);
    return embedding.values[0];
  };
  CHECK(score("what is a cat", "an animal") != score("what is a cat", "a city"));
  CHECK(score("what is a cat", "an animal") != score("where is rome", "an animal"));

  CLAIM("a text that is too long is refused with its length, or cut");
  const auto bert = load_test_model("CADUCEUS_TEST_BERT_MEAN");
  Reader engine = open(bert);
  std::mt19937 random(3);
  const std::string text = random_text(random, 600);
  const Embedding refused = engine.wait(engine.harness->engine->embed({.text = {TextPart{text}}}));
  CHECK(refused.error && refused.error->code() == "CONTEXT_FULL");
  CHECK(std::string(refused.error->what()).find(std::to_string(tokens_of(*bert, text, 3).size())) != std::string::npos);
  const Embedding cut = engine.wait(engine.harness->engine->embed({.text = {TextPart{text}}, .truncate = true}));
  CHECK(!cut.error && cut.truncated && cut.tokens == 512);
  auto kept = tokens_of(*bert, text, {});
  kept.resize(511);
  kept.push_back(3);
  CHECK(distance(cut.values, pooled(alone(*bert, kept, LLAMA_POOLING_TYPE_NONE), LLAMA_POOLING_TYPE_MEAN)) < 1e-4);

  CLAIM("the totals count every text before its answer can be read");
  {
    ContextOptions options;
    options.threads = 2;
    std::unique_ptr<Engine> counting;
    std::atomic<int> answers = 0, uncounted = 0;
    uint64_t tokens = 0;  // the engine's thread only
    counting = std::make_unique<Engine>(std::make_unique<Context>(bert, options), EngineOptions{}, [&] {
      for (const Embedding& embedding : counting->take_embeddings()) {
        tokens += embedding.tokens;
        if (counting->stats().prompt_tokens < tokens) ++uncounted;
        ++answers;
      }
    });
    for (int i = 0; i < 100; ++i) counting->embed({.text = {TextPart{random_text(random, 40)}}});
    CHECK(comes_about([&] { return answers == 100; }));
    CHECK(uncounted == 0);
    counting->close();
  }

  CLAIM("a model for embeddings generates nothing, and says so");
  const RunOutput run = engine.harness->wait(engine.harness->engine->submit(question("hello")));
  CHECK(run.end->error && run.end->error->code() == "UNSUPPORTED");

  CLAIM("texts are embedded while replies are generated, and neither waits for the other's end");
  Reader both = open(load_test_model("CADUCEUS_TEST_HERMES_MODEL"));
  RunRequest endless = question("hello");
  endless.max_tokens = 8'000;
  const RunId writing = both.harness->engine->submit(endless);
  both.harness->wait_for_tokens(writing, 1);
  std::vector<RunId> beside;
  for (int i = 0; i < 20; ++i)
    beside.push_back(both.harness->engine->embed({.text = {TextPart{random_text(random, 60)}}}));
  for (const RunId id : beside) CHECK(!both.wait(id).error);
  CHECK(!both.harness->seen(writing).end);
  const size_t written = both.harness->seen(writing).tokens.size();
  both.harness->wait_for_tokens(writing, written + 1);
  both.harness->engine->cancel(writing);
  CHECK(both.harness->wait(writing).tokens.size() > written);

  CLAIM("what is cancelled is not answered, and the others are");
  std::vector<RunId> ids;
  for (int i = 0; i < 200; ++i)
    ids.push_back(both.harness->engine->embed({.text = {TextPart{random_text(random, 200)}}}));
  for (size_t i = 0; i < ids.size(); i += 2) both.harness->engine->stop_embedding(ids[i]);
  for (size_t i = 1; i < ids.size(); i += 2) CHECK(!both.wait(ids[i]).error);

  CLAIM("closing ends those that wait with MODEL_CLOSED");
  ids.clear();
  for (int i = 0; i < 100; ++i)
    ids.push_back(both.harness->engine->embed({.text = {TextPart{random_text(random, 200)}}}));
  both.harness->engine->close();
  int closed = 0;
  for (const RunId id : ids) {
    const Embedding embedding = both.wait(id);
    CHECK(!embedding.error || embedding.error->code() == "MODEL_CLOSED");
    closed += embedding.error ? 1 : 0;
  }
  CHECK(closed > 0);

  CLAIM("whenever an engine ends, each text that it took is answered");
  for (int round = 0; round < 8; ++round) {
    Reader ending = open(bert);
    Engine& engine = *ending.harness->engine;
    std::vector<RunId> taken;
    std::atomic<size_t> count = 0;
    std::thread caller([&] {
      try {
        for (;; ++count) taken.push_back(engine.embed({.text = {TextPart{"some words"}}}));
      } catch (const EngineError& error) {
        CHECK(error.code() == "MODEL_CLOSED");
      }
    });
    CHECK(comes_about([&] { return count >= 20; }));
    engine.close();
    caller.join();
    std::set<RunId> answered;
    for (const Embedding& embedding : engine.take_embeddings()) answered.insert(embedding.id);
    CHECK(answered == std::set<RunId>(taken.begin(), taken.end()));
  }
  return report();
}
