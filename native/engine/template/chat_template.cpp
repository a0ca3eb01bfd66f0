#include "template/chat_template.h"

#include <deque>
#include <mutex>
#include <new>

#include "platform/large_stack_thread.h"
#include "template/json_reader.h"
#include "template/program.h"

namespace caduceus {
namespace {

using templates::Failure;
using templates::Program;

// The longest of the well-known templates has some 40,000 bytes.
constexpr size_t longest_template = 1'000'000;

// The last templates, compiled. Any thread.
class Cache {
 public:
  std::shared_ptr<const Program> get(const std::string& source) {
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [text, program] : entries_)
        if (text == source) return program;
    }
    auto program = templates::compile(source);
    const std::lock_guard lock(mutex_);
    entries_.emplace_front(source, program);
    if (entries_.size() > most_) entries_.pop_back();
    return program;
  }

 private:
  static constexpr size_t most_ = 8;
  std::mutex mutex_;
  std::deque<std::pair<std::string, std::shared_ptr<const Program>>> entries_;
};

Cache& cache() {
  // Never destroyed: a rendering may still run while the process ends.
  static auto* const all = new Cache();
  return *all;
}

std::vector<PromptPart> to_parts(const templates::Text& text, size_t most) {
  std::vector<PromptPart> parts;
  text.each_run([&](std::string_view run, bool input) {
    if (parts.size() == most) templates::fail_at_limit("it builds more parts than it may");
    if (input)
      parts.emplace_back(TextPart{std::string(run)});
    else
      parts.emplace_back(ControlPart{std::string(run)});
  });
  return parts;
}

RenderedTemplate render(const std::string& source, const std::string& variables, const templates::Limits& limits) {
  RenderedTemplate result;
  const templates::Meter meter(limits);
  try {
    if (source.size() > longest_template)
      throw Failure("it has " + std::to_string(source.size()) + " bytes, more than " +
                    std::to_string(longest_template));
    const auto program = cache().get(source);
    const templates::Owned owned;
    templates::Run run(*program, *templates::read_variables(variables));
    run.execute(program->body);
    result.parts = to_parts(run.take_output(), limits.parts);
  } catch (const Failure& failure) {
    result.failure = failure.what();
    result.is_limit = failure.is_limit;
    if (!failure.is_raised && !failure.is_limit && failure.line > 0)
      result.failure += " (line " + std::to_string(failure.line) + ")";
  } catch (const std::bad_alloc&) {
    result.failure = "there is not enough memory";
    result.is_limit = true;
  } catch (const std::exception& error) {
    result.failure = error.what();
  }
  if (!result.failure.empty()) result.parts.clear();
  return result;
}

}  // namespace

RenderedTemplate render_template(const std::string& source, const std::string& variables,
                                 const templates::Limits& limits) {
  RenderedTemplate result;
  LargeStackThread thread([&] { result = render(source, variables, limits); });
  thread.join();
  return result;
}

}  // namespace caduceus
