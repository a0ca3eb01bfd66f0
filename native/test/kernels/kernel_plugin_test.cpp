// Our kernels inside ggml: llama.cpp takes our buffer type for the weights it covers, and a graph gives the same
// numbers as ggml's own kernels within rounding. Fails first when a new llama.cpp changes what plugin.cpp relies on.
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "ggml-alloc.h"
#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "ggml.h"
#include "llama.h"
#include "platform/devices.h"
#include "platform/runtime.h"

namespace {

ggml_backend_dev_t processor() { return ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU); }

ggml_backend_buffer_type_t our_type() {
  const auto types = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
      caduceus::processor_function("ggml_backend_dev_get_extra_bufts"));
  CHECK(types && types(processor())[0]);
  return types(processor())[0];
}

/** weights × x, with x in three dimensions of which the rows of two have gaps, as attention has it. */
std::vector<float> product(ggml_backend_buffer_type_t type, ggml_type weight_type, int threads,
                           const std::vector<uint8_t>& weights, const std::vector<float>& x, int width, int rows) {
  ggml_context* memory = ggml_init({ggml_tensor_overhead() * 16 + ggml_graph_overhead(), nullptr, true});
  ggml_tensor* w = ggml_new_tensor_2d(memory, weight_type, width, rows);
  ggml_backend_buffer_t weight_buffer = ggml_backend_alloc_ctx_tensors_from_buft(memory, type);
  CHECK(weight_buffer);
  ggml_backend_tensor_set(w, weights.data(), 0, weights.size());
  ggml_context* graph_memory = ggml_init({ggml_tensor_overhead() * 16 + ggml_graph_overhead(), nullptr, true});
  ggml_tensor* whole = ggml_new_tensor_3d(graph_memory, GGML_TYPE_F32, width * 2, 3, 2);
  ggml_tensor* part = ggml_view_3d(graph_memory, whole, width, 3, 2, whole->nb[1], whole->nb[2], 0);
  ggml_tensor* out = ggml_mul_mat(graph_memory, w, part);
  CHECK(ggml_backend_dev_supports_op(processor(), out));
  ggml_cgraph* graph = ggml_new_graph(graph_memory);
  ggml_build_forward_expand(graph, out);
  ggml_backend_t backend = ggml_backend_dev_init(processor(), nullptr);
  ggml_backend_cpu_set_n_threads(backend, threads);
  ggml_backend_buffer_t buffer = ggml_backend_alloc_ctx_tensors(graph_memory, backend);
  ggml_backend_tensor_set(whole, x.data(), 0, x.size() * sizeof(float));
  CHECK(ggml_backend_graph_compute(backend, graph) == GGML_STATUS_SUCCESS);
  std::vector<float> result(static_cast<size_t>(rows) * 6);
  ggml_backend_tensor_get(out, result.data(), 0, result.size() * sizeof(float));
  ggml_backend_free(backend);
  ggml_backend_buffer_free(buffer);
  ggml_backend_buffer_free(weight_buffer);
  ggml_free(graph_memory);
  ggml_free(memory);
  return result;
}

void compare(ggml_type type, int rows) {
  constexpr int width = 512;
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(width) * rows), x(width * 2 * 6);
  for (float& v : values) v = normal(random);
  for (float& v : x) v = normal(random);
  std::vector<uint8_t> weights(ggml_row_size(type, width) * rows);
  ggml_quantize_chunk(type, values.data(), weights.data(), 0, rows, width, nullptr);
  const auto expected = product(ggml_backend_cpu_buffer_type(), type, 1, weights, x, width, rows);
  const auto one = product(our_type(), type, 1, weights, x, width, rows);
  const auto three = product(our_type(), type, 3, weights, x, width, rows);
  CHECK(std::memcmp(one.data(), three.data(), one.size() * sizeof(float)) == 0);
  double difference = 0, size = 0;
  for (size_t i = 0; i < one.size(); i++) {
    difference += std::pow(one[i] - expected[i], 2);
    size += std::pow(expected[i], 2);
  }
  CHECK(std::sqrt(difference / size) < 0.01);
}

/** Whether llama.cpp would put such weights into our buffers. */
bool taken(ggml_type type, int64_t width, int64_t rows, int64_t experts) {
  ggml_context* memory = ggml_init({ggml_tensor_overhead() * 8, nullptr, true});
  ggml_tensor* w = ggml_new_tensor_3d(memory, type, width, rows, experts);
  ggml_tensor* x = ggml_new_tensor_3d(memory, GGML_TYPE_F32, width, 512, experts);
  ggml_tensor* out = ggml_mul_mat(memory, w, x);
  w->buffer = ggml_backend_buft_alloc_buffer(our_type(), 0);
  const bool result = ggml_backend_dev_supports_op(processor(), out);
  ggml_backend_buffer_free(w->buffer);
  ggml_free(memory);
  return result;
}

}  // namespace

int main() {
  caduceus::ensure_backend();
  if (caduceus::matrix_kernels() == "ggml") {
    std::fprintf(stderr, "No kernels for this processor.\n");
    return report();
  }
  CLAIM("our buffer type is the first that llama.cpp is offered");
  CHECK(std::string(ggml_backend_buft_name(our_type())) == caduceus::matrix_kernels());
  CLAIM("a product in ggml's graph is that of ggml's kernels within rounding, with any number of threads the same");
  for (const ggml_type type : {GGML_TYPE_Q4_0, GGML_TYPE_Q4_1, GGML_TYPE_Q5_0, GGML_TYPE_Q8_0, GGML_TYPE_Q2_K,
                               GGML_TYPE_Q3_K, GGML_TYPE_Q4_K, GGML_TYPE_Q5_K, GGML_TYPE_Q6_K, GGML_TYPE_IQ4_NL}) {
    for (const int rows : {1, 16, 200, 3000}) compare(type, rows);
  }
  CLAIM("what we do not cover is left to ggml");
  CHECK(taken(GGML_TYPE_Q4_K, 512, 64, 1));
  CHECK(!taken(GGML_TYPE_F16, 512, 64, 1));
  CHECK(!taken(GGML_TYPE_Q4_K, 512, 64, 4));
  CLAIM("llama.cpp loads a model's weights into our buffers");
  bool found = false;
  llama_log_set(
      [](ggml_log_level, const char* text, void* seen) {
        const std::string line(text);
        if (line.find("Caduceus") != std::string::npos && line.find("buffer size") != std::string::npos) {
          *static_cast<bool*>(seen) = true;
        }
      },
      &found);
  llama_model_params parameters = llama_model_default_params();
  llama_model* model = llama_model_load_from_file(test_model("CADUCEUS_TEST_SMOLLM2").c_str(), parameters);
  CHECK(model);
  llama_model_free(model);
  CHECK(found);
  return report();
}
