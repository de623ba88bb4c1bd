// What a device must be able to do. One implementation a folder: native/cpu, cuda/.
//
// The operations below run on a lane's thread and may take as long as they need, or hand their work to the device and
// return (see core/lane_state.h). Operands are contiguous and row-major; their sizes have been checked by the caller.
// An operand lies in host memory, or in a Buffer of this device; for the CPU these are the same. Host memory stays
// valid, and results in host memory unread, until the task has ended.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "core/lane.h"
#include "core/reduction.h"

namespace tensorlane {

struct DeviceInfo {
  std::string kind;  // "cpu" | "cuda"
  std::string name;
  int index = 0;
  std::uint64_t memory_bytes = 0;
  std::string library;  // who does the algebra, with its version
  unsigned threads = 1;
  std::string compute_capability;  // CUDA: "9.0"
  std::string driver;              // CUDA: the newest CUDA version that the driver supports, "13.0"
  std::string runtime;             // CUDA: the version of the runtime that is built in
};

// How a device with memory of its own takes it.
struct MemoryOptions {
  std::uint64_t limit_bytes = 0;  // 0: no limit
  double fraction = 0;            // of the device's whole memory; 0: no limit. The smaller of both counts
  bool growth = true;             // take memory as it is needed; false: the limit at once, and keep it
};

// Memory of a device, in bytes.
struct MemoryStats {
  std::uint64_t limit = 0;        // what this device may hold; 0: as much as there is
  std::uint64_t used = 0;         // in tensors and operations
  std::uint64_t peak = 0;         // the most that was used at once
  std::uint64_t reserved = 0;     // taken from the system: what is used, and what is kept for the next use
  std::uint64_t tensors = 0;      // of `used`: in buffers that callers hold
  std::uint64_t workspaces = 0;   // of `used`: kept by lanes
  std::uint64_t pinned = 0;       // host memory for staging, taken from the system
  std::uint64_t pinned_used = 0;  // of it: in use
};

// Memory of a device that outlives the operation that made it. Freed after its last use, whoever destroys it and when.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  virtual ~Buffer() = default;

  // For a GPU an address that host code must not touch.
  [[nodiscard]] virtual std::byte* data() const noexcept = 0;
  [[nodiscard]] virtual std::size_t bytes() const noexcept = 0;
  // Whether host code may touch it.
  [[nodiscard]] virtual bool host_accessible() const noexcept { return false; }
};

struct Operand {
  std::byte* data = nullptr;  // of host memory, or within `buffer`; inputs are only read
  std::size_t bytes = 0;
  std::shared_ptr<Buffer> buffer;  // null: host memory
};

enum class SvdMode { Thin, Full, Values };
enum class SvdDriver { Auto, Gesvd, Gesvdj, Gesvdp, Gesvdr, Gesvda };  // cuSOLVER's; the CPU takes Auto alone

// A batch of `batch` matrices of m x n. With k = min(m, n): u is m x k (thin) or m x m (full), s is k, vt is k x n or n
// x n. u and vt are empty for SvdMode::Values.
struct SvdArgs {
  DType type{};
  SvdMode mode{};
  SvdDriver driver{};
  std::int64_t rank = 0;  // Gesvdr: how many singular values and vectors, all where 0; k above is then this
  std::int64_t batch = 0, m = 0, n = 0;
  Operand a, u, s, vt;
  int max_sweeps = 0;  // of Jacobi's method; 0: as many as the library thinks right
};

// For each index of `batch_dims`: c (m x n) = a (m x k) times b (k x n). A stride counts matrices, and 0 broadcasts.
struct MatmulArgs {
  DType type{};
  std::int64_t m = 0, k = 0, n = 0;
  std::vector<std::int64_t> batch_dims, a_strides, b_strides;
  bool tf32 = false;  // float32 products may be rounded to 10 bits of mantissa where the device is faster so
  Operand a, b, c;
};

// For each index of `batch_dims`: solves a (n x n) x = b (n x nrhs). Strides as in MatmulArgs.
struct SolveArgs {
  DType type{};
  std::int64_t n = 0, nrhs = 0;
  std::vector<std::int64_t> batch_dims, a_strides, b_strides;
  Operand a, b, x;
};

enum class QrMode { Reduced, Complete, R };

// With k = min(m, n): q is m x k and r is k x n (reduced), q m x m and r m x n (complete), or q empty and r k x n (R).
struct QrArgs {
  DType type{};
  QrMode mode{};
  std::int64_t batch = 0, m = 0, n = 0;
  Operand a, q, r;
};

// l (n x n) is lower triangular with a = l l^T; only the lower triangle of a is read; the upper one of l is zero.
struct CholeskyArgs {
  DType type{};
  std::int64_t batch = 0, n = 0;
  Operand a, l;
};

struct InvArgs {
  DType type{};
  std::int64_t batch = 0, n = 0;
  Operand a, inverse;
};

// The determinant, one a matrix.
struct DetArgs {
  DType type{};
  bool log = false;  // then `det` receives the sign, -1, 0 or 1, and `log_abs` log |det| (-infinity where singular)
  std::int64_t batch = 0, n = 0;
  Operand a, det, log_abs;
};

// Of a symmetric matrix, of which only the lower triangle is read: w (n), ascending, and v (n x n), whose columns are
// the eigenvectors; v is empty where only values are wanted.
struct EighArgs {
  DType type{};
  bool vectors = true;
  std::int64_t batch = 0, n = 0;
  Operand a, w, v;
};

// The elements as another type, as numpy's astype and ONNX's Cast do it: to a smaller float rounded to the nearest,
// ties to even; float to integer truncated, and saturated where it does not fit (NaN becomes 0); integers wrap; to bool
// whether it is not zero. All types but strings, the 8-bit floats and the 4-bit integers.
struct CastArgs {
  DType from_type{}, to_type{};
  std::int64_t count = 0;
  Operand a, result;
};

// The axes in another order: that of the result's axis i is axes[i] of the operand, whose dims these are.
struct TransposeArgs {
  std::size_t element_bytes = 0;  // 1, 2, 4 or 8
  std::vector<std::int64_t> dims, axes;
  Operand a, result;
};

// The operand of an operation along one axis, row-major: outer x length x inner, of which the axis is the middle one.
struct AxisDims {
  std::int64_t outer = 0, length = 0, inner = 0;
};

// outer x inner results of the operand's type, float32 or float64. Of nothing the sum and the norm are 0, the mean NaN,
// the maximum -infinity and the minimum infinity; a NaN gives NaN. float32 is summed in float64.
struct ReduceArgs {
  DType type{};
  Reduction reduction{};
  AxisDims dims;
  Operand a, result;
};

// outer x inner indices (int64): of the largest element along the axis, of the first one where several are; a NaN
// counts as the largest. -1 of nothing.
struct ArgmaxArgs {
  DType type{};
  AxisDims dims;
  Operand a, result;
};

// The k <= columns largest elements of each row, largest first, the one with the lower index first where they are
// equal, and their indices (int64). A NaN counts as the largest.
struct TopKArgs {
  static constexpr std::int64_t kMost = 1024;  // k
  DType type{};
  std::int64_t rows = 0, columns = 0, k = 0;
  Operand a, values, indices;
};

// One bool for each of `items` runs of `elements` float32 or float64: whether one of them is a NaN or an infinity.
struct HasNonFiniteArgs {
  DType type{};
  std::int64_t items = 0, elements = 0;
  Operand a, result;
};

// result[i] = a[indices[i]], in rows of so many bytes. An index is int32 or int64, from -rows to rows - 1: negative
// ones count from the end.
struct GatherArgs {
  std::size_t row_bytes = 0;
  std::int64_t rows = 0, count = 0;
  DType index_type{};
  Operand a, indices, result;
};

// result = a, but result[indices[i]] = updates[i], the last one where a row is named several times. Else as in
// GatherArgs.
struct ScatterArgs {
  std::size_t row_bytes = 0;
  std::int64_t rows = 0, count = 0;
  DType index_type{};
  Operand a, indices, updates, result;
};

// `count` sequences that lie one after the other in `elements` elements, the i-th from offsets[i] up to offsets[i + 1]
// (int64, in host memory), to rows of `length` elements: cut off, or filled up with `value`.
struct PadArgs {
  std::size_t element_bytes = 0;  // 1, 2, 4 or 8
  std::int64_t elements = 0, count = 0, length = 0;
  std::array<std::byte, 8> value{};
  Operand a, offsets, result;
};

// uint8 images, batch x height x width x channels, to float32, batch x channels x to_height x to_width, resized by
// bilinear interpolation with half-pixel centres and edges repeated: (pixel * scale - mean) / deviation.
struct ImageToTensorArgs {
  static constexpr int kMostChannels = 4;
  static constexpr std::int64_t kMostSide =
      (std::int64_t{1} << 31) - 1;  // so that nothing made of two of them overflows
  std::int64_t batch = 0, height = 0, width = 0;
  int channels = 0;
  std::int64_t to_height = 0, to_width = 0;
  float scale = 1;
  std::array<float, kMostChannels> mean{}, deviation{};  // a channel
  bool swap_red_blue = false;                            // of 3 or 4 channels, before mean and deviation
  Operand a, result;
};

// A kernel of the user's, compiled for the device.
class Kernel {
 public:
  Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  virtual ~Kernel() = default;
};

struct KernelArgument {
  bool is_buffer = false;
  bool writes = false;     // a buffer that the kernel may write
  Operand operand;         // of a buffer
  std::uint64_t bits = 0;  // of a scalar: its bytes, from the lowest address on
  std::size_t size = 0;    // of a scalar, in bytes
};

struct LaunchArgs {
  std::shared_ptr<Kernel> kernel;
  unsigned grid[3] = {1, 1, 1};
  unsigned block[3] = {1, 1, 1};
  std::size_t shared_bytes = 0;
  std::vector<KernelArgument> arguments;
};

class Device {
 public:
  Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  virtual ~Device() = default;

  [[nodiscard]] virtual const DeviceInfo& info() const = 0;
  [[nodiscard]] virtual std::size_t default_lanes() const = 0;
  [[nodiscard]] virtual MemoryStats memory() = 0;

  // For each lane, on its thread. Null where the device computes on the lane's own thread. Errors: OutOfMemory,
  // DeviceLost.
  virtual std::unique_ptr<LaneState> lane_state(std::size_t lane) = 0;

  // Memory for a tensor, usable on this lane now and on others after what made it here. Errors: OutOfMemory.
  virtual std::shared_ptr<Buffer> allocate(Lane& lane, std::size_t bytes) = 0;
  // Copies between host memory and a buffer, or between buffers; as many bytes as both have. Errors: OutOfMemory.
  virtual void copy(Lane& lane, const Operand& from, const Operand& to) = 0;
  // Gives back to the system what is kept for reuse.
  virtual void trim(Lane& lane) = 0;

  // Errors: NotFinite and NotConverged with the indices of the matrices in the batch, OutOfMemory.
  virtual void svd(Lane& lane, const SvdArgs& args) = 0;
  virtual void eigh(Lane& lane, const EighArgs& args) = 0;
  virtual void matmul(Lane& lane, const MatmulArgs& args) = 0;
  // Errors: NotFinite and Singular with the indices of the matrices in the batch, OutOfMemory.
  virtual void solve(Lane& lane, const SolveArgs& args) = 0;
  virtual void inv(Lane& lane, const InvArgs& args) = 0;
  // Errors: NotFinite, and NotPositiveDefinite, with the indices of the matrices in the batch, OutOfMemory.
  virtual void cholesky(Lane& lane, const CholeskyArgs& args) = 0;
  // Errors: NotFinite with the indices of the matrices in the batch, OutOfMemory.
  virtual void qr(Lane& lane, const QrArgs& args) = 0;
  virtual void det(Lane& lane, const DetArgs& args) = 0;

  virtual void cast(Lane& lane, const CastArgs& args) = 0;
  virtual void transpose(Lane& lane, const TransposeArgs& args) = 0;
  virtual void reduce(Lane& lane, const ReduceArgs& args) = 0;
  virtual void argmax(Lane& lane, const ArgmaxArgs& args) = 0;
  virtual void top_k(Lane& lane, const TopKArgs& args) = 0;
  virtual void has_non_finite(Lane& lane, const HasNonFiniteArgs& args) = 0;
  // Errors: Argument (an index that is out of range), OutOfMemory.
  virtual void gather(Lane& lane, const GatherArgs& args) = 0;
  virtual void scatter(Lane& lane, const ScatterArgs& args) = 0;
  // Errors: Argument (offsets that do not rise from 0 to `elements`), OutOfMemory.
  virtual void pad(Lane& lane, const PadArgs& args) = 0;
  virtual void image_to_tensor(Lane& lane, const ImageToTensorArgs& args) = 0;

  // Compiles CUDA C++. Errors: Kernel with the compiler's log, NotSupported, NoRuntime.
  virtual std::shared_ptr<Kernel> compile(Lane& lane, const std::string& source, const std::string& name,
                                          const std::vector<std::string>& options) = 0;
  virtual void launch(Lane& lane, const LaunchArgs& args) = 0;
};

}  // namespace tensorlane
