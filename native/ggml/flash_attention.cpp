// Attention on the processor, independent of the number of threads and of the other rows of the batch.
//
// Our own kernel takes what chat models have: keys and values in half precision or Q8_0, heads of its sizes. The rest
// is ggml's, made independent of the number of threads: for a single row over 512 cells and more ggml gives each thread
// its own range of cells and adds up their sums, in half precision, so that another number of threads moves scores by
// up to 0.3. Such a row is divided by its heads instead, as ggml divides it over fewer cells. SmolLM2's nine heads over
// 2,048 cells take two threads 0.237 ms this way, and 0.231 ms by ranges.
//
// CMakeLists.txt compiles ggml's ops.cpp with its function under the name below, so that all who call it come here.
#include <algorithm>
#include <cstring>

#include "ggml-cpu-impl.h"
#include "kernels/attention.h"
#include "kernels/kernels.h"
#include "kernels/plugin.h"
#include "ops.h"

namespace {

using caduceus::kernels::AttentionTile;

using Attend = void (*)(const AttentionTile&);

/** Our kernel for this operation, or null if it is ggml's to compute. */
Attend kernel_of(const ggml_tensor* op) {
  const ggml_tensor *q = op->src[0], *k = op->src[1], *v = op->src[2], *mask = op->src[3], *sinks = op->src[4];
  float bias = 0, softcap = 0;
  std::memcpy(&bias, op->op_params + 1, sizeof(float));
  std::memcpy(&softcap, op->op_params + 2, sizeof(float));
  if (!ggml_caduceus_uses_kernels() || bias != 0 || softcap != 0 || sinks) return nullptr;
  if (q->type != GGML_TYPE_F32 || k->type != v->type || op->type != GGML_TYPE_F32) return nullptr;
  if (mask && (mask->type != GGML_TYPE_F16 || mask->nb[0] != sizeof(uint16_t))) return nullptr;
  if (q->nb[0] != sizeof(float) || k->nb[0] != ggml_type_size(k->type) || v->nb[0] != ggml_type_size(v->type))
    return nullptr;
  // A mask for each head would be for heads of one at a time.
  if (mask && mask->ne[2] != 1) return nullptr;
  if (k->ne[0] != v->ne[0] || k->ne[2] != v->ne[2] || k->ne[3] != v->ne[3] || q->ne[0] != k->ne[0]) return nullptr;
  return caduceus::kernels::attention_for(k->type, k->ne[0]);
}

const char* at(const ggml_tensor* t, int64_t i1, int64_t i2, int64_t i3) {
  return static_cast<const char*>(t->data) + i1 * t->nb[1] + i2 * t->nb[2] + i3 * t->nb[3];
}

/** Whether a row sees what the row before it sees, and else only later cells, as in a prompt. */
bool continues(const char* before, const char* row, int64_t cells) {
  const auto* mask = reinterpret_cast<const uint16_t*>(before);
  while (cells > 0 && mask[cells - 1] == 0xfc00) cells--;
  return std::memcmp(before, row, cells * sizeof(uint16_t)) == 0;
}

/**
 * Where there is work enough for all threads, query heads that share keys are computed together, and rows that follow
 * each other in one sequence as well; else each head of each row by itself. The sums of a query are the same.
 */
void attend(Attend kernel, const ggml_compute_params* params, ggml_tensor* op) {
  const ggml_tensor *q = op->src[0], *k = op->src[1], *v = op->src[2], *mask = op->src[3];
  const int64_t rows = q->ne[1], heads = q->ne[2], sharing = heads / k->ne[2];
  const bool together = rows * k->ne[2] * q->ne[3] >= int64_t{4} * params->nth;
  const int64_t most_heads = caduceus::kernels::most_attention_queries;
  const int64_t step = together && sharing <= most_heads ? sharing : 1;
  const int most_rows =
      !together ? 1 : static_cast<int>(std::min<int64_t>(caduceus::kernels::most_attention_rows, most_heads / step));
  const int64_t groups = heads / step * q->ne[3], units = rows * groups;
  const int64_t end = units * (params->ith + 1) / params->nth;
  for (int64_t unit = units * params->ith / params->nth; unit < end;) {
    const int64_t row = unit % rows, head = unit / rows % (heads / step) * step, batch = unit / rows / (heads / step);
    AttentionTile tile{};
    tile.rows = 1;
    tile.heads = static_cast<int>(step);
    tile.cells = k->ne[1];
    tile.queries = at(q, row, head, batch);
    tile.query_row_stride = q->nb[1];
    tile.query_head_stride = q->nb[2];
    tile.keys = at(k, 0, head / sharing, batch / (q->ne[3] / k->ne[3]));
    tile.key_stride = k->nb[1];
    tile.values = at(v, 0, head / sharing, batch / (q->ne[3] / k->ne[3]));
    tile.value_stride = v->nb[1];
    if (mask) {
      tile.mask = at(mask, row, 0, batch % mask->ne[3]);
      tile.mask_stride = mask->nb[1];
    }
    tile.out = static_cast<char*>(op->data) + (batch * heads * rows + row * heads + head) * op->nb[1];
    tile.out_row_stride = heads * op->nb[1];
    tile.out_head_stride = op->nb[1];
    std::memcpy(&tile.scale, op->op_params, sizeof(float));
    while (tile.rows < most_rows && row + tile.rows < rows && unit + tile.rows < end) {
      const char* last = tile.mask + (tile.rows - 1) * tile.mask_stride;
      if (mask && !continues(last, last + tile.mask_stride, tile.cells)) break;
      tile.rows++;
    }
    kernel(tile);
    unit += tile.rows;
  }
}

}  // namespace

extern "C" {

void caduceus_ggml_flash_attention(const ggml_compute_params* params, ggml_tensor* dst);

void ggml_compute_forward_flash_attn_ext(const ggml_compute_params* params, ggml_tensor* dst) {
  if (const Attend kernel = kernel_of(dst)) return attend(kernel, params, dst);
  ggml_compute_params own = *params;
  // "Neither tiles nor ranges". Tiles are for many rows, and stay.
  if (dst->src[0]->ne[1] == 1) own.use_ref = true;
  caduceus_ggml_flash_attention(&own, dst);
}

}  // extern "C"
