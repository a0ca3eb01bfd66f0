#include "cache/prefix_folder.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <random>

#include "cache/prefix_file.h"
#include "platform/files.h"
#include "platform/runtime.h"

namespace caduceus {
namespace {

namespace fs = std::filesystem;

std::string hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016" PRIx64, value);
  return text;
}

void remove_with_warning(const fs::path& file, const std::string& why) {
  std::error_code failed;
  const bool removed = fs::remove(file, failed) && !failed;
  log_line(LogLevel::warn, "caduceus: the kept prefix " + to_name(file) + " " + why +
                               (removed ? " and has been removed." : "; remove it."));
}

// All prefix files of the folder, as far as it can be listed: other processes may be adding and removing some.
std::vector<fs::path> files_in(const fs::path& folder, const std::string& beginning, const std::string& ending) {
  std::vector<fs::path> files;
  std::error_code failed;
  for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
    const std::string name = to_name(it->path().filename());
    if (name.starts_with(beginning) && name.ends_with(ending)) files.push_back(it->path());
  }
  return files;
}

}  // namespace

PrefixFolder::PrefixFolder(fs::path folder, uint64_t most_bytes, fs::path model, std::string settings,
                           std::function<void(LookupResult)> on_result)
    : folder_(std::move(folder)),
      most_bytes_(most_bytes),
      model_(std::move(model)),
      settings_(std::move(settings)),
      on_result_(std::move(on_result)) {
  thread_ = LargeStackThread([this] { loop(); });
}

PrefixFolder::~PrefixFolder() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_one();
  thread_.join();
}

void PrefixFolder::push(Job job) {
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  ready_.notify_one();
}

void PrefixFolder::keep(std::vector<Token> tokens, std::string scope, SavedState state) {
  push(Keep{std::move(tokens), std::move(scope), std::move(state)});
}

void PrefixFolder::find(RunId run, std::vector<Token> tokens, std::string scope, uint32_t more_than) {
  push(Lookup{run, std::move(tokens), std::move(scope), more_than});
}

bool PrefixFolder::contains(std::span<const Token> tokens, const std::string& scope) const {
  std::error_code failed;
  return identity_ != 0 && fs::exists(file_of(tokens, scope), failed);
}

fs::path PrefixFolder::file_of(std::span<const Token> tokens, const std::string& scope) const {
  const uint64_t key = hash_bytes({reinterpret_cast<const uint8_t*>(scope.data()), scope.size()}, identity_);
  return folder_ /
         (hex(identity_) + "-" +
          hex(hash_bytes({reinterpret_cast<const uint8_t*>(tokens.data()), tokens.size_bytes()}, key)) + ".prefix");
}

void PrefixFolder::loop() {
  identity_ = hash_model(model_, settings_);
  for (;;) {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    const bool stopping = stopping_;
    lock.unlock();
    // A failure here is never fatal: the prompt is computed instead.
    try {
      if (const auto* keep = std::get_if<Keep>(&job)) write(*keep);
      if (const auto* find = std::get_if<Lookup>(&job); find && !stopping) on_result_(read(*find));
    } catch (const std::exception& error) {
      log_line(LogLevel::warn, std::string("caduceus: the folder of kept prefixes cannot be used: ") + error.what());
      if (const auto* find = std::get_if<Lookup>(&job)) on_result_(LookupResult{find->run});
    }
  }
}

void PrefixFolder::write(const Keep& job) {
  if (identity_ == 0 || job.state.size > most_bytes_ || contains(job.tokens, job.scope)) return;
  if (!fs::exists(folder_)) {
    fs::create_directories(folder_);
    std::error_code ignored;
    fs::permissions(folder_, fs::perms::owner_all, ignored);
  }
  const fs::path file = file_of(job.tokens, job.scope);
  fs::path unfinished = file;
  unfinished += '.';
  unfinished += hex((uint64_t{std::random_device{}()} << 32) | std::random_device{}());
  unfinished += ".unfinished";
  if (!write_prefix_file(unfinished, identity_, job.scope, job.tokens, job.state.bytes())) {
    log_line(LogLevel::warn,
             "caduceus: the prefix " + to_name(file) + " cannot be written; is the disk full or the folder not ours?");
    return;
  }
  std::error_code failed;
  fs::rename(unfinished, file, failed);
  if (failed) fs::remove(unfinished, failed);
  enforce_limit(file);
}

PrefixFolder::LookupResult PrefixFolder::read(const Lookup& job) {
  struct Candidate {
    fs::path file;
    PrefixHeader header;
    uint32_t length;
  };
  std::vector<Candidate> candidates;
  for (const fs::path& file : files_in(folder_, hex(identity_) + "-", ".prefix")) {
    auto header = read_prefix_header(file);
    if (!header || header->identity != identity_) {
      // Another process may have removed it since it was listed.
      if (std::error_code failed; fs::exists(file, failed)) remove_with_warning(file, "is not what its name says");
      continue;
    }
    // Larger than this folder's limit: memory may not suffice for it.
    if (header->scope != job.scope || header->state_size > most_bytes_) continue;
    const auto [end, _] =
        std::mismatch(header->tokens.begin(), header->tokens.end(), job.tokens.begin(), job.tokens.end());
    const auto length = static_cast<uint32_t>(end - header->tokens.begin());
    if (length > job.more_than) candidates.push_back({file, std::move(*header), length});
  }
  // The longest match first; among equals, the state with the fewest other tokens.
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.length != b.length ? a.length > b.length : a.header.tokens.size() < b.header.tokens.size();
  });
  for (const auto& [file, header, length] : candidates) {
    SavedState state = read_prefix_state(file, header);
    std::error_code failed;
    if (state.size > 0) {
      fs::last_write_time(file, fs::file_time_type::clock::now(), failed);  // used just now
      return {job.run, length, static_cast<uint32_t>(header.tokens.size()), std::move(state)};
    }
    if (fs::exists(file, failed)) remove_with_warning(file, "is damaged");
  }
  return {job.run};
}

// Removes the least recently used files. Another process may do the same at the same time, so missing files are no
// error.
void PrefixFolder::enforce_limit(const fs::path& newest) {
  struct Entry {
    fs::path file;
    fs::file_time_type used;
    uint64_t size;
  };
  std::vector<Entry> entries;
  uint64_t total = 0;
  std::error_code failed;
  for (const fs::path& file : files_in(folder_, "", ".prefix")) {
    const auto size = fs::file_size(file, failed);
    if (failed) continue;
    const auto used = fs::last_write_time(file, failed);
    if (failed) continue;
    total += size;
    if (file != newest) entries.push_back({file, used, size});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.used < b.used; });
  for (const Entry& entry : entries) {
    if (total <= most_bytes_) break;
    fs::remove(entry.file, failed);
    total -= entry.size;
  }
  // Left by a process that was killed while writing.
  for (const fs::path& file : files_in(folder_, "", ".unfinished")) {
    const auto written = fs::last_write_time(file, failed);
    if (!failed && fs::file_time_type::clock::now() - written > std::chrono::hours(1)) fs::remove(file, failed);
  }
}

}  // namespace caduceus
