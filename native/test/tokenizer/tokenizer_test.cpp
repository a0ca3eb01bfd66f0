// Long texts: no run of anything, with any pre-tokenizer that llama.cpp has, takes more stack than a small thread has
// or more time than its length; cutting leaves the tokens of ordinary text as they are; and markup in text stays text.
//
// tokenizer_test [BYTES [NAME]]: each run that long with each pre-tokenizer, or the one of that name; without them a
// sample, shorter.
#if defined(__linux__)
#include <pthread.h>
#endif

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <set>

#include "check.h"
#include "llama-vocab.h"
#include "model/gguf/gguf_vocabulary.h"
#include "platform/large_stack_thread.h"
#include "platform/runtime.h"
#include "tokenizer/text_cuts.h"
#include "tokenizer/tokenizer.h"

using namespace caduceus;
namespace fs = std::filesystem;

namespace {

const fs::path llama_cpp = CADUCEUS_LLAMA_CPP;
const fs::path vocabularies = llama_cpp / "models";

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  CHECK(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

struct FreeModel {
  void operator()(llama_model* model) const { llama_model_free(model); }
};

// A vocabulary of llama.cpp's own tests, with another pre-tokenizer where one is named.
std::unique_ptr<llama_model, FreeModel> load_vocabulary(const std::string& name, const std::string& pre = "") {
  llama_model_params params = llama_model_default_params();
  params.vocab_only = true;
  llama_model_kv_override overrides[2] = {};
  if (!pre.empty()) {
    overrides[0].tag = LLAMA_KV_OVERRIDE_TYPE_STR;
    std::snprintf(overrides[0].key, sizeof overrides[0].key, "tokenizer.ggml.pre");
    std::snprintf(overrides[0].val_str, sizeof overrides[0].val_str, "%s", pre.c_str());
    params.kv_overrides = overrides;
  }
  std::unique_ptr<llama_model, FreeModel> model(
      llama_model_load_from_file((vocabularies / ("ggml-vocab-" + name + ".gguf")).string().c_str(), params));
  CHECK(model != nullptr);
  return model;
}

// Every name that llama.cpp's loader compares with.
std::vector<std::string> pre_tokenizers() {
  const std::string source = read(llama_cpp / "src" / "llama-vocab.cpp");
  const std::string before = "tokenizer_pre == \"";
  std::set<std::string> names;
  for (size_t at = source.find(before); at != std::string::npos; at = source.find(before, at + 1)) {
    const size_t begin = at + before.size();
    names.insert(source.substr(begin, source.find('"', begin) - begin));
  }
  return {names.begin(), names.end()};
}

std::string repeated(const std::string& unit, size_t bytes, const std::string& end = "") {
  std::string text;
  text.reserve(bytes + unit.size() + end.size());
  while (text.size() < bytes) text += unit;
  return text + end;
}

const std::vector<std::pair<std::string, std::string>> runs = {
    {"spaces", " "},
    {"newlines", "\n"},
    {"line ends", "\r\n"},
    {"tabs and spaces", "\t "},
    {"no-break spaces", "\u00a0"},
    {"small letters", "a"},
    {"capitals", "A"},
    {"both cases", "aA"},
    {"Cyrillic", "ж"},
    {"Bengali with marks", "ক্"},
    {"marks alone", "\u0301"},
    {"digits", "7"},
    {"equals signs", "="},
    {"dashes", "-"},
    {"apostrophes", "'"},
    {"slashes and newlines", "/\n"},
    {"brackets", "<["},
    {"CJK", "中"},
    {"emoji", "😀"},
    {"words", "a "},
    {"image tokens", "IMGIMGABZ"},
    {"mixed", "a1 =\n"},
    {"controls", "\x01"},
    {"hex", "0f"},
};

// As small as the stacks of libuv's threads and of those that std::thread makes: 8 MB, more under a sanitizer.
constexpr size_t small_stack = LargeStackThread::large / 8;
constexpr size_t most_stack = small_stack / 2;

// How much of its stack a text has taken at most, where the system tells where a stack lies.
size_t deepest = 0;

#if defined(__GLIBC__)
// What is below the frames of now is filled, and what of that has changed afterwards was used.
__attribute__((noinline, no_sanitize("address", "undefined"))) void measure_stack(const std::function<void()>& body) {
  constexpr uint64_t unused = 0xA5A5A5A5A5A5A5A5;
  pthread_attr_t attributes;
  void* lowest = nullptr;
  size_t size = 0;
  CHECK(pthread_getattr_np(pthread_self(), &attributes) == 0);
  CHECK(pthread_attr_getstack(&attributes, &lowest, &size) == 0);
  pthread_attr_destroy(&attributes);
  auto* const low = static_cast<volatile uint64_t*>(lowest);
  const auto* const top = low + size / sizeof(uint64_t);
  const auto* const here = static_cast<volatile uint64_t*>(__builtin_frame_address(0)) - 512;
  for (auto* at = low; at < here; ++at) *at = unused;
  body();
  const auto* at = low;
  while (at < here && *at == unused) ++at;
  deepest = std::max(deepest, static_cast<size_t>(top - at) * sizeof(uint64_t));
}
#else
void measure_stack(const std::function<void()>& body) { body(); }
#endif

void on_small_stack(const std::function<void()>& body) {
  LargeStackThread([&] { measure_stack(body); }, small_stack).join();
}

// Of this thread where the system tells, else of the process, which does nothing else.
double thread_seconds() {
#ifdef CLOCK_THREAD_CPUTIME_ID
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
#else
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
#endif
}

std::vector<Token> whole(const llama_vocab* vocab, const std::string& text) {
  std::vector<Token> tokens(text.size() + 2);
  const int32_t count = llama_tokenize(vocab, text.data(), static_cast<int32_t>(text.size()), tokens.data(),
                                       static_cast<int32_t>(tokens.size()), llama_vocab_get_add_bos(vocab), false);
  CHECK(count >= 0);
  tokens.resize(static_cast<size_t>(count));
  if (!tokens.empty() && llama_vocab_get_add_eos(vocab) && tokens.back() == llama_vocab_eos(vocab)) tokens.pop_back();
  return tokens;
}

void check_runs(size_t bytes, bool all, const std::string& only) {
  std::set<int> seen;
  // Those that are known to have died, or to be slow; and every fifth of the others.
  const std::set<std::string> notable = {"default", "tekken", "gpt-4o",   "deepseek-llm",
                                         "falcon",  "bloom",  "superbpe", "jais-2"};
  size_t turn = 0;
  size_t place = 0;
  double slowest = 0;
  for (const std::string& pre : pre_tokenizers()) {
    if (!all && !notable.contains(pre) && ++place % 5 != 0) continue;
    if (!only.empty() && pre != only) continue;
    // Files that name it are refused.
    if (!VocabularyCheck().wrong("gpt2", pre).empty()) continue;
    const auto model = load_vocabulary("gpt-2", pre);
    const llama_vocab* vocab = llama_model_get_vocab(model.get());
    if (!seen.insert(vocab->get_pre_type()).second) continue;
    const Tokenizer tokenizer(vocab);
    // The others read UTF-8 where this vocabulary has GPT-2's bytes.
    const auto type = vocab->get_pre_type();
    const bool keeps_text = type != LLAMA_VOCAB_PRE_TYPE_WHITESPACE && type != LLAMA_VOCAB_PRE_TYPE_GEMMA4 &&
                            type != LLAMA_VOCAB_PRE_TYPE_SARVAM_MOE;
    if (all) std::fprintf(stderr, "    %s\n", pre.c_str());
    on_small_stack([&] {
      for (const auto& [name, unit] : runs) {
        if (!all && ++turn % 4 != 0 && name != "digits") continue;
        for (const std::string end : {"", "x"}) {
          if (!all && end.empty() == (turn % 8 == 0)) continue;
          const std::string text = repeated(unit, bytes, end);
          const double begin = thread_seconds();
          const auto tokens = tokenizer.tokenize(std::vector<PromptPart>{TextPart{text}}, Token{0});
          const double seconds = thread_seconds() - begin;
          slowest = std::max(slowest, seconds);
          if (seconds > 5) std::fprintf(stderr, "    %s, %s: %.1f s\n", pre.c_str(), name.c_str(), seconds);
          CHECK(seconds < 120e-6 * static_cast<double>(bytes) + 10);
          CHECK(!keeps_text || tokenizer.detokenize(tokens, false) == text);
        }
      }
    });
  }
  std::fprintf(stderr, "    %zu pre-tokenizers, the slowest text took %.2f s, the deepest %zu kB of stack\n",
               seen.size(), slowest, deepest / 1000);
  CHECK(seen.size() > (!only.empty() ? 0 : all ? 50 : 15));
  CHECK(deepest <= most_stack);
}

}  // namespace

int main(int argc, char** argv) {
  ensure_backend({});
  const size_t bytes = argc > 1 ? std::stoul(argv[1]) : 0;

  CLAIM("no run of characters takes more than half of 8 MB of stack or more than linear time, with any pre-tokenizer");
  check_runs(bytes > 0 ? bytes : 40'000, bytes > 0, argc > 2 ? argv[2] : "");
  if (bytes > 0) return report();

  CLAIM("cutting does not change the tokens of prose, code and JSON");
  const std::string prose = read(llama_cpp / "README.md");
  const std::string code = read(llama_cpp / "src" / "llama-graph.cpp").substr(0, 60'000);
  const std::string json =
      repeated("{\"name\":\"get_weather\",\"id\":1234567,\"city\":\"São Paulo\",\"tags\":[\"a\",\"b c\"]},", 30'000);
  const std::string chinese =
      repeated("模型在本地运行，不需要网络。用户可以提问，也可以调用工具！\n今天天气很好，我们去公园吧。", 30'000);
  LargeStackThread large([&] {
    for (const char* name : {"llama-bpe", "qwen2", "falcon", "deepseek-llm", "mpt", "llama-spm", "phi-3"}) {
      const auto model = load_vocabulary(name);
      const llama_vocab* vocab = llama_model_get_vocab(model.get());
      const Tokenizer tokenizer(vocab);
      for (const std::string& text : {prose, code, json, chinese}) {
        const auto expected = whole(vocab, text);
        const auto cut = tokenizer.tokenize(std::vector<PromptPart>{TextPart{text}});
        const auto [a, b] = std::mismatch(expected.begin(), expected.end(), cut.begin(), cut.end());
        if (a != expected.end() || b != cut.end())
          std::fprintf(stderr, "    %s: %zu and %zu tokens, other ones from %td on\n", name, expected.size(),
                       cut.size(), a - expected.begin());
        CHECK(expected == cut);
      }
    }
  });
  large.join();

  CLAIM("a chunk ends between two characters, is never longer than it may be and never empty");
  for (const auto& [_, unit] : runs) {
    const std::string text = repeated(unit, 50'000);
    for (size_t at = 0; at < text.size();) {
      const size_t size = next_chunk(std::string_view(text).substr(at));
      CHECK(size > 0 && size <= longest_chunk &&
            (at + size == text.size() || (static_cast<unsigned char>(text[at + size]) & 0xC0) != 0x80));
      at += size;
    }
  }

  CLAIM("a set of strings finds all that stand at a place, and those that lie across one");
  const StringSet set({"<a>", "<ab>", "<", "[x]", "<a>"});
  std::string found;
  set.each_prefix("<a>b", [&](size_t index) { found += set.at(index) + " "; });
  CHECK(found == "< <a> ");
  CHECK(set.before_straddling("__[x]", 3) == 2 && set.before_straddling("__[x]", 2) == 2 &&
        set.before_straddling("__[x]", 5) == 5);
  return report();
}
