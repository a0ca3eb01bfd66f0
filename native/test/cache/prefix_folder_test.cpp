// Kept prefixes on disk, without a model: what comes back, what does not, and what damage does.
#include "cache/prefix_folder.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <functional>
#include <future>
#include <random>

#include "cache/prefix_file.h"
#include "check.h"
#include "platform/runtime.h"

#ifndef _WIN32
#include <sys/stat.h>
#endif

namespace fs = std::filesystem;
using namespace caduceus;

namespace {

std::atomic<int> warnings = 0;

struct Place {
  Place() : folder(fs::temp_directory_path() / ("caduceus-folder-" + std::to_string(std::random_device{}()))) {
    fs::create_directories(folder);
    write_model("model.gguf", 'm');
  }
  ~Place() { fs::remove_all(folder); }

  void write_model(const std::string& name, char byte) const {
    std::ofstream(folder / name, std::ios::binary) << std::string(3 << 20, byte);
  }

  std::vector<fs::path> files(const std::string& ending = ".prefix") const {
    std::vector<fs::path> files;
    if (!fs::exists(folder / "prefixes")) return files;
    for (const auto& entry : fs::directory_iterator(folder / "prefixes")) {
      if (entry.path().string().ends_with(ending)) files.push_back(entry.path());
    }
    return files;
  }

  fs::path folder;
};

// A folder that is asked one thing at a time.
struct FolderHarness {
  explicit FolderHarness(const Place& place, uint64_t most = 1 << 30, const std::string& model = "model.gguf",
                         const std::string& settings = "f16")
      : folder(place.folder / "prefixes", most, place.folder / model, settings,
               [this](PrefixFolder::LookupResult found) { answer.set_value(std::move(found)); }) {}

  PrefixFolder::LookupResult find(std::vector<Token> tokens, uint32_t more_than = 0, const std::string& scope = "") {
    answer = {};
    folder.find(7, std::move(tokens), scope, more_than);
    auto found = answer.get_future().get();
    CHECK(found.run == 7);
    return found;
  }

  std::promise<PrefixFolder::LookupResult> answer;
  PrefixFolder folder;
};

std::vector<Token> tokens_to(Token end) {
  std::vector<Token> tokens;
  for (Token token = 0; token < end; ++token) tokens.push_back(token);
  return tokens;
}

SavedState state_of(size_t size, uint8_t byte) {
  SavedState state{std::make_unique<uint8_t[]>(size), size};
  std::fill_n(state.data.get(), size, byte);
  return state;
}

bool is_filled(const SavedState& state, size_t size, uint8_t byte) {
  return state.size == size &&
         std::all_of(state.bytes().begin(), state.bytes().end(), [&](uint8_t each) { return each == byte; });
}

}  // namespace

int main(int argc, char** argv) {
  set_log(LogLevel::warn, [](LogLevel, const std::string&) { ++warnings; });

  CLAIM(
      "what is kept comes back in another process's folder: the longest prefix, of its own scope, model and settings");
  {
    const Place place;
    {
      FolderHarness first(place);
      first.folder.keep(tokens_to(100), "", state_of(1000, 1));
      first.folder.keep(tokens_to(200), "", state_of(2000, 2));
      first.folder.keep(tokens_to(300), "tenant", state_of(3000, 3));
    }
    CHECK(place.files().size() == 3 && place.files(".unfinished").empty());
    for (const fs::path& file : place.files())
      CHECK((fs::status(file).permissions() & (fs::perms::group_all | fs::perms::others_all)) == fs::perms::none);
    FolderHarness second(place);
    auto found = second.find(tokens_to(250));
    CHECK(found.length == 200 && found.saved == 200 && is_filled(found.state, 2000, 2));
    found = second.find(tokens_to(150));
    CHECK(found.length == 150 && found.saved == 200);
    CHECK(second.find(tokens_to(100)).saved == 100);
    CHECK(second.find(tokens_to(250), 200).length == 0);
    CHECK(second.find({5, 6, 7}).length == 0);
    CHECK(second.find(tokens_to(400), 0, "tenant").length == 300);
    CHECK(second.folder.contains(tokens_to(100), "") && !second.folder.contains(tokens_to(101), "") &&
          !second.folder.contains(tokens_to(100), "tenant"));
    place.write_model("other.gguf", 'n');
    FolderHarness other_model(place, 1 << 30, "other.gguf");
    CHECK(other_model.find(tokens_to(250)).length == 0);
    FolderHarness other_settings(place, 1 << 30, "model.gguf", "q8_0");
    CHECK(other_settings.find(tokens_to(250)).length == 0);
    CHECK(warnings == 0 && place.files().size() == 3);
  }

  CLAIM("the least recently used go when the limit is reached, and what is larger than the limit is not kept");
  {
    const Place place;
    FolderHarness harness(place, 10000);
    for (Token n = 1; n <= 3; ++n) {
      harness.folder.keep(std::vector<Token>(10, n), "", state_of(3000, static_cast<uint8_t>(n)));
      CHECK(harness.find(std::vector<Token>(10, n)).length == 10);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    CHECK(harness.find(std::vector<Token>(10, 1)).length == 10);
    harness.folder.keep(std::vector<Token>(10, 4), "", state_of(3000, 4));
    CHECK(harness.find(std::vector<Token>(10, 1)).length == 10 && harness.find(std::vector<Token>(10, 2)).length == 0);
    CHECK(harness.find(std::vector<Token>(10, 4)).length == 10 && place.files().size() == 3);
    harness.folder.keep(std::vector<Token>(10, 5), "", state_of(20000, 5));
    CHECK(harness.find(std::vector<Token>(10, 5)).length == 0 && place.files().size() == 3);
  }

  CLAIM("a file that is changed anywhere, cut off or foreign is removed with a warning, and written again");
  {
    std::mt19937 random(1);
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 300;
    for (int round = 0; round < rounds; ++round) {
      const Place place;
      FolderHarness harness(place);
      harness.folder.keep(tokens_to(20), "scope", state_of(100, 9));
      CHECK(harness.find(tokens_to(20), 0, "scope").length == 20);
      const fs::path file = place.files().front();
      const auto size = fs::file_size(file);
      warnings = 0;
      const int kind = round % 4;
      if (kind == 0) {
        fs::resize_file(file, random() % size);
      } else if (kind == 1) {
        std::ofstream(file, std::ios::binary) << "GGUF or whatever else";
      } else {
        std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
        const auto at = static_cast<std::streamoff>(random() % size);
        bytes.seekg(at);
        const char was = static_cast<char>(bytes.get());
        bytes.seekp(at);
        bytes.put(static_cast<char>(was ^ (1 << (random() % 8))));
      }
      // A change may make it one of another scope or of other tokens, but never comes out as a state.
      CHECK(harness.find(tokens_to(20), 0, "scope").length == 0 || kind > 1);
      const auto found = harness.find(tokens_to(20), 0, "scope");
      CHECK(found.length == 0 || is_filled(found.state, 100, 9));
      if (kind < 2) {
        CHECK(warnings == 1 && place.files().empty());
        harness.folder.keep(tokens_to(20), "scope", state_of(100, 9));
        CHECK(harness.find(tokens_to(20), 0, "scope").length == 20);
      }
    }
  }

#ifndef _WIN32
  CLAIM(
      "a pipe, a socket, a device or a folder in the place of a file is passed over at once, and nothing waits for it");
  {
    const std::vector<std::function<void(const fs::path&)>> things = {
        [](const fs::path& file) { CHECK(mkfifo(file.c_str(), 0600) == 0); },
        [](const fs::path& file) { fs::create_symlink("/dev/zero", file); },
        [](const fs::path& file) { fs::create_directory(file), std::ofstream(file / "inside") << "x"; },
        [](const fs::path& file) { fs::create_symlink("nowhere", file); },
        [](const fs::path& file) { fs::create_symlink(file, file); },
        // 1 TB that takes no room, with the header of a file that is as long.
        [](const fs::path& file) {
          std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
          const uint64_t state_size = (uint64_t{1} << 40) - 40 - 20 * sizeof(Token) - 5;
          bytes.seekp(24), bytes.write(reinterpret_cast<const char*>(&state_size), 8), bytes.close();
          fs::resize_file(file, uint64_t{1} << 40);
        },
    };
    for (size_t kind = 0; kind < things.size(); ++kind) {
      const Place place;
      FolderHarness harness(place);
      harness.folder.keep(tokens_to(20), "scope", state_of(100, 9));
      CHECK(harness.find(tokens_to(20), 0, "scope").length == 20);
      const fs::path file = place.files().front();
      if (kind + 1 < things.size()) fs::remove(file);
      things[kind](file);
      CHECK(harness.find(tokens_to(20), 0, "scope").length == 0);
      harness.folder.keep(tokens_to(21), "scope", state_of(100, 8));
      CHECK(harness.find(tokens_to(21), 0, "scope").length == 21);
    }
  }
#endif

  CLAIM("a folder that cannot be made is told once for each try, and nothing else happens");
  {
    const Place place;
    std::ofstream(place.folder / "prefixes") << "in the way";
    warnings = 0;
    FolderHarness harness(place);
    harness.folder.keep(tokens_to(20), "", state_of(100, 9));
    CHECK(harness.find(tokens_to(20)).length == 0);
    CHECK(warnings == 1);
  }

  CLAIM("several processes may write, read and clear the same folder at once");
  {
    const Place place;
    std::vector<std::thread> users;
    for (int user = 0; user < 4; ++user) {
      users.emplace_back([&, user] {
        std::mt19937 random(static_cast<uint32_t>(user));
        FolderHarness harness(place, 20000);
        for (int step = 0; step < 150; ++step) {
          const auto token = static_cast<Token>(random() % 8);
          if (random() % 2)
            harness.folder.keep(std::vector<Token>(30, token), "", state_of(4000, static_cast<uint8_t>(token)));
          const auto found = harness.find(std::vector<Token>(30, token));
          if (found.length > 0 && !is_filled(found.state, 4000, static_cast<uint8_t>(token))) std::abort();
        }
      });
    }
    for (std::thread& user : users) user.join();
    CHECK(place.files().size() <= 8 && place.files(".unfinished").empty());
  }
  return report();
}
