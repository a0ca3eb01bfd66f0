// Quantizing: the file is what llama.cpp's own program writes, whatever the threads and the size of the buffers.
#include "model/quantize.h"

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "check.h"
#include "llama.h"
#include "platform/error.h"

using namespace caduceus;
namespace fs = std::filesystem;

namespace {

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string code_of(const QuantizeOptions& options) {
  try {
    quantize(options);
  } catch (const EngineError& error) {
    return error.code();
  }
  return "";
}

}  // namespace

int main() {
  const std::string model = test_model("CADUCEUS_TEST_HERMES_MODEL");
  const fs::path folder =
      fs::temp_directory_path() / ("caduceus-quantize-test-" + std::to_string(static_cast<size_t>(time(nullptr))));
  fs::create_directories(folder);
  const auto file = [&](const char* name) { return (folder / name).string(); };

  CLAIM("the bytes are those of llama_model_quantize as llama-quantize calls it, and the plan tells their number");
  const QuantizeOptions to_f16{model, file("f16.gguf"), LLAMA_FTYPE_MOSTLY_F16, 2, false, true};
  quantize(to_f16);
  for (const auto type : {LLAMA_FTYPE_MOSTLY_F16, LLAMA_FTYPE_MOSTLY_Q8_0, LLAMA_FTYPE_MOSTLY_Q4_K_M,
                          LLAMA_FTYPE_MOSTLY_Q4_0, LLAMA_FTYPE_MOSTLY_IQ4_XS, LLAMA_FTYPE_MOSTLY_IQ3_S}) {
    QuantizeOptions options{to_f16.to, file("ours.gguf"), type, 1};
    const QuantizationPlan plan = plan_quantization(options);
    CHECK(!fs::exists(options.to));
    CHECK(!plan.needs_importance_matrix);
    CHECK(plan.requantized.empty());
    quantize(options);
    llama_model_quantize_params params = llama_model_quantize_default_params();
    params.ftype = type;
    params.nthread = 2;
    CHECK(llama_model_quantize(to_f16.to.c_str(), file("theirs.gguf").c_str(), &params) == 0);
    const std::string ours = read(options.to);
    CHECK(ours == read(file("theirs.gguf")));
    // The header is what is left: mostly the vocabulary.
    CHECK(ours.size() > plan.bytes && ours.size() - plan.bytes < (2u << 20));
    fs::remove(options.to);
  }

  CLAIM("copying keeps every weight");
  quantize({to_f16.to, file("copy.gguf"), 0, 2, true});
  CHECK(read(file("copy.gguf")) == read(to_f16.to));

  CLAIM("a type that needs an importance matrix is known before, and refused");
  for (const auto type : {LLAMA_FTYPE_MOSTLY_Q2_K_S, LLAMA_FTYPE_MOSTLY_IQ2_XXS, LLAMA_FTYPE_MOSTLY_IQ1_S}) {
    const QuantizeOptions small{to_f16.to, file("small.gguf"), type, 1};
    CHECK(plan_quantization(small).needs_importance_matrix);
    CHECK(code_of(small) == "ENGINE_FAILED");
    CHECK(!fs::exists(small.to));
  }

  CLAIM(
      "what is quantized already is known before, and is not quantized again, and a damaged header is the file's "
      "fault");
  const QuantizeOptions again{model, file("again.gguf"), LLAMA_FTYPE_MOSTLY_Q4_0, 1};
  CHECK(plan_quantization(again).requantized == std::set<std::string>{"q8_0"});
  CHECK(code_of(again) == "ENGINE_FAILED");
  CHECK(plan_quantization({model, file("same.gguf"), LLAMA_FTYPE_MOSTLY_Q8_0, 1}).requantized.empty());
  std::ofstream(file("bad.gguf"), std::ios::binary) << read(model).substr(0, 1000);
  CHECK(code_of({file("bad.gguf"), file("none.gguf"), LLAMA_FTYPE_MOSTLY_Q4_0, 1}) == "MODEL_INVALID");

  fs::remove_all(folder);
  return report();
}
