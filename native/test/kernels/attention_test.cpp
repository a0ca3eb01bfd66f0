// Our attention against double precision, and its independence of what else is computed with it. Compiled once for each
// set of instructions, like kernels_test.
#include "kernels/attention.h"

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "ggml.h"
#include "kernels/kernels.h"
#include "processor.h"

using namespace caduceus::kernels;

namespace {

constexpr uint16_t unseen = 0xfc00;

struct Problem {
  int size, rows, heads, cells;
  std::vector<float> queries;
  std::vector<uint16_t> keys, values, mask;

  Problem(int size, int rows, int heads, int cells, unsigned seed = 1)
      : size(size),
        rows(rows),
        heads(heads),
        cells(cells),
        queries(static_cast<size_t>(size) * rows * heads),
        keys(static_cast<size_t>(size) * cells),
        values(keys.size()),
        mask(static_cast<size_t>(rows) * cells) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    for (float& v : queries) v = normal(random) * 2;
    for (uint16_t& v : keys) v = ggml_fp32_to_fp16(normal(random));
    for (uint16_t& v : values) v = ggml_fp32_to_fp16(normal(random));
  }

  /** Row r sees the first `from` + r cells. */
  Problem& causal(int from) {
    for (int r = 0; r < rows; r++)
      for (int c = 0; c < cells; c++) mask[static_cast<size_t>(r) * cells + c] = c < from + r ? 0 : unseen;
    return *this;
  }

  AttentionTile tile(std::vector<float>& out) const {
    AttentionTile tile{};
    tile.queries = reinterpret_cast<const char*>(queries.data());
    tile.query_head_stride = size * sizeof(float);
    tile.query_row_stride = tile.query_head_stride * heads;
    tile.keys = reinterpret_cast<const char*>(keys.data());
    tile.values = reinterpret_cast<const char*>(values.data());
    tile.key_stride = tile.value_stride = size * sizeof(uint16_t);
    tile.mask = reinterpret_cast<const char*>(mask.data());
    tile.mask_stride = cells * sizeof(uint16_t);
    tile.out = reinterpret_cast<char*>(out.data());
    tile.out_head_stride = tile.query_head_stride;
    tile.out_row_stride = tile.query_row_stride;
    tile.cells = cells;
    tile.rows = rows;
    tile.heads = heads;
    tile.scale = 1 / std::sqrt(static_cast<float>(size));
    return tile;
  }

  std::vector<float> ours() const {
    std::vector<float> out(queries.size(), -1.0f);
    const AttentionTile tile = this->tile(out);
    attention_for(GGML_TYPE_F16, size)(tile);
    return out;
  }

  /** Over the same keys and values rounded to Q8_0, which then are also what `exact` reads. */
  std::vector<float> ours_of_q8() {
    const auto rounded = [&](std::vector<uint16_t>& halves) {
      const size_t row = ggml_row_size(GGML_TYPE_Q8_0, size);
      std::vector<uint8_t> bytes(row * cells);
      std::vector<float> values(halves.size());
      ggml_fp16_to_fp32_row(halves.data(), values.data(), static_cast<int64_t>(values.size()));
      // Scales that are powers of two, for a rounded value to be one of half precision.
      for (size_t i = 0; i < values.size(); i += 32) values[i] = 127.0f / 16;
      ggml_quantize_chunk(GGML_TYPE_Q8_0, values.data(), bytes.data(), 0, cells, size, nullptr);
      ggml_get_type_traits(GGML_TYPE_Q8_0)->to_float(bytes.data(), values.data(), static_cast<int64_t>(values.size()));
      ggml_fp32_to_fp16_row(values.data(), halves.data(), static_cast<int64_t>(values.size()));
      return bytes;
    };
    const auto quantized_keys = rounded(keys), quantized_values = rounded(values);
    std::vector<float> out(queries.size(), -1.0f);
    AttentionTile tile = this->tile(out);
    tile.keys = reinterpret_cast<const char*>(quantized_keys.data());
    tile.values = reinterpret_cast<const char*>(quantized_values.data());
    tile.key_stride = tile.value_stride = ggml_row_size(GGML_TYPE_Q8_0, size);
    attention_for(GGML_TYPE_Q8_0, size)(tile);
    return out;
  }

  std::vector<double> exact() const {
    std::vector<double> out(queries.size());
    for (int r = 0; r < rows; r++) {
      for (int h = 0; h < heads; h++) {
        const size_t at = (static_cast<size_t>(r) * heads + h) * size;
        std::vector<double> scores(cells, -INFINITY);
        double most = -INFINITY, total = 0;
        for (int c = 0; c < cells; c++) {
          const double m = ggml_fp16_to_fp32(mask[static_cast<size_t>(r) * cells + c]);
          if (m == -INFINITY) continue;
          double sum = 0;
          for (int d = 0; d < size; d++)
            sum += static_cast<double>(queries[at + d]) * ggml_fp16_to_fp32(keys[static_cast<size_t>(c) * size + d]);
          scores[c] = sum * static_cast<double>(1 / std::sqrt(static_cast<float>(size))) + m;
          most = std::max(most, scores[c]);
        }
        for (int c = 0; c < cells; c++) {
          if (scores[c] == -INFINITY) continue;
          const double weight = std::exp(scores[c] - most);
          total += weight;
          for (int d = 0; d < size; d++)
            out[at + d] += weight * ggml_fp16_to_fp32(values[static_cast<size_t>(c) * size + d]);
        }
        for (int d = 0; d < size && total > 0; d++) out[at + d] /= total;
      }
    }
    return out;
  }
};

void compare(const Problem& p) {
  const auto own = p.ours();
  const auto exact = p.exact();
  for (size_t i = 0; i < own.size(); i++) CHECK(std::abs(own[i] - exact[i]) < 2e-5);
}

constexpr int sizes[] = {32, 64, 80, 96, 128, 256};

}  // namespace

int main() {
  const char* instructions = kernel_instructions();
  if (!instructions || !processor_has(instructions)) {
    std::fprintf(stderr, "Left out: this processor has no %s.\n", instructions ? instructions : "instructions of use");
    return report();
  }
  CLAIM("attention is right to 2e-5, for all head sizes, few and many cells, and masks of any kind");
  for (const int size : sizes) {
    for (const int cells : {1, 3, 15, 16, 17, 100, 1000}) {
      compare(Problem(size, 1, 1, cells).causal(cells));
      compare(Problem(size, 4, 4, cells).causal(std::max(1, cells - 3)));
      Problem scattered = Problem(size, 3, 2, cells).causal(cells);
      for (size_t i = 0; i < scattered.mask.size(); i++) scattered.mask[i] = i * 2654435761u % 7 < 3 ? 0 : unseen;
      compare(scattered);
      for (size_t i = 0; i < scattered.mask.size(); i++) scattered.mask[i] = ggml_fp32_to_fp16(-0.1f * (i % 37));
      compare(scattered);
    }
  }
  CLAIM("scores of any size give no infinity, and a row that sees nothing gives zeros");
  Problem large = Problem(64, 1, 1, 64).causal(64);
  for (float& v : large.queries) v *= 1e4f;
  compare(large);
  Problem blind = Problem(64, 2, 2, 64).causal(64);
  std::fill_n(blind.mask.begin(), 64, unseen);
  compare(blind);
  CLAIM("a query's result is the same by a bit: alone, with others, and wherever its cells lie");
  for (const int size : sizes) {
    const Problem together = Problem(size, 4, 4, 200).causal(150);
    const auto all = together.ours();
    for (int r = 0; r < 4; r++) {
      for (int h = 0; h < 4; h++) {
        Problem alone(size, 1, 1, 200);
        alone.keys = together.keys;
        alone.values = together.values;
        const size_t at = (static_cast<size_t>(r) * 4 + h) * size;
        std::copy_n(together.queries.begin() + static_cast<ptrdiff_t>(at), size, alone.queries.begin());
        std::copy_n(together.mask.begin() + r * 200, 200, alone.mask.begin());
        CHECK(std::memcmp(alone.ours().data(), all.data() + at, size * sizeof(float)) == 0);
        // The same cells, each behind one of somebody else.
        Problem apart(size, 1, 1, 400, 9);
        apart.queries = alone.queries;
        std::fill(apart.mask.begin(), apart.mask.end(), unseen);
        for (int c = 0; c < 200; c++) {
          apart.mask[c * 2 + 1] = alone.mask[c];
          std::copy_n(alone.keys.begin() + static_cast<ptrdiff_t>(c) * size, size,
                      apart.keys.begin() + (static_cast<ptrdiff_t>(c) * 2 + 1) * size);
          std::copy_n(alone.values.begin() + static_cast<ptrdiff_t>(c) * size, size,
                      apart.values.begin() + (static_cast<ptrdiff_t>(c) * 2 + 1) * size);
        }
        CHECK(std::memcmp(apart.ours().data(), all.data() + at, size * sizeof(float)) == 0);
      }
    }
  }
  CLAIM("a cache in Q8_0 gives what its values are, to 2e-5");
  for (const int size : {32, 64, 96, 128, 256}) {
    for (const int cells : {1, 17, 300}) {
      Problem p = Problem(size, 3, 3, cells).causal(std::max(1, cells - 2));
      const auto own = p.ours_of_q8();
      const auto exact = p.exact();
      for (size_t i = 0; i < own.size(); i++) CHECK(std::abs(own[i] - exact[i]) < 2e-5);
    }
  }
  CLAIM("other head sizes and types are left to ggml");
  for (const int64_t size : {1, 16, 72, 192, 512}) CHECK(!attention_for(GGML_TYPE_F16, size));
  CHECK(!attention_for(GGML_TYPE_Q8_0, 80));
  for (const int type : {GGML_TYPE_F32, GGML_TYPE_BF16, GGML_TYPE_Q4_0}) CHECK(!attention_for(type, 64));
  return report();
}
