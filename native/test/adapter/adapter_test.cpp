// Adapters in a real engine: the same tokens as llama.cpp computes with them, alone and among runs with others.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <thread>

#include "adapter/adapter_file.h"
#include "check.h"
#include "engine_harness.h"
#include "test_model.h"

using namespace caduceus;
namespace fs = std::filesystem;

namespace {

fs::path folder;

std::shared_ptr<Adapter> adapter_of(const std::shared_ptr<Model>& model, const AdapterPlan& plan) {
  const std::string path = (folder / "adapter.gguf").string();
  write_adapter(*model, path, plan);
  return Adapter::load(model, path);
}

RunRequest with(RunRequest request, std::vector<AdapterUse> adapters) {
  request.adapters = std::move(adapters);
  return request;
}

using Rows = std::vector<std::vector<float>>;

// llama.cpp's own logits of the last tokens, with these adapters.
Rows plain_logits(Model& model, const std::vector<Token>& tokens, const std::vector<AdapterSet::Use>& uses,
                  size_t last = 1) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 512;
  params.n_threads = params.n_threads_batch = 1;
  const ContextHandle context(llama_init_from_model(model.get(), params));
  CHECK(context);
  std::vector<llama_adapter_lora*> adapters;
  std::vector<float> scales;
  for (const auto& [adapter, scale] : uses) adapters.push_back(adapter->get()), scales.push_back(scale);
  llama_set_adapters_lora(context.get(), adapters.data(), adapters.size(), scales.data());
  const BatchHandle handle(512);
  llama_batch batch = handle.batch;
  for (size_t i = 0; i < tokens.size(); ++i) {
    batch.token[i] = tokens[i];
    batch.pos[i] = static_cast<llama_pos>(i);
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = i + last >= tokens.size() ? 1 : 0;
  }
  batch.n_tokens = static_cast<int32_t>(tokens.size());
  CHECK(llama_decode(context.get(), batch) == 0);
  Rows rows;
  for (size_t i = tokens.size() - last; i < tokens.size(); ++i) {
    const float* logits = llama_get_logits_ith(context.get(), static_cast<int32_t>(i));
    rows.emplace_back(logits, logits + model.info().vocabulary_size);
  }
  return rows;
}

double distance(const Rows& left, const Rows& right) {
  const auto &a = left.back(), &b = right.back();
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::pow(a[i] - b[i], 2);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

// The engine's greedy tokens are those that llama.cpp finds likeliest with the same adapters, up to ties.
void check_greedy(Model& model, std::vector<Token> tokens, const RunOutput& output,
                  const std::vector<AdapterSet::Use>& uses) {
  CHECK(output.tokens.size() > 4);
  tokens.insert(tokens.end(), output.tokens.begin(), output.tokens.end() - 1);
  const Rows rows = plain_logits(model, tokens, uses, output.tokens.size());
  for (size_t at = 0; at < rows.size(); ++at) {
    float best = -INFINITY;
    // Those that the request bans do not count.
    for (size_t i = 0; i < rows[at].size(); ++i) {
      if (i != 0 && i != 2) best = std::max(best, rows[at][i]);
    }
    CHECK(best - rows[at][static_cast<size_t>(output.tokens[at])] < 0.7f);
  }
}

void equals_llama(const std::shared_ptr<Model>& model) {
  CLAIM("with an adapter in f32, f16 or q8_0, at any scale, the tokens are those of llama.cpp with it");
  Harness harness(model);
  const RunRequest request = endless("What is the capital of France?", 8);
  const std::vector<Token> prompt = harness.engine->tokenizer().tokenize(request.prompt);
  const Rows base = plain_logits(*model, prompt, {});
  for (const auto type : {GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_Q8_0}) {
    const auto adapter = adapter_of(model, {.weights = layer_weights(*model), .rank = 32, .gain = 0.5f, .type = type});
    const uint32_t id = harness.engine->add_adapter(adapter);
    for (const float scale : {1.0f, -0.5f}) {
      const std::vector<AdapterSet::Use> uses{{adapter, scale}};
      CHECK(distance(base, plain_logits(*model, prompt, uses)) > 0.5);
      check_greedy(*model, prompt, harness.wait(harness.engine->submit(with(request, {{id, scale}}))), uses);
    }
  }
  CLAIM("two adapters at once add up, as llama.cpp adds them, and scale 0 is none");
  const auto first = adapter_of(model, {.weights = layer_weights(*model), .seed = 2, .gain = 0.3f});
  const auto second = adapter_of(model, {.weights = {"blk.0.ffn_down.weight"}, .seed = 3, .gain = 1});
  const uint32_t a = harness.engine->add_adapter(first), b = harness.engine->add_adapter(second);
  check_greedy(*model, prompt, harness.wait(harness.engine->submit(with(request, {{a, 1}, {b, 0.7f}}))),
               {{first, 1}, {second, 0.7f}});
  const RunOutput none = harness.wait(harness.engine->submit(with(request, {{a, 0}})));
  check_greedy(*model, prompt, none, {});
  CHECK(harness.wait(harness.engine->submit(request)).end->usage.cached_tokens == prompt.size() - 1);
}

void embeddings() {
  CLAIM("adapters of the token embeddings and of the output are computed as llama.cpp does it");
  const auto model = load_test_model("CADUCEUS_TEST_HERMES_MODEL");
  Harness harness(model);
  const auto adapter = adapter_of(model, {.weights = {"token_embd.weight", "output.weight"}, .gain = 0.5f});
  const uint32_t id = harness.engine->add_adapter(adapter);
  const RunRequest request = endless("Hello", 8);
  const std::vector<Token> prompt = harness.engine->tokenizer().tokenize(request.prompt);
  CHECK(distance(plain_logits(*model, prompt, {}), plain_logits(*model, prompt, {{adapter, 1}})) > 0.5);
  check_greedy(*model, prompt, harness.wait(harness.engine->submit(with(request, {{id, 1}}))), {{adapter, 1}});
}

void mixed(const std::shared_ptr<Model>& model) {
  CLAIM("runs with different adapters at the same time come out as each alone, and share no cached tokens");
  std::vector<std::shared_ptr<Adapter>> adapters;
  for (const uint32_t seed : {11u, 12u})
    adapters.push_back(adapter_of(model, {.weights = layer_weights(*model), .seed = seed, .gain = 0.4f}));
  const std::vector<std::string> questions{"What is the sea?", "Count to ten.", "Name three trees."};
  const auto requests = [&](Harness& harness) {
    std::vector<uint32_t> ids;
    for (const auto& adapter : adapters) ids.push_back(harness.engine->add_adapter(adapter));
    const std::vector<std::vector<AdapterUse>> sets{
        {}, {{ids[0], 1}}, {{ids[0], 0.5f}}, {{ids[1], 1}}, {{ids[0], 1}, {ids[1], 0.5f}}};
    std::vector<RunRequest> all;
    for (const auto& set : sets) {
      for (const std::string& text : questions) all.push_back(with(endless(text, 24), set));
    }
    return all;
  };
  std::vector<RunOutput> alone;
  {
    Harness harness(model);
    for (const RunRequest& request : requests(harness)) alone.push_back(harness.wait(harness.engine->submit(request)));
    // The beginning of the question is the same in all, but was computed with other adapters.
    for (size_t i = 0; i < alone.size(); i += questions.size()) CHECK(alone[i].end->usage.cached_tokens == 0);
    CHECK(alone[1].end->usage.cached_tokens > 0);
  }
  Harness harness(model);
  std::vector<RunId> ids;
  const std::vector<RunRequest> all = requests(harness);
  for (const RunRequest& request : all) ids.push_back(harness.engine->submit(request));
  int same = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    const RunOutput output = harness.wait(ids[i]);
    CHECK(output.tokens.size() == 24 && output.end->usage.cached_tokens < 24);
    const auto [left, right] = std::mismatch(output.tokens.begin(), output.tokens.end(), alone[i].tokens.begin());
    same += left == output.tokens.end() ? 1 : 0;
    if (left == output.tokens.end()) continue;
    // Only where two tokens are as likely.
    std::vector<Token> before = harness.engine->tokenizer().tokenize(all[i].prompt);
    before.insert(before.end(), output.tokens.begin(), left);
    std::vector<AdapterSet::Use> uses;
    const auto first = all.front().adapters.empty() ? all[questions.size()].adapters.front().id : 0;
    for (const auto& [id, scale] : all[i].adapters) uses.push_back({adapters[id == first ? 0 : 1], scale});
    const std::vector<float> logits = plain_logits(*model, before, uses).back();
    CHECK(std::abs(logits[static_cast<size_t>(*left)] - logits[static_cast<size_t>(*right)]) < 0.7f);
  }
  CHECK(same > static_cast<int>(ids.size()) / 2);
  const Stats stats = harness.engine->stats();
  std::fprintf(stderr, "    %d of %d are the same; %d changes of adapters in %d steps\n", same,
               static_cast<int>(ids.size()), static_cast<int>(stats.adapter_changes), static_cast<int>(stats.steps));
  CHECK(stats.adapter_changes >= 4 && stats.adapter_changes <= stats.steps);
}

void hot(const std::shared_ptr<Model>& model) {
  CLAIM("adapters come and go while runs are under way; one that is removed is kept until its last run has ended");
  Harness harness(model);
  const auto plan = [&](uint32_t seed) {
    return AdapterPlan{.weights = layer_weights(*model), .seed = seed, .gain = 0.4f};
  };
  const RunId long_run = harness.engine->submit(endless("Tell me a story.", 300));
  const uint64_t before = model->adapter_bytes;
  const uint32_t id = harness.engine->add_adapter(adapter_of(model, plan(21)));
  CHECK(model->adapter_bytes > before);
  const RunId user = harness.engine->submit(with(endless("Hello", 200), {{id, 1}}));
  harness.wait_for_tokens(user, 2);
  harness.engine->remove_adapter(id);
  harness.engine->remove_adapter(id);
  bool refused = false;
  try {
    harness.engine->submit(with(endless("Hello", 4), {{id, 1}}));
  } catch (const EngineError& error) {
    refused = error.code() == "INVALID_ARGUMENT" && error.param() == "adapter";
  }
  CHECK(refused);
  CHECK(harness.engine->stats().adapter_bytes > 0);
  CHECK(harness.wait(user).tokens.size() == 200);
  CHECK(comes_about([&] { return model->adapter_bytes == before; }));
  for (uint32_t round = 0; round < 6; ++round) {
    const uint32_t next = harness.engine->add_adapter(adapter_of(model, plan(30 + round)));
    const RunId run = harness.engine->submit(with(endless("Hello", 8), {{next, 1}}));
    if (round % 2 == 0) harness.wait_for_tokens(run, 1);
    harness.engine->remove_adapter(next);
    if (round % 3 == 0) harness.engine->cancel(run);
    const RunOutput output = harness.wait(run);
    CHECK(round % 3 == 0 || output.tokens.size() == 8);
  }
  CHECK(harness.wait(long_run).tokens.size() == 300);
  CLAIM("closing ends runs with adapters, and frees these");
  const uint32_t last = harness.engine->add_adapter(adapter_of(model, plan(40)));
  const RunId run = harness.engine->submit(with(endless("Hello", 400), {{last, 1}}));
  harness.wait_for_tokens(run, 1);
  harness.engine->close();
  harness.engine.reset();
  CHECK(model->adapter_bytes == before);
}

void apart(const std::shared_ptr<Model>& model) {
  CLAIM("deterministic runs with an adapter give the same bits each time, whatever runs beside them");
  Harness harness(model);
  const uint32_t id =
      harness.engine->add_adapter(adapter_of(model, {.weights = layer_weights(*model), .seed = 50, .gain = 0.4f}));
  RunRequest request = with(endless("Name a tree.", 12), {{id, 1}});
  request.deterministic = true;
  request.log_probabilities = true;
  const RunOutput alone = harness.wait(harness.engine->submit(request));
  const RunId other = harness.engine->submit(endless("Tell me a story.", 100));
  harness.wait_for_tokens(other, 1);
  const RunOutput beside = harness.wait(harness.engine->submit(request));
  CHECK(alone.tokens == beside.tokens && alone.log_probabilities == beside.log_probabilities);
  harness.wait(other);
}

}  // namespace

int main() {
  folder =
      fs::temp_directory_path() / ("caduceus-adapter-test-" + std::to_string(Clock::now().time_since_epoch().count()));
  fs::create_directories(folder);
  const auto model = load_test_model("CADUCEUS_TEST_SMOLLM2");
  equals_llama(model);
  embeddings();
  mixed(model);
  hot(model);
  apart(model);
  fs::remove_all(folder);
  return report();
}
