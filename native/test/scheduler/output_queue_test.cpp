// The reader is woken as often as it has to be, and gets everything.
#include "scheduler/output_queue.h"

#include "check.h"

namespace {

using namespace caduceus;

constexpr std::chrono::hours forever{1};
const ScoredTokens token{.tokens = {1}, .log_probabilities = {}, .top = {}};

struct Queue {
  int wakes = 0;
  OutputQueue queue{[this] { ++wakes; }};

  // Whether this step woke the reader, who then takes `texts`.
  bool wakes_for(bool all = false) {
    const int before = wakes;
    queue.publish(all);
    return wakes > before;
  }
  std::string texts() {
    std::string all;
    for (const RunOutput& output : queue.take())
      all += std::to_string(output.id) + output.text + (output.end ? "." : "");
    return all;
  }
};

}  // namespace

int main() {
  CLAIM("without gathering, each step with output wakes the reader, once until it takes");
  {
    Queue plain;
    plain.queue.open(1);
    CHECK(!plain.wakes_for());
    plain.queue.add(1, "a", token);
    CHECK(plain.wakes_for() && !plain.wakes_for());
    plain.queue.add(1, "b", token);
    CHECK(!plain.wakes_for() && plain.texts() == "1ab");
    plain.queue.add(1, "c", token);
    CHECK(plain.wakes_for() && plain.texts() == "1c");
  }

  CLAIM("the first text of a run and its end wake the reader at once, what is between them waits");
  Queue gathered;
  gathered.queue.open(1, forever);
  gathered.queue.open(2, forever);
  gathered.queue.add(1, "a", token);
  CHECK(gathered.wakes_for() && gathered.texts() == "1a");
  gathered.queue.add(1, "b", token);
  CHECK(!gathered.wakes_for());
  gathered.queue.add(2, "x", token);
  CHECK(gathered.wakes_for() && gathered.texts() == "2x");
  gathered.queue.add(2, "y", token);
  CHECK(!gathered.wakes_for());
  gathered.queue.end(2, "z", {});
  CHECK(gathered.wakes_for() && gathered.texts() == "2yz.");

  CLAIM("when nothing follows soon, what has gathered is given");
  CHECK(!gathered.wakes_for());
  CHECK(gathered.wakes_for(true) && gathered.texts() == "1b");
  CHECK(!gathered.wakes_for(true));
  gathered.queue.add(1, "c", token);
  CHECK(gathered.texts().empty());
  CHECK(gathered.queue.take(true).front().text == "c");

  CLAIM("text has gathered when its time is over, and goes with other output from half of it on");
  Queue soon;
  soon.queue.open(1, std::chrono::milliseconds(1));
  soon.queue.open(2);
  soon.queue.add(1, "a", token);
  CHECK(soon.texts() == "1a");
  soon.queue.add(1, "b", token);
  while (!soon.wakes_for()) {
  }
  CHECK(soon.texts() == "1b");
  return report();
}
