// What is wrong with a request says of which option it is.
#include "engine_harness.h"
#include "test_model.h"

using namespace caduceus;

int main() {
  Harness harness(load_test_model("CADUCEUS_TEST_SMOLLM2"), 256, 512);
  CLAIM("token ids outside the vocabulary are refused");
  RunRequest wrong = question("");
  wrong.prompt = {TokensPart{{1, 999999}}};
  const auto refused = [&] {
    const EngineError error = *harness.wait(harness.engine->submit(wrong)).end->error;
    return error.code() + " " + error.param() + ": " + error.expected() + ", not " + error.received();
  };
  const std::string all = std::to_string(harness.engine->tokenizer().size());
  CHECK(refused() == "INVALID_ARGUMENT tokens: token ids from 0 to " +
                         std::to_string(harness.engine->tokenizer().size() - 1) + ", not 999999");

  CLAIM("what is wrong with a request says of which option it is");
  wrong.prompt = {};
  CHECK(refused() == "INVALID_ARGUMENT prompt: at least one token, not no token");
  wrong = question("");
  wrong.after = 77'777;
  CHECK(refused() == "INVALID_ARGUMENT after: the id of an earlier run that has ended, not 77777");
  wrong = question("");
  wrong.sampling.logit_bias = {{999'999, 1.0f}};
  CHECK(refused() == "INVALID_ARGUMENT logitBias: token ids of this model, not 999999");
  wrong = question("");
  wrong.top_log_probabilities = 999'999;
  CHECK(refused() ==
        "INVALID_ARGUMENT topLogProbabilities: at most " + all + ", the size of the vocabulary, not 999999");
  return report();
}
