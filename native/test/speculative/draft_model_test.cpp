// A draft model in a real engine: it changes how often the model computes, and nothing else.
#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "../model/gguf_edit.h"
#include "check.h"
#include "engine_harness.h"
#include "model/model.h"
#include "platform/error.h"
#include "test_model.h"

using namespace caduceus;
using Kind = ConstraintSpec::Kind;

namespace {

using ModelPointer = std::shared_ptr<Model>;

// Loads a model that `write` writes to a file.
template <typename Write>
ModelPointer written(Write write) {
  const auto path =
      std::filesystem::temp_directory_path() / ("caduceus-draft-" + std::to_string(std::random_device{}()) + ".gguf");
  write(path.string());
  ModelOptions options;
  options.path = path.string();
  const ModelPointer model = Model::load(options);
  std::filesystem::remove(path);
  return model;
}

// The tiny model with something changed.
template <typename Change>
ModelPointer changed(Change change) {
  return written([&](const std::string& path) {
    GgufEdit file(test_model("CADUCEUS_TEST_HERMES_MODEL"));
    change(file);
    file.write(path);
  });
}

// As sure as the model itself, and wrong for every `each`-th token at least: the rows of these tokens change places.
ModelPointer wrong_model(size_t each) {
  return changed([&](GgufEdit& file) {
    const std::span<char> weights = file.data("output.weight");
    const auto rows = static_cast<size_t>(ggml_nrows(file.tensor("output.weight")));
    const size_t bytes = weights.size() / rows;
    for (size_t row = 0; row + each < rows; row += each)
      std::swap_ranges(weights.begin() + static_cast<std::ptrdiff_t>(row * bytes),
                       weights.begin() + static_cast<std::ptrdiff_t>((row + 1) * bytes),
                       weights.begin() + static_cast<std::ptrdiff_t>((row + each) * bytes));
  });
}

// Writes the same as the tiny model in many times its time: further layers add nothing to what the first two say.
ModelPointer slow_model(uint32_t layers) {
  return written([&](const std::string& path) {
    GgufEdit file(test_model("CADUCEUS_TEST_HERMES_MODEL"));
    gguf_context* deep = gguf_init_empty();
    gguf_set_kv(deep, file.get());
    gguf_set_val_u32(deep, "llama.block_count", layers);
    std::vector<char> zeros(1 << 20);
    for (int64_t i = 0; i < gguf_get_n_tensors(file.get()); ++i) {
      const std::string name = gguf_get_tensor_name(file.get(), i);
      ggml_tensor tensor = *file.tensor(name.c_str());
      gguf_add_tensor(deep, &tensor);
      if (!name.starts_with("blk.1.")) continue;
      const bool adds = name.find("attn_output") != std::string::npos || name.find("ffn_down") != std::string::npos;
      CHECK(!adds || ggml_nbytes(&tensor) <= zeros.size());
      if (adds) tensor.data = zeros.data();
      for (uint32_t layer = 2; layer < layers; ++layer) {
        ggml_set_name(&tensor, ("blk." + std::to_string(layer) + name.substr(5)).c_str());
        gguf_add_tensor(deep, &tensor);
      }
    }
    CHECK(gguf_write_to_file(deep, path.c_str(), false));
    gguf_free(deep);
  });
}

EngineOptions with(Drafts drafts) {
  EngineOptions options;
  options.drafts = drafts;
  options.prompt_lookup = false;
  options.host_cache_bytes = 0;
  return options;
}

RunRequest telling(int number, uint32_t max_tokens) {
  std::string text = "user " + std::to_string(number);
  for (int i = 0; i < number % 7; ++i) text += " and again " + std::to_string(i * number);
  return question(text, max_tokens);
}

// Runs of all kinds.
RunRequest some(int number) {
  RunRequest request = telling(number, 12 + static_cast<uint32_t>(number) % 30);
  if (number % 3 == 1) request.sampling.temperature = 0.7f;
  request.sampling.seed = static_cast<uint32_t>(number);
  if (number % 4 == 2) request.constraint = ConstraintSpec{Kind::regex, "([a-z]+ )*", {}};
  if (number % 5 == 4) request.sampling.repeat_penalty = 1.2f;
  if (number % 6 == 5) request.log_probabilities = true;
  if (number % 7 == 6) request.min_tokens = 10;
  if (number % 8 == 3) request.stop = {"e"};
  return request;
}

void tell(const char* name, const Stats& stats) {
  std::fprintf(stderr, "    %s: %d tokens in %d steps; %d drafted in %d steps, %d accepted\n", name,
               static_cast<int>(stats.generated_tokens), static_cast<int>(stats.steps),
               static_cast<int>(stats.model_drafted_tokens), static_cast<int>(stats.draft_steps),
               static_cast<int>(stats.model_accepted_drafts));
}

void same_texts(const ModelPointer& model, const ModelPointer& wrong, const ModelPointer& mixed) {
  Harness plain(model, 512, 1024, with(Drafts::never));
  const RunOutput expected = plain.wait(plain.engine->submit(telling(1, 64)));
  const Stats without = plain.engine->stats();

  CLAIM("a draft model that is the model itself: its tokens are accepted, in a fifth of the steps");
  {
    Harness harness(model, 512, 1024, with(Drafts::always), model);
    const RunOutput output = harness.wait(harness.engine->submit(telling(1, 64)));
    const Stats stats = harness.engine->stats();
    tell("itself", stats);
    CHECK(output.tokens == expected.tokens && output.text == expected.text);
    CHECK(stats.model_accepted_drafts * 20 >= stats.model_drafted_tokens * 19 && stats.model_drafted_tokens > 50);
    CHECK(stats.steps * 5 < without.steps && stats.drafted_tokens == stats.model_drafted_tokens &&
          stats.accepted_drafts == stats.model_accepted_drafts);
    CHECK(stats.cache_tokens_used == without.cache_tokens_used && stats.draft_cache_tokens_used <= 1024);
  }

  CLAIM("one that is always wrong, or now and then: the same text and the same cells");
  for (const ModelPointer& draft : {wrong, mixed}) {
    Harness harness(model, 512, 1024, with(Drafts::always), draft);
    const RunOutput output = harness.wait(harness.engine->submit(telling(1, 64)));
    const Stats stats = harness.engine->stats();
    tell(draft == wrong ? "wrong" : "mixed", stats);
    CHECK(output.tokens == expected.tokens && stats.cache_tokens_used == without.cache_tokens_used);
    CHECK(stats.model_drafted_tokens > 50);
    if (draft == wrong)
      CHECK(stats.model_accepted_drafts * 10 < stats.model_drafted_tokens);
    else
      CHECK(stats.model_accepted_drafts > 5 && stats.model_accepted_drafts < stats.model_drafted_tokens);
  }

  CLAIM("a run that continues another is followed from where that ended");
  Harness harness(model, 512, 1024, with(Drafts::always), mixed);
  const RunId id = harness.engine->submit(telling(2, 40));
  harness.wait(id);
  const uint32_t used = harness.engine->stats().draft_cache_tokens_used;
  RunRequest next = telling(3, 20);
  next.after = id;
  const RunId second = harness.engine->submit(next);
  const RunOutput after = harness.wait(second);
  CHECK(harness.engine->stats().draft_cache_tokens_used < used + after.end->usage.prompt_tokens);
  const RunId first = plain.engine->submit(telling(2, 40));
  plain.wait(first);
  next.after = first;
  CHECK(plain.wait(plain.engine->submit(next)).tokens == after.tokens);
}

// Submits that many requests, some of them while others run, and others that are cancelled.
template <typename Request>
std::vector<RunId> come_and_go(Harness& harness, int number, Request request) {
  std::mt19937 random(7);
  std::vector<RunId> ids;
  int cut_short = 0;
  for (int i = 0; i < number; ++i) {
    ids.push_back(harness.engine->submit(request(i)));
    if (random() % 3 == 0) harness.wait_for_tokens(ids[random() % ids.size()], 1 + random() % 8);
    if (random() % 5 > 0) continue;
    const RunId cancelled = harness.engine->submit(telling(i + 100, 200));
    if (random() % 2 == 0) harness.wait_for_tokens(cancelled, 3);
    harness.engine->cancel(cancelled);
    // On a busy machine one may come to its end before.
    cut_short += harness.wait(cancelled).end->reason == FinishReason::cancelled ? 1 : 0;
  }
  CHECK(cut_short > 0);
  return ids;
}

void streams(const ModelPointer& model, const ModelPointer& mixed) {
  constexpr int number = 48;
  Harness plain(model, 256, 1024, with(Drafts::never));
  std::vector<RunOutput> expected;
  for (int i = 0; i < number; ++i) expected.push_back(plain.wait(plain.engine->submit(some(i))));

  for (const bool lookup : {false, true}) {
    CLAIM("streams that come and go, of all kinds, some cancelled: each writes what it writes alone without drafts");
    EngineOptions options = with(Drafts::always);
    options.prompt_lookup = lookup;
    Harness harness(model, 256, 4096, options, mixed);
    const std::vector<RunId> ids = come_and_go(harness, number, some);
    for (size_t i = 0; i < ids.size(); ++i) {
      const RunOutput output = harness.wait(ids[i]);
      CHECK(output.tokens == expected[i].tokens && output.text == expected[i].text);
      CHECK(output.end->reason == expected[i].end->reason);
    }
    const Stats stats = harness.engine->stats();
    tell(lookup ? "with prompt lookup" : "alone", stats);
    CHECK(stats.model_accepted_drafts > 50 && stats.running == 0);
    // What ended runs have left there.
    CHECK(stats.draft_cache_tokens_used > 0 && stats.draft_cache_tokens_used <= 2048);
  }

  CLAIM("where cells are scarce in both caches, sequences are lost and computed again, and the texts are the same");
  // A run that lost its cells is computed in other pieces, with drafts or without.
  Harness crowded(model, 256, 300, with(Drafts::always), mixed);
  const auto plainly = [](int i) { return telling(i, 40); };
  const std::vector<RunId> ids = come_and_go(crowded, number, plainly);
  for (size_t i = 0; i < ids.size(); ++i) {
    const RunRequest request = plainly(static_cast<int>(i));
    const RunOutput alone = plain.wait(plain.engine->submit(request));
    CHECK(same_up_to_a_tie(*model, plain.engine->tokenizer().tokenize(request.prompt), alone, crowded.wait(ids[i])));
  }
  const Stats stats = crowded.engine->stats();
  tell("crowded", stats);
  CHECK(stats.model_accepted_drafts > 50 && stats.running == 0);
  CHECK(stats.cache_tokens_used <= 300 && stats.draft_cache_tokens_used <= 300);
}

void exceptions(const ModelPointer& model) {
  CLAIM("deterministic runs and those with log probabilities are not drafted for");
  Harness harness(model, 256, 512, with(Drafts::always), model);
  RunRequest request = telling(1, 20);
  request.log_probabilities = true;
  CHECK(harness.wait(harness.engine->submit(request)).log_probabilities.size() == 20);
  request.log_probabilities = false;
  request.deterministic = true;
  CHECK(harness.wait(harness.engine->submit(request)).tokens.size() == 20);
  CHECK(harness.engine->stats().draft_steps == 0);
}

void policy(const ModelPointer& model, const ModelPointer& wrong) {
  const auto stats_of = [](const ModelPointer& target, const ModelPointer& draft, const char* name) {
    // One thread, since threads that wait for each other on a busy machine tell nothing.
    ContextOptions options{.context_size = 512, .cache_tokens = 2048, .threads = 1};
    auto context = std::make_unique<Context>(target, options);
    auto drafting = std::make_unique<Context>(*context, draft);
    Harness harness(std::move(context), with(Drafts::paying), std::move(drafting));
    for (const int streams : {1, 4}) {
      std::vector<RunId> ids;
      for (int i = 0; i < streams; ++i) ids.push_back(harness.engine->submit(telling(i, 200)));
      for (const RunId id : ids) CHECK(harness.wait(id).tokens.size() == 200);
    }
    const Stats stats = harness.engine->stats();
    tell(name, stats);
    return stats;
  };
  const auto slow = slow_model(60);

  CLAIM("one that is always wrong, or as slow as the model itself, is used in less than one of eight steps");
  for (const Stats& stats : {stats_of(slow, wrong, "wrong"), stats_of(model, model, "slow")}) {
    CHECK(stats.draft_steps * 8 < stats.steps && stats.model_drafted_tokens * 8 < stats.generated_tokens);
  }

  CLAIM("one that is fast and right is used");
  const Stats stats = stats_of(slow, model, "right");
  CHECK(stats.generated_tokens == 1000 && stats.model_accepted_drafts > 5);
}

std::string refusal(const ModelPointer& model, const ModelPointer& draft) {
  try {
    check_draft_model(*model, *draft);
  } catch (const EngineError& error) {
    CHECK(error.param() == "draftModel");
    return error.code() + ": " + error.what();
  }
  return "";
}

void vocabularies(const ModelPointer& model, const ModelPointer& wrong) {
  CLAIM("a draft model needs the same tokens, control tokens and BOS, and has to generate text");
  CHECK(refusal(model, model).empty() && refusal(model, wrong).empty());
  const auto says = [](const std::string& message, const std::string& part) {
    std::fprintf(stderr, "    %s\n", message.c_str());
    return message.find(part) != std::string::npos;
  };
  const auto smollm2 = load_test_model("CADUCEUS_TEST_SMOLLM2");
  CHECK(says(refusal(model, smollm2), "MODEL_INVALID: ") && says(refusal(smollm2, model), "different types"));
  CHECK(says(refusal(model, load_test_model("CADUCEUS_TEST_BERT_MEAN")), "UNSUPPORTED: "));
  const auto renamed = changed([](GgufEdit& file) {
    const int64_t key = gguf_find_key(file.get(), "tokenizer.ggml.tokens");
    std::vector<std::string> texts;
    for (size_t i = 0; i < gguf_get_arr_n(file.get(), key); ++i)
      texts.emplace_back(gguf_get_arr_str(file.get(), key, i));
    texts[500] = "another";
    std::vector<const char*> pointers;
    for (const std::string& text : texts) pointers.push_back(text.c_str());
    gguf_set_arr_str(file.get(), "tokenizer.ggml.tokens", pointers.data(), pointers.size());
  });
  CHECK(says(refusal(model, renamed), "token 500 is \"another\""));
  const auto retyped = changed([](GgufEdit& file) {
    const int64_t key = gguf_find_key(file.get(), "tokenizer.ggml.token_type");
    const auto* given = static_cast<const int32_t*>(gguf_get_arr_data(file.get(), key));
    std::vector<int32_t> types(given, given + gguf_get_arr_n(file.get(), key));
    types[600] = LLAMA_TOKEN_TYPE_CONTROL;
    gguf_set_arr_data(file.get(), "tokenizer.ggml.token_type", GGUF_TYPE_INT32, types.data(), types.size());
  });
  CHECK(says(refusal(model, retyped), "token 600 "));
  const auto begun = changed([](GgufEdit& file) { gguf_set_val_u32(file.get(), "tokenizer.ggml.bos_token_id", 2); });
  CHECK(says(refusal(model, begun), "begin with token 2"));
}

}  // namespace

// Names of groups run these alone.
int main(int argc, char** argv) {
  const auto model = load_test_model("CADUCEUS_TEST_HERMES_MODEL");
  const auto wrong = wrong_model(1);
  const auto mixed = wrong_model(40);
  const std::vector<std::string> chosen(argv + 1, argv + argc);
  const auto group = [&](const char* name, auto test) {
    if (chosen.empty() || std::find(chosen.begin(), chosen.end(), name) != chosen.end()) test();
  };
  group("texts", [&] { same_texts(model, wrong, mixed); });
  group("streams", [&] { streams(model, mixed); });
  group("exceptions", [&] { exceptions(model); });
  group("policy", [&] { policy(model, wrong); });
  group("vocabularies", [&] { vocabularies(model, wrong); });
  return report();
}
