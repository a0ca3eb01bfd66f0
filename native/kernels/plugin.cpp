// A buffer type for ggml-cpu, by which weights are packed for our kernels and multiplied by them, in ggml's own graph
// and threads. The only file that touches what ggml-cpu has for its own buffer types (traits.h): the assertions below
// and kernel_plugin_test fail when a new llama.cpp changes it.
#include "plugin.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "ggml-backend-impl.h"
#include "ggml-cpu-impl.h"
#include "ggml-cpu.h"
#include "packing.h"
#include "traits.h"

namespace caduceus::kernels {
namespace {

static_assert(std::is_same_v<decltype(&ggml::cpu::tensor_traits::work_size),
                             bool (ggml::cpu::tensor_traits::*)(int, const ggml_tensor*, size_t&)>);
static_assert(std::is_same_v<decltype(&ggml::cpu::tensor_traits::compute_forward),
                             bool (ggml::cpu::tensor_traits::*)(ggml_compute_params*, ggml_tensor*)>);
static_assert(std::is_same_v<decltype(&ggml::cpu::extra_buffer_type::supports_op),
                             bool (ggml::cpu::extra_buffer_type::*)(ggml_backend_dev_t, const ggml_tensor*)>);
static_assert(std::is_same_v<decltype(&ggml::cpu::extra_buffer_type::get_tensor_traits),
                             ggml::cpu::tensor_traits* (ggml::cpu::extra_buffer_type::*)(const ggml_tensor*)>);
static_assert(
    std::is_same_v<decltype(&ggml_backend_cpu_get_extra_buffer_types), std::vector<ggml_backend_buffer_type_t>& (*)()>);
static_assert(std::is_same_v<decltype(&ggml_threadpool_chunk_add), int (*)(ggml_threadpool*, int)>);

ggml_backend_buffer_type_t buffer_type();

/** The kernel for a matrix of weights, or null where ggml has to multiply it. */
const Kernel* kernel_of(const ggml_tensor* weights) {
  const Kernel* kernel = kernel_for(weights->type);
  if (!kernel || weights->view_src || weights->ne[2] != 1 || weights->ne[3] != 1) return nullptr;
  return weights->ne[0] % kernel->block == 0 && ggml_is_contiguous(weights) ? kernel : nullptr;
}

bool is_ours(const ggml_tensor* weights) { return weights->buffer && weights->buffer->buft == buffer_type(); }

const float* column(const ggml_tensor* x, int64_t n) {
  const int64_t i1 = n % x->ne[1], i2 = n / x->ne[1] % x->ne[2], i3 = n / (x->ne[1] * x->ne[2]);
  return reinterpret_cast<const float*>(static_cast<const char*>(x->data) + i1 * x->nb[1] + i2 * x->nb[2] +
                                        i3 * x->nb[3]);
}

struct Multiplication : ggml::cpu::tensor_traits {
  bool work_size(int, const ggml_tensor* op, size_t& size) override {
    if (op->op != GGML_OP_MUL_MAT) return false;
    size = kernel_of(op->src[0])->activation_bytes(op->src[0]->ne[0], ggml_nrows(op->src[1]));
    return true;
  }

  bool compute_forward(ggml_compute_params* params, ggml_tensor* op) override {
    if (op->op != GGML_OP_MUL_MAT) return false;
    const ggml_tensor *weights = op->src[0], *x = op->src[1];
    const Kernel& kernel = *kernel_of(weights);
    const int64_t width = weights->ne[0], rows = weights->ne[1];
    const int columns = static_cast<int>(ggml_nrows(x));
    for (int n = params->ith; n < columns; n += params->nth) {
      kernel.quantize(column(x, n), params->wdata, width, n, columns);
    }
    const int64_t panels = (rows + kernel.rows - 1) / kernel.rows;
    // Several pieces for each thread, since one may be held up. The first of each is its own.
    const int pieces = params->nth == 1 ? 1 : static_cast<int>(std::min<int64_t>(panels, int64_t{4} * params->nth));
    if (params->ith == 0) ggml_threadpool_chunk_set(params->threadpool, params->nth);
    ggml_barrier(params->threadpool);
    for (int piece = params->ith; piece < pieces; piece = ggml_threadpool_chunk_add(params->threadpool, 1)) {
      kernel.multiply(static_cast<const uint8_t*>(weights->data), rows, width, params->wdata, columns,
                      static_cast<float*>(op->data), op->nb[1] / sizeof(float), panels * piece / pieces,
                      panels * (piece + 1) / pieces);
    }
    return true;
  }
};

struct BufferType : ggml::cpu::extra_buffer_type {
  bool supports_op(ggml_backend_dev_t, const ggml_tensor* op) override {
    if (op->op != GGML_OP_MUL_MAT || !is_ours(op->src[0]) || !kernel_of(op->src[0])) return false;
    const ggml_tensor* x = op->src[1];
    const bool on_processor = !x->buffer || ggml_backend_buft_is_host(x->buffer->buft);
    return on_processor && x->type == GGML_TYPE_F32 && x->nb[0] == sizeof(float);
  }

  ggml::cpu::tensor_traits* get_tensor_traits(const ggml_tensor* op) override {
    return op->op == GGML_OP_MUL_MAT && is_ours(op->src[0]) ? &multiplication : nullptr;
  }

  Multiplication multiplication;
};

Matrix matrix_of(const ggml_tensor* tensor) {
  return {*kernel_of(tensor), static_cast<uint8_t*>(tensor->data), tensor->ne[1], tensor->ne[0], tensor->nb[1]};
}

void set_tensor(ggml_backend_buffer_t, ggml_tensor* tensor, const void* data, size_t offset, size_t size) {
  GGML_ASSERT(offset == 0 && size == ggml_nbytes(tensor));
  pack(matrix_of(tensor), data);
}

/** What of our buffers the model that this thread is loading has yet to read. */
struct Loading {
  bool active = false;
  std::unordered_map<const void*, const ggml_tensor*> tensors;
};
thread_local Loading loading;

ggml_status init_tensor(ggml_backend_buffer_t, ggml_tensor* tensor) {
  if (loading.active) loading.tensors[tensor->data] = tensor;
  return GGML_STATUS_SUCCESS;
}

ggml_backend_buffer_t allocate(ggml_backend_buffer_type_t type, size_t size) {
  ggml_backend_buffer_t buffer = ggml_backend_buft_alloc_buffer(ggml_backend_cpu_buffer_type(), size);
  if (!buffer) return nullptr;
  buffer->buft = type;
  buffer->iface.init_tensor = init_tensor;
  buffer->iface.set_tensor = set_tensor;
  buffer->iface.get_tensor = nullptr;
  buffer->iface.cpy_tensor = nullptr;
  return buffer;
}

size_t allocated_size(ggml_backend_buffer_type_t, const ggml_tensor* tensor) {
  const Kernel* kernel = kernel_of(tensor);
  return kernel ? kernel->packed_bytes(tensor->ne[1], tensor->ne[0]) : ggml_nbytes(tensor);
}

ggml_backend_buffer_type_t buffer_type() {
  static const std::string name = std::string("Caduceus ") + kernel_instructions();
  static ggml_backend_buffer_type type = {
      .iface = {.get_name = [](ggml_backend_buffer_type_t) { return name.c_str(); },
                .alloc_buffer = allocate,
                .get_alignment = [](ggml_backend_buffer_type_t) { return size_t{64}; },
                .get_max_size = nullptr,
                .get_alloc_size = allocated_size,
                // To llama.cpp's loader, which then leaves the reading to `ggml_caduceus_read`.
                .is_host = [](ggml_backend_buffer_type_t) { return loading.active; }},
      .device = ggml_backend_reg_dev_get(ggml_backend_cpu_reg(), 0),
      .context = new BufferType(),
  };
  return &type;
}

}  // namespace
}  // namespace caduceus::kernels

// Read on each operation, on all of ggml's threads; written once before there is a model.
static std::atomic<bool> in_use = false;

void ggml_caduceus_use_kernels() {
  using namespace caduceus::kernels;
  if (!kernel_instructions() || in_use.exchange(true)) return;
  auto& types = ggml_backend_cpu_get_extra_buffer_types();
  types.insert(types.begin(), buffer_type());
}

void ggml_caduceus_load(bool active) {
  using namespace caduceus::kernels;
  loading = {};
  loading.active = active;
}

int ggml_caduceus_read(const void* data, CaduceusFile file, int64_t offset) {
  using namespace caduceus::kernels;
  const auto found = loading.tensors.find(data);
  return found == loading.tensors.end() ? CADUCEUS_NOT_OURS : read_and_pack(matrix_of(found->second), file, offset);
}

bool ggml_caduceus_uses_kernels() { return in_use.load(std::memory_order_relaxed); }
