// The draft policy on a machine whose times are known: it drafts where that pays, and stops where it does not.
#include "speculative/draft_policy.h"

#include "speculative/draft_budget.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "check.h"

using namespace caduceus;

namespace {

// SmolLM2-135M on 2 threads, by rows; between the measured ones a straight line.
double smollm2_ms(uint32_t rows) {
  static const std::vector<std::pair<double, double>> measured{{1, 7.1},  {2, 14.0},  {3, 17.1}, {4, 20.8},
                                                               {5, 25.9}, {6, 29.3},  {7, 34.3}, {8, 36.7},
                                                               {12, 46},  {15, 59.9}, {16, 61},  {64, 250}};
  const auto right = std::lower_bound(measured.begin(), measured.end(), rows,
                                      [](const auto& point, uint32_t at) { return point.first < at; });
  if (right == measured.begin()) return right->second;
  const auto left = right - 1;
  return left->second + (right->second - left->second) * (rows - left->first) / (right->first - left->first);
}

double proportional_ms(uint32_t rows) { return 7.0 * rows; }

struct Outcome {
  int drafted = 0;
  int accepted = 0;
  int tokens = 0;
  double ms = 0;
};

// So many steps of `streams` runs, whose guesses come true with a probability of `share`.
Outcome run(DraftPolicy& policy, uint32_t streams, double share, int steps, double (*time)(uint32_t) = smollm2_ms,
            double noise = 0) {
  std::mt19937 random(streams);
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<PromptLookupAcceptance> runs(streams);
  Outcome ran;
  for (int step = 0; step < steps; ++step) {
    std::vector<std::pair<double, uint32_t>> candidates;
    for (uint32_t i = 0; i < streams; ++i) {
      for (int power = 1; power <= 3; ++power) candidates.emplace_back(std::pow(runs[i].value(), power), i);
    }
    std::sort(candidates.rbegin(), candidates.rend());
    std::vector<double> chances;
    for (const auto& candidate : candidates) chances.push_back(candidate.first);
    const uint32_t count = policy.choose(streams, chances);
    CHECK(count <= DraftPolicy::most_drafts);
    std::vector<uint32_t> drafts(streams, 0);
    for (uint32_t i = 0; i < count; ++i) ++drafts[candidates[i].second];
    for (uint32_t i = 0; i < streams; ++i) {
      for (uint32_t at = 0; at <= drafts[i]; ++at) {
        ++ran.tokens;
        const bool accepted = uniform(random) < share;
        runs[i].observe(accepted);
        if (!accepted) break;
        ran.accepted += at < drafts[i];
      }
    }
    ran.drafted += static_cast<int>(count);
    double ms = time(streams + count) * (1 + noise * uniform(random));
    ran.ms += ms;
    if (noise > 0 && uniform(random) < 0.05) ms *= 10;  // another program had the processor
    policy.measured(streams + count, ms);
  }
  return ran;
}

}  // namespace

int main() {
  CLAIM("the acceptance rate follows what came true lately");
  PromptLookupAcceptance lookup;
  for (int i = 0; i < 15; ++i) lookup.observe(true);
  CHECK(lookup.value() > 0.9);
  for (int i = 0; i < 15; ++i) lookup.observe(false);
  CHECK(lookup.value() < 0.1);

  CLAIM("never is never, and always is as many as there is room for");
  DraftPolicy never(Drafts::never), always(Drafts::always);
  const std::vector<double> sure(10, 1.0), hopeless(10, 0.0);
  CHECK(!never.is_on() && never.choose(1, sure) == 0);
  CHECK(always.choose(1, hopeless) == 3 && always.choose(1, std::span(sure).first(2)) == 2 &&
        always.choose(1, {}) == 0);
  CHECK(always.choose(62, sure) == 2 && always.choose(64, sure) == 0 && always.choose(100, sure) == 0);

  CLAIM("nothing is drafted before it is known what a step takes without");
  DraftPolicy fresh(Drafts::paying);
  CHECK(fresh.choose(1, sure) == 0);

  CLAIM("a stream that copies text gets three drafts a step, and needs a fifth less time at least");
  DraftPolicy copying(Drafts::paying);
  const Outcome copied = run(copying, 1, 0.98, 2000);
  CHECK(copied.drafted > 5000 && copied.accepted > 0.9 * copied.drafted);
  CHECK(copied.ms / copied.tokens < 0.8 * smollm2_ms(1));

  CLAIM("where nothing comes true, hardly anything is drafted, and that costs less than a hundredth");
  for (const uint32_t streams : {1u, 3u, 15u}) {
    DraftPolicy policy(Drafts::paying);
    const Outcome ran = run(policy, streams, 0.0, 2000);
    CHECK(ran.drafted <= 20 && ran.ms / ran.tokens < 1.01 * smollm2_ms(streams) / streams);
  }

  CLAIM(
      "two in three are enough where a row is nearly free (15 and 16), one in three is not where it costs a whole step "
      "(1 and 2)");
  DraftPolicy fifteen(Drafts::paying), one(Drafts::paying);
  CHECK(run(fifteen, 15, 0.67, 2000).drafted > 1500);
  CHECK(run(one, 1, 0.35, 2000).drafted < 100);

  CLAIM("where a row always costs as much as a token, nothing is drafted but to measure that now and then");
  DraftPolicy dear(Drafts::paying);
  const Outcome refused = run(dear, 1, 0.9, 4000, proportional_ms);
  CHECK(refused.drafted > 0 && refused.drafted < 4000 / 10);
  CHECK(refused.ms / refused.tokens < 1.02 * proportional_ms(1));

  CLAIM("whatever comes true how often, drafts cost no more than a few hundredths, on a disturbed machine too");
  for (const uint32_t streams : {1u, 2u, 3u, 4u, 7u, 8u, 12u, 15u, 60u}) {
    for (const double share : {0.0, 0.2, 0.4, 0.6, 0.8, 0.95}) {
      for (const double noise : {0.0, 0.3}) {
        DraftPolicy policy(Drafts::paying), off(Drafts::never);
        const Outcome with = run(policy, streams, share, 1000, smollm2_ms, noise);
        const Outcome without = run(off, streams, share, 1000, smollm2_ms, noise);
        CHECK(with.ms / with.tokens < 1.06 * without.ms / without.tokens);
      }
    }
  }

  CLAIM("when the machine changes, so does the choice");
  DraftPolicy moved(Drafts::paying);
  CHECK(run(moved, 1, 0.98, 500).drafted > 1000);
  CHECK(run(moved, 1, 0.98, 1000, proportional_ms).ms > 0);
  CHECK(run(moved, 1, 0.98, 1000, proportional_ms).drafted < 100);
  CHECK(run(moved, 1, 0.98, 1000).ms > 0);
  CHECK(run(moved, 1, 0.98, 1000).drafted > 2500);

  CLAIM("a draft model is believed at first, and by what was accepted of tokens as probable as that one soon");
  DraftModelAcceptance acceptance;
  CHECK(acceptance.chance(0.99) > 0.9 && acceptance.chance(0.05) < 0.1 && acceptance.mean() > 0.4 &&
        acceptance.mean() < 0.7);
  for (int i = 0; i < 40; ++i) acceptance.observe(0.99, false);
  CHECK(acceptance.chance(0.99) < 0.05 && acceptance.chance(0.6) > 0.5 && acceptance.mean() < 0.2);
  for (int i = 0; i < 60; ++i) acceptance.observe(0.6, true);
  CHECK(acceptance.chance(0.6) > 0.95 && acceptance.mean() > 0.8);

  CLAIM("drafting pays where accepted tokens save more than drafting and verifying takes, and longer drafts more");
  CHECK(acceptance.gain(10, 2, 1, 1) > 4 && acceptance.gain(10, 2, 1, 4) > 2.5 * acceptance.gain(10, 2, 1, 1));
  CHECK(acceptance.gain(10, 2, 9, 4) < 0 && acceptance.gain(10, 12, 1, 4) < 0 && acceptance.gain(10, 2, 1, 1, 0.1) < 0);
  DraftModelAcceptance wrong;
  for (int i = 0; i < 40; ++i) wrong.observe(0.99, false);
  CHECK(wrong.gain(10, 2, 1, 8) < 0.5);

  CLAIM("a draft model may cost sixteen steps at first, then a hundredth of the time, and what it has saved");
  DraftBudget budget;
  CHECK(!budget.allows(0.1));
  budget.computed(10, 10);
  CHECK(budget.allows(160) && !budget.allows(161));
  budget.spent(200);
  CHECK(!budget.allows(0));
  for (int i = 0; i < 500; ++i) budget.computed(10, 10);
  CHECK(budget.allows(9) && !budget.allows(11));
  budget.saved(1e6);
  budget.computed(10, 10);
  CHECK(budget.allows(2560) && !budget.allows(2561));

  CLAIM("what does not pay is tried for eight tokens at a time, ever more rarely, until it pays");
  DraftTrials trials;
  const auto tried = [&](int steps) {
    int tokens = 0;
    for (int i = 0; i < steps; ++i) {
      if (!trials.due()) continue;
      ++tokens;
      trials.tried();
    }
    return tokens;
  };
  CHECK(tried(8 + 256) == 8 && tried(8 + 512) == 8 && tried(8 + 1024) == 8 && tried(200'000) < 150);
  trials.paid();
  while (!trials.due()) {
  }
  CHECK(tried(8 + 256) == 8 && tried(8) == 8);
  return report();
}
