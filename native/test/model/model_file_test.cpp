// What is not a usable model is refused with a sentence, before llama.cpp sees it.
#include <atomic>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "check.h"
#include "model/model.h"
#include "platform/error.h"

using namespace caduceus;
namespace fs = std::filesystem;

namespace {

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Refusal {
  std::string code;
  std::string message;
};

Refusal refusal(const std::string& path) {
  try {
    ModelOptions options;
    options.path = path;
    Model::load(options);
  } catch (const EngineError& error) {
    return {error.code(), error.what()};
  }
  return {"", ""};
}

bool says(const Refusal& refusal, const std::string& code, const std::string& words) {
  if (refusal.code == code && refusal.message.find(words) != std::string::npos) return true;
  std::fprintf(stderr, "got %s: %s\n", refusal.code.c_str(), refusal.message.c_str());
  return false;
}

}  // namespace

int main() {
  const std::string good = test_model("CADUCEUS_TEST_HERMES_MODEL");
  const fs::path folder =
      fs::temp_directory_path() / ("caduceus-model-file-test-" +
                                   std::to_string(std::hash<std::string>{}(good) ^ static_cast<size_t>(time(nullptr))));
  fs::create_directories(folder);
  const auto written = [&](const std::string& name, const std::string& bytes) {
    const auto path = (folder / name).string();
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  };
  const std::string bytes = read(good);

  CLAIM("a missing file, a folder, an empty file and other formats are named for what they are");
  CHECK(says(refusal((folder / "nothing.gguf").string()), "MODEL_NOT_FOUND", "There is no file"));
  CHECK(says(refusal(folder.string()), "MODEL_INVALID", "is a folder"));
  CHECK(says(refusal(written("empty", "")), "MODEL_INVALID", "empty file"));
  CHECK(says(refusal(written("short", "GG")), "MODEL_INVALID", "only 2 bytes"));
  CHECK(says(refusal(written("text", "hello there, not a model")), "MODEL_INVALID", "is not a GGUF file"));
  CHECK(says(refusal(written("html", "<!doctype html><html>")), "MODEL_INVALID", "web page"));
  CHECK(says(refusal(written("zip", "PK\x03\x04" + std::string(100, 'x'))), "MODEL_INVALID", "PyTorch"));
  CHECK(says(refusal(written("lfs", "version https://git-lfs.github.com/spec/v1\n")), "MODEL_INVALID", "Git LFS"));

  CLAIM("a file cut anywhere is called truncated, and says how much is missing where that is known");
  CHECK(says(refusal(written("cut", bytes.substr(0, bytes.size() - 100))), "MODEL_INVALID", "100 bytes are missing"));
  for (size_t length = 4; length < bytes.size(); length += bytes.size() / 97) {
    const Refusal cut = refusal(written("cut", bytes.substr(0, length)));
    CHECK(cut.code == "MODEL_INVALID");
  }

  CLAIM("a vocabulary with the same token twice, which aborts llama.cpp, is refused");
  std::string twice = bytes;
  const size_t at = twice.find("<dummy32005>");
  CHECK(at != std::string::npos);
  twice.replace(at, 12, "<dummy32006>");
  CHECK(says(refusal(written("twice", twice)), "MODEL_INVALID", "same text as an earlier one"));

  CLAIM("damaged headers are refused or load, and never crash");
  uint32_t random = 1;
  const auto next = [&] { return random = random * 1664525u + 1013904223u; };
  int refused = 0;
  for (int round = 0; round < 60; ++round) {
    std::string damaged = bytes;
    for (int i = 0; i < 4; ++i) damaged[next() % 2000] = static_cast<char>(next() >> 24);
    refused += refusal(written("damaged", damaged)).code.empty() ? 0 : 1;
  }
  CHECK(refused > 0);

  CLAIM("loading can be cancelled, and reports progress up to the end");
  std::atomic<bool> cancelled = true;
  ModelOptions options;
  options.path = good;
  options.cancelled = &cancelled;
  bool stopped = false;
  try {
    Model::load(options);
  } catch (const EngineError& error) {
    stopped = error.code() == "CANCELLED";
  }
  CHECK(stopped);
  cancelled = false;
  float last = 0;
  options.on_progress = [&](float progress) { last = progress; };
  CHECK(Model::load(options)->info().vocabulary_size == 32032);
  CHECK(last == 1.0f);

  fs::remove_all(folder);
  return report();
}
