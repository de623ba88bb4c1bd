// What a device must be able to do. One implementation a folder: native/cpu, cuda/.
//
// The operations below run on a lane's thread and may take as long as they need. Their pointers are to memory of the
// device (for the CPU: host memory), contiguous and row-major; sizes have been checked by the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "core/lane.h"

namespace tensorlane {

struct DeviceInfo {
  std::string kind;  // "cpu" | "cuda"
  std::string name;
  int index = 0;
  std::uint64_t memory_bytes = 0;
  std::string library;  // who does the algebra, with its version
  unsigned threads = 1;
};

enum class SvdMode { Thin, Full, Values };

// A batch of `batch` matrices of m x n. With k = min(m, n): u is m x k (thin) or m x m (full), s is k, vt is k x n or n
// x n. u and vt are null for SvdMode::Values.
struct SvdArgs {
  DType type;
  SvdMode mode;
  std::int64_t batch, m, n;
  const void* a;
  void *u, *s, *vt;
};

// For each index of `batch_dims`: c (m x n) = a (m x k) times b (k x n). A stride counts matrices, and 0 broadcasts.
struct MatmulArgs {
  DType type;
  std::int64_t m, k, n;
  std::vector<std::int64_t> batch_dims, a_strides, b_strides;
  const void *a, *b;
  void* c;
};

// For each index of `batch_dims`: solves a (n x n) x = b (n x nrhs). Strides as in MatmulArgs.
struct SolveArgs {
  DType type;
  std::int64_t n, nrhs;
  std::vector<std::int64_t> batch_dims, a_strides, b_strides;
  const void *a, *b;
  void* x;
};

class Device {
 public:
  Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  virtual ~Device() = default;

  [[nodiscard]] virtual const DeviceInfo& info() const = 0;
  [[nodiscard]] virtual std::size_t default_lanes() const = 0;

  // Errors: NotFinite and NotConverged with the indices of the matrices in the batch, OutOfMemory.
  virtual void svd(Lane& lane, const SvdArgs& args) = 0;
  virtual void matmul(Lane& lane, const MatmulArgs& args) = 0;
  // Errors: NotFinite and Singular with the indices of the matrices in the batch, OutOfMemory.
  virtual void solve(Lane& lane, const SolveArgs& args) = 0;
};

}  // namespace tensorlane
