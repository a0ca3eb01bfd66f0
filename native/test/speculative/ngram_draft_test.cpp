// Prompt lookup: which tokens are drafted from an earlier place with the same last tokens.
#include "speculative/ngram_draft.h"

#include "check.h"

using namespace caduceus;

namespace {

using Tokens = std::vector<Token>;

Tokens draft(const Tokens& tokens, uint32_t most = 3) { return ngram_draft(tokens, most); }

}  // namespace

int main() {
  CLAIM("what followed the last three tokens is drafted, and no more than asked for");
  CHECK((draft({1, 2, 3, 4, 5, 6, 9, 1, 2, 3}) == Tokens{4, 5, 6}));
  CHECK((draft({1, 2, 3, 4, 5, 6, 9, 1, 2, 3}, 1) == Tokens{4}));
  CHECK(draft({1, 2, 3, 4, 5, 6, 9, 1, 2, 3}, 0).empty());

  CLAIM("the latest place counts, but three tokens more than two");
  CHECK((draft({1, 2, 3, 4, 0, 1, 2, 3, 5, 0, 1, 2, 3}, 1) == Tokens{5}));
  CHECK((draft({1, 2, 3, 4, 0, 9, 2, 3, 5, 0, 1, 2, 3}, 1) == Tokens{4}));
  CHECK((draft({7, 2, 3, 4, 0, 9, 2, 3, 5, 0, 1, 2, 3}, 1) == Tokens{5}));
  CHECK((draft({2, 3, 4, 1, 2, 3}, 1) == Tokens{4}));

  CLAIM("what repeats itself up to the end goes on repeating");
  CHECK((draft({5, 1, 2, 1, 2}) == Tokens{1, 2, 1}));
  CHECK((draft({5, 7, 7, 7}) == Tokens{7, 7, 7}));
  CHECK((draft({7, 7, 7}) == Tokens{7, 7, 7}));

  CLAIM("without such a place nothing is drafted");
  for (const Tokens& tokens :
       {Tokens{}, Tokens{1}, Tokens{1, 1}, Tokens{1, 2, 3}, Tokens{1, 2, 3, 4, 3}, Tokens{3, 9, 1, 2, 3}})
    CHECK(draft(tokens).empty());
  return report();
}
