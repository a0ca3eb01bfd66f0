#include "constraint/constraint_compiler.h"

#include <algorithm>

#include "platform/runtime.h"
#include "scheduler/run.h"

namespace caduceus {
namespace {

// Between two looks at the time of a compilation that gets no processor.
constexpr std::chrono::steady_clock::duration shortest_wait = std::chrono::milliseconds(10);

size_t hash_of(const ConstraintSpec& spec) { return std::hash<std::string>{}(spec.text); }

bool is_same(const ConstraintSpec& a, const ConstraintSpec& b) { return a.kind == b.kind && a.text == b.text; }

EngineError takes_too_long(std::chrono::milliseconds limit) {
  return EngineError("CONSTRAINT_TOO_COMPLEX", "The constraint is too complex: compiling it took more than " +
                                                   std::to_string(limit.count()) +
                                                   " ms of processor time; simplify the schema or grammar.");
}

EngineError all_take_too_long(size_t others) {
  return EngineError("CONSTRAINT_TOO_COMPLEX", "The constraint cannot be compiled at the moment, since " +
                                                   std::to_string(others) + " others take too long; try again later.");
}

}  // namespace

ConstraintCompiler::ConstraintCompiler(const Tokenizer& tokenizer, Limits limits, std::function<void(Answer)> answer,
                                       Compile compile)
    : tokenizer_(tokenizer), limits_(limits), answer_(std::move(answer)), compile_(std::move(compile)), thread_([this] {
        loop();
      }) {}

ConstraintCompiler::~ConstraintCompiler() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
  // Those that are under way still use what follows here.
  works_.clear();
}

std::shared_ptr<const Grammar> ConstraintCompiler::find(const ConstraintSpec& spec) {
  const size_t hash = hash_of(spec);
  std::lock_guard lock(mutex_);
  return find_locked(spec, hash);
}

void ConstraintCompiler::compile(RunId run, const ConstraintSpec& spec, const std::string& scope) {
  if (spec.text.size() > limits_.text_bytes) {
    throw EngineError("CONSTRAINT_TOO_COMPLEX", "The constraint is too large to be enforced: it has " +
                                                    std::to_string(spec.text.size()) + " bytes and may have " +
                                                    std::to_string(limits_.text_bytes) +
                                                    "; simplify the schema or grammar.");
  }
  Job job{run, spec, hash_of(spec), scope};
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  changed_.notify_all();
}

void ConstraintCompiler::forget(RunId run) {
  std::lock_guard lock(mutex_);
  std::erase_if(jobs_, [run](const Job& job) { return job.run == run; });
  for (const auto& work : works_) std::erase(work->runs, run);
}

size_t ConstraintCompiler::cached() const {
  std::lock_guard lock(mutex_);
  return cache_.size();
}

std::shared_ptr<const Grammar> ConstraintCompiler::find_locked(const ConstraintSpec& spec, size_t hash) {
  const auto it = std::find_if(cache_.begin(), cache_.end(), [&](const Entry& entry) {
    return entry.hash == hash && entry.kind == spec.kind && entry.text == spec.text;
  });
  if (it == cache_.end()) return nullptr;
  cache_.splice(cache_.begin(), cache_, it);
  return it->grammar;
}

// Gives what has to go for it, to be freed without the lock.
std::list<ConstraintCompiler::Entry> ConstraintCompiler::keep(const Job& job, std::shared_ptr<const Grammar> grammar) {
  cache_.push_front({job.spec.kind, job.spec.text, job.hash, std::move(grammar)});
  // Those in use have grown since they came.
  const auto bytes = [](const Entry& entry) { return entry.text.size() + entry.grammar->bytes(); };
  size_t all = 0;
  for (const Entry& entry : cache_) all += bytes(entry);
  std::list<Entry> dropped;
  while (cache_.size() > limits_.cached || (all > limits_.cached_bytes && cache_.size() > 1)) {
    all -= std::min(all, bytes(cache_.back()));
    dropped.splice(dropped.end(), cache_, std::prev(cache_.end()));
  }
  return dropped;
}

// -- the compiler's thread --

void ConstraintCompiler::loop() {
  if (!compile_) {
    compile_ = [this](const ConstraintSpec& spec) {
      return std::make_shared<Grammar>(vocabulary(), spec.kind, spec.text);
    };
    // Before the first constraint, whose time it then does not count against.
    try {
      vocabulary();
    } catch (const std::exception&) {
      // Each constraint tries again.
    }
  }
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto now = Clock::now();
    Outcome outcome = progress(now);
    if (outcome.answers.empty() && outcome.ended.empty()) {
      if (const auto next = next_event(now))
        changed_.wait_until(lock, *next);
      else
        changed_.wait(lock);
      continue;
    }
    lock.unlock();
    outcome.ended.clear();
    for (Answer& answer : outcome.answers) answer_(std::move(answer));
    lock.lock();
  }
}

ConstraintCompiler::Outcome ConstraintCompiler::progress(Clock::time_point now) {
  Outcome outcome;
  for (auto it = works_.begin(); it != works_.end();) settle(it++, now, outcome);
  serve_jobs(now, outcome);
  return outcome;
}

// Tells the runs that wait for it when it has ended, or when its time is over.
void ConstraintCompiler::settle(Works::iterator work, Clock::time_point now, Outcome& outcome) {
  Work& it = **work;
  const bool late = it.late || (!it.done && time_left(it).count() <= 0);
  if (late && !it.late) it.answer = {0, nullptr, takes_too_long(limits_.cpu), milliseconds(now - it.started)};
  if (it.done || late) {
    for (const RunId run : std::exchange(it.runs, {})) {
      outcome.answers.push_back(it.answer);
      outcome.answers.back().run = run;
    }
  }
  it.late = late;
  if (it.done) outcome.ended.splice(outcome.ended.end(), works_, work);
}

void ConstraintCompiler::serve_jobs(Clock::time_point now, Outcome& outcome) {
  std::erase_if(jobs_, [&](const Job& job) { return serve_at_once(job, outcome); });
  for (auto next = next_to_start(now); next != jobs_.end(); next = next_to_start(now)) {
    Job job = std::move(*next);
    jobs_.erase(next);
    start(std::move(job), now, outcome);
    // Others may ask for the same.
    std::erase_if(jobs_, [&](const Job& waiting) { return serve_at_once(waiting, outcome); });
  }
}

// What needs no thread of its own, or will get none in time.
bool ConstraintCompiler::serve_at_once(const Job& job, Outcome& outcome) {
  const auto answer = [&](std::shared_ptr<const Grammar> grammar, std::optional<EngineError> error) {
    outcome.answers.push_back({job.run, std::move(grammar), std::move(error), 0});
    return true;
  };
  if (auto grammar = find_locked(job.spec, job.hash)) return answer(std::move(grammar), std::nullopt);
  size_t late = 0;
  size_t late_of_scope = 0;
  for (const auto& work : works_) {
    if (work->late) {
      ++late;
      late_of_scope += work->job.scope == job.scope ? 1 : 0;
    }
    if (work->job.hash != job.hash || !is_same(work->job.spec, job.spec)) continue;
    if (work->late) return answer(nullptr, takes_too_long(limits_.cpu));
    work->runs.push_back(job.run);
    return true;
  }
  if (late_of_scope >= limits_.threads_of_scope) return answer(nullptr, all_take_too_long(late_of_scope));
  if (late >= limits_.threads) return answer(nullptr, all_take_too_long(late));
  return false;
}

std::vector<ConstraintCompiler::Job>::iterator ConstraintCompiler::next_to_start(Clock::time_point now) {
  const auto is_quick = [&](const auto& work) { return !work->done && now - work->started < limits_.quick; };
  if (works_.size() >= limits_.threads ||
      static_cast<size_t>(std::count_if(works_.begin(), works_.end(), is_quick)) >= limits_.quick_at_once)
    return jobs_.end();
  // The scopes take turns.
  std::erase_if(turns_, [&](const auto& turn) {
    return threads_of(turn.first) == 0 &&
           std::none_of(jobs_.begin(), jobs_.end(), [&](const Job& job) { return job.scope == turn.first; });
  });
  auto next = jobs_.end();
  uint64_t earliest = UINT64_MAX;
  for (auto job = jobs_.begin(); job != jobs_.end(); ++job) {
    const auto turn = turns_.find(job->scope);
    const uint64_t last = turn == turns_.end() ? 0 : turn->second;
    if (last >= earliest || threads_of(job->scope) >= limits_.threads_of_scope) continue;
    earliest = last;
    next = job;
  }
  return next;
}

size_t ConstraintCompiler::threads_of(const std::string& scope) const {
  return static_cast<size_t>(
      std::count_if(works_.begin(), works_.end(), [&](const auto& work) { return work->job.scope == scope; }));
}

void ConstraintCompiler::start(Job job, Clock::time_point now, Outcome& outcome) {
  auto work = std::make_unique<Work>();
  const RunId run = job.run;
  work->runs = {run};
  work->job = std::move(job);
  work->started = now;
  turns_[work->job.scope] = ++turn_;
  try {
    work->thread = LargeStackThread([this, at = work.get()] { this->run(*at); });
  } catch (...) {
    outcome.answers.push_back({run, nullptr, EngineError::current(), 0});
    return;
  }
  works_.push_back(std::move(work));
}

// When there is something to do again that nobody tells of.
std::optional<ConstraintCompiler::Clock::time_point> ConstraintCompiler::next_event(Clock::time_point now) const {
  std::optional<Clock::time_point> next;
  for (const auto& work : works_) {
    const auto consider = [&](Clock::time_point at) { next = next ? std::min(*next, at) : at; };
    if (work->started + limits_.quick > now) consider(work->started + limits_.quick);
    // Its time cannot be over earlier.
    if (!work->late) consider(now + std::max(shortest_wait, std::chrono::ceil<Clock::duration>(time_left(*work))));
  }
  return next;
}

std::chrono::duration<double, std::milli> ConstraintCompiler::time_left(const Work& work) const {
  return limits_.cpu - std::chrono::duration<double, std::milli>(work.number ? thread_running_ms(*work.number) : 0);
}

// -- a compilation's own thread --

std::shared_ptr<const ConstraintVocabulary> ConstraintCompiler::vocabulary() {
  std::lock_guard lock(vocabulary_mutex_);
  try {
    if (!vocabulary_) vocabulary_ = std::make_shared<ConstraintVocabulary>(tokenizer_);
  } catch (const std::exception& error) {
    throw EngineError("ENGINE_FAILED",
                      std::string("The model's vocabulary cannot be prepared for constraints: ") + error.what());
  }
  return vocabulary_;
}

void ConstraintCompiler::run(Work& work) {
  const auto before = Clock::now();
  {
    std::lock_guard lock(mutex_);
    work.number = calling_thread();
  }
  const AssertionGuard guard;
  Answer answer;
  try {
    answer.grammar = compile_(work.job.spec);
  } catch (const EngineError& error) {
    answer.error = error;
  } catch (const std::exception& error) {
    answer.error = EngineError("CONSTRAINT_TOO_COMPLEX",
                               std::string("The constraint could not be compiled: ") + error.what() + ".");
  }
  answer.took_ms = milliseconds(Clock::now() - before);
  std::list<Entry> dropped;
  {
    std::lock_guard lock(mutex_);
    // What came too late serves the next one that asks.
    if (answer.grammar) dropped = keep(work.job, answer.grammar);
    work.answer = std::move(answer);
    work.done = true;
    // Under the lock: without it the work may be gone by now.
    changed_.notify_all();
  }
}

}  // namespace caduceus
