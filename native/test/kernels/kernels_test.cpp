// Our matrix kernels against the same product in double precision, beside ggml's own kernel for the same type. Compiled
// once for each set of instructions; those that this processor lacks are left out, and say so.
#include "kernels/kernels.h"

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "ggml-cpu.h"
#include "ggml.h"
#include "processor.h"

using caduceus::kernels::Kernel;
using caduceus::kernels::kernel_for;

namespace {

constexpr ggml_type types[] = {GGML_TYPE_Q4_0, GGML_TYPE_Q4_1, GGML_TYPE_Q5_0,   GGML_TYPE_Q5_1,
                               GGML_TYPE_Q8_0, GGML_TYPE_Q2_K, GGML_TYPE_Q3_K,   GGML_TYPE_Q4_K,
                               GGML_TYPE_Q5_K, GGML_TYPE_Q6_K, GGML_TYPE_IQ4_NL, GGML_TYPE_IQ4_XS};

std::mt19937 random_source(20261130);

float normal() { return std::normal_distribution<float>()(random_source); }

struct Problem {
  ggml_type type;
  int rows, width, columns;
  std::vector<uint8_t> file;    // weights as in a file
  std::vector<double> weights;  // what they stand for
  std::vector<float> x;

  Problem(ggml_type type, int rows, int width, int columns)
      : type(type),
        rows(rows),
        width(width),
        columns(columns),
        file(ggml_row_size(type, width) * rows),
        x(static_cast<size_t>(width) * columns) {}

  void read_weights() {
    std::vector<float> values(static_cast<size_t>(rows) * width);
    ggml_get_type_traits(type)->to_float(file.data(), values.data(), static_cast<int64_t>(values.size()));
    weights.assign(values.begin(), values.end());
  }
};

/** Weights quantized from normal numbers, activations of very different sizes. */
Problem ordinary(ggml_type type, int rows, int width, int columns) {
  Problem p(type, rows, width, columns);
  std::vector<float> values(static_cast<size_t>(rows) * width);
  for (float& v : values) v = normal() * 0.05f;
  ggml_quantize_chunk(type, values.data(), p.file.data(), 0, rows, width, nullptr);
  p.read_weights();
  for (size_t i = 0; i < p.x.size(); i++) p.x[i] = normal() * (i % 97 == 0 ? 20.0f : 1.0f);
  return p;
}

/** Any bits for codes and scales: each code, the largest scales of sub-blocks, values all at their bound. */
Problem extreme(ggml_type type, int rows, int width, int columns) {
  Problem p(type, rows, width, columns);
  std::vector<float> values(static_cast<size_t>(rows) * width);
  for (float& v : values) v = normal();
  ggml_quantize_chunk(type, values.data(), p.file.data(), 0, rows, width, nullptr);
  // Everything but the half-precision numbers, which may not become infinite.
  const size_t block = ggml_type_size(type);
  for (size_t b = 0; b < p.file.size() / block; b++) {
    uint8_t* at = p.file.data() + b * block;
    size_t first = 2, last = block;
    if (type == GGML_TYPE_Q4_1 || type == GGML_TYPE_Q5_1 || type == GGML_TYPE_Q4_K || type == GGML_TYPE_Q5_K) first = 4;
    if (type == GGML_TYPE_Q2_K) first = 0, last = block - 4;
    if (type == GGML_TYPE_Q3_K || type == GGML_TYPE_Q6_K) first = 0, last = block - 2;
    const int kind = random_source() % 3;
    for (size_t i = first; i < last; i++) at[i] = kind == 0 ? 0xff : kind == 1 ? 0 : random_source() & 0xff;
  }
  p.read_weights();
  for (float& v : p.x) v = random_source() % 2 ? 127.0f : -127.0f;
  if (columns > 1) std::fill_n(p.x.begin() + width, width, 127.0f);
  return p;
}

Problem zeros(ggml_type type, int rows, int width, int columns) {
  Problem p = ordinary(type, rows, width, columns);
  for (int n = 0; n < columns; n += 2) std::fill_n(p.x.begin() + static_cast<ptrdiff_t>(n) * width, width, 0.0f);
  for (int r = 0; r < rows; r += 3) {
    std::vector<float> none(width);
    ggml_quantize_chunk(type, none.data(), p.file.data() + ggml_row_size(type, width) * r, 0, 1, width, nullptr);
  }
  p.read_weights();
  return p;
}

/** The kernel's answer, its panels divided unevenly among threads. */
std::vector<float> ours(const Problem& p, int threads) {
  const Kernel& kernel = *kernel_for(p.type);
  const int64_t panels = (p.rows + kernel.rows - 1) / kernel.rows;
  std::vector<uint8_t> packed(kernel.packed_bytes(p.rows, p.width));
  for (int64_t first = 0; first < panels; first += 3) {
    kernel.pack(p.file.data(), packed.data(), p.rows, p.width, first, std::min(panels, first + 3));
  }
  std::vector<uint8_t> activations(kernel.activation_bytes(p.width, p.columns));
  for (int n = 0; n < p.columns; n++) {
    kernel.quantize(p.x.data() + static_cast<ptrdiff_t>(n) * p.width, activations.data(), p.width, n, p.columns);
  }
  // One number more a column, to see what is written past its end.
  const size_t stride = p.rows + 1;
  std::vector<float> out(stride * p.columns, -12345.0f);
  std::vector<std::thread> team;
  int64_t first = 0;
  for (int t = 0; t < threads; t++) {
    const int64_t last = t + 1 == threads ? panels : std::min(panels, first + 1 + panels * (t + 1) / (threads * 3));
    team.emplace_back([&, first, last] {
      kernel.multiply(packed.data(), p.rows, p.width, activations.data(), p.columns, out.data(), stride, first, last);
    });
    first = last;
  }
  for (std::thread& t : team) t.join();
  std::vector<float> dense;
  for (int n = 0; n < p.columns; n++) {
    CHECK(out[n * stride + p.rows] == -12345.0f);
    dense.insert(dense.end(), out.begin() + static_cast<ptrdiff_t>(n * stride),
                 out.begin() + static_cast<ptrdiff_t>(n * stride) + p.rows);
  }
  return dense;
}

std::vector<float> ggmls(const Problem& p) {
  const auto* traits = ggml_get_type_traits_cpu(p.type);
  const auto* other = ggml_get_type_traits_cpu(traits->vec_dot_type);
  std::vector<uint8_t> activations(ggml_row_size(traits->vec_dot_type, p.width));
  std::vector<float> out(static_cast<size_t>(p.rows) * p.columns);
  for (int n = 0; n < p.columns; n++) {
    other->from_float(p.x.data() + static_cast<ptrdiff_t>(n) * p.width, activations.data(), p.width);
    for (int r = 0; r < p.rows; r++) {
      traits->vec_dot(p.width, &out[static_cast<size_t>(n) * p.rows + r], 0,
                      p.file.data() + ggml_row_size(p.type, p.width) * r, 0, activations.data(), 0, 1);
    }
  }
  return out;
}

/** Root of the mean square of what is wrong, and of what should be there. */
struct Error {
  double wrong = 0, right = 0;
};

Error error(const Problem& p, const std::vector<float>& answer) {
  Error e;
  for (int n = 0; n < p.columns; n++) {
    for (int r = 0; r < p.rows; r++) {
      double sum = 0;
      for (int k = 0; k < p.width; k++)
        sum += p.weights[static_cast<size_t>(r) * p.width + k] * p.x[static_cast<size_t>(n) * p.width + k];
      const double difference = answer[static_cast<size_t>(n) * p.rows + r] - sum;
      CHECK(std::isfinite(difference));
      e.wrong += difference * difference;
      e.right += sum * sum;
    }
  }
  return {std::sqrt(e.wrong / answer.size()), std::sqrt(e.right / answer.size())};
}

void compare(const Problem& p, int threads, const char* what) {
  const Error own = error(p, ours(p, threads)), other = error(p, ggmls(p));
  // Both round activations to bytes, with another sign of the scale and so by chance a little more or less; what is
  // exact in one may not be in the other by the rounding of single precision.
  const double allowed = other.wrong * 1.1 + own.right * 2e-6;
  if (own.wrong > allowed) {
    std::fprintf(stderr, "%s, %s: %d x %d, %d columns: ours %.3g, ggml's %.3g of %.3g\n", what, ggml_type_name(p.type),
                 p.rows, p.width, p.columns, own.wrong, other.wrong, own.right);
  }
  CHECK(own.wrong <= allowed);
}

void compare_all(ggml_type type) {
  const int block = kernel_for(type)->block;
  for (const int columns : {1, 2, 3, 5, 7, 8, 11, 12, 13, 16, 23, 24, 25, 48, 61, 100}) {
    compare(ordinary(type, 37, block * (columns % 3 + 1), columns), 1 + columns % 3, "ordinary");
  }
  for (const int columns : {1, 4, 26}) {
    compare(extreme(type, 33, block == 32 ? 32 * 9 : 256 * 2, columns), 2, "extreme");
    compare(zeros(type, 16, block == 32 ? 32 * 19 : 256 * 3, columns), 2, "zeros");
  }
  // More columns than are multiplied at once.
  compare(ordinary(type, 17, block == 32 ? 96 : 256, 600), 2, "many columns");
  compare(ordinary(type, 9, 14336, 50), 2, "wide");
}

/** What a column comes to does not depend on those beside it, nor on the division among threads: not by a bit. */
void compare_alone(ggml_type type) {
  const Problem together = ordinary(type, 48, kernel_for(type)->block == 32 ? 2080 : 2304, 41);
  const std::vector<float> all = ours(together, 3);
  for (const int n : {0, 11, 12, 30, 40}) {
    Problem alone = together;
    alone.columns = 1;
    const auto first = together.x.begin() + static_cast<ptrdiff_t>(n) * together.width;
    alone.x.assign(first, first + together.width);
    CHECK(std::memcmp(ours(alone, 1).data(), all.data() + static_cast<ptrdiff_t>(n) * together.rows,
                      together.rows * sizeof(float)) == 0);
  }
}

}  // namespace

int main() {
  const char* instructions = caduceus::kernels::kernel_instructions();
  if (!instructions) {
    std::fprintf(stderr, "No kernels for this processor.\n");
    return report();
  }
  if (!processor_has(instructions)) {
    std::fprintf(stderr, "Left out: this processor has no %s.\n", instructions);
    return report();
  }
  ggml_cpu_init();
  CLAIM((std::string(instructions) + ": no type errs more than ggml's own kernel").c_str());
  for (const ggml_type type : types) {
    CHECK(kernel_for(type));
    compare_all(type);
  }
  CLAIM("a column's result is the same alone, among others and with any number of threads");
  for (const ggml_type type : types) compare_alone(type);
  CLAIM("packed weights need at most 4 % more memory than in the file");
  for (const ggml_type type : types) {
    const double file = static_cast<double>(ggml_row_size(type, 4096)) * 4096;
    CHECK(kernel_for(type)->packed_bytes(4096, 4096) <= file * 1.04);
  }
  CLAIM("other types are left to ggml");
  for (const ggml_type type : {GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_IQ2_XXS, GGML_TYPE_TQ1_0}) {
    CHECK(!kernel_for(type));
  }
  return report();
}
