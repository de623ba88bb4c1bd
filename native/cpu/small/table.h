// What one instruction set's kernels for small matrices are: plain functions, in one table for each element type.
//
// All but the product take a group: as many matrices as a register has lanes, each in a lane of its own, or one after the
// other. No lane sees another, so a matrix has the same bits wherever in a batch it stands and whatever stands beside it. A
// group that is not full repeats its last matrix, and writes only those that there are.
//
// This header is compiled for every instruction set, so it holds nothing that the linker might take of one for another:
// no template of the standard library, and no inline function.
#pragma once

#include <cstdint>

namespace tensorlane::cpu::small {

// Of one matrix. What is Undone is for LAPACK: its scale is beyond what the kernel takes, or it did not converge.
enum class Outcome : std::uint8_t { Done, NotFinite, NotPositiveDefinite, Undone };

inline constexpr std::int64_t kMostLanes = 16;

// The sizes up to which a kernel takes matrices; of the SVD, which has LAPACK take over earlier where that is quicker, up to which
// there is one. `kMostLong` is that of the longer side of one that is not square.
inline constexpr std::int64_t kMostProduct = 16;
inline constexpr std::int64_t kMostSvd = 16;  // with a matrix in each lane; one at a time
inline constexpr std::int64_t kMostRows = 32;
inline constexpr std::int64_t kMostEigh = 16;
inline constexpr std::int64_t kMostQr = 16;
inline constexpr std::int64_t kMostLong = 64;
inline constexpr std::int64_t kMostLu = 32;
inline constexpr std::int64_t kMostRightSides = 32;
inline constexpr std::int64_t kMostCholesky = 32;

// What every group has. `work` is aligned to a register, and of as many registers as the kernel's `..._registers` say.
template <typename T>
struct Group {
  std::int64_t count = 0;  // matrices that there are, at most as many as there are lanes
  T* work = nullptr;
  Outcome* outcomes = nullptr;  // `count` of them
};

// Results may be null where they are not wanted. All matrices are row-major.
template <typename T>
struct SvdGroup : Group<T> {
  std::int64_t m = 0, n = 0, u_columns = 0, vt_rows = 0;
  const T* a[kMostLanes] = {};
  T *u[kMostLanes] = {}, *s[kMostLanes] = {}, *vt[kMostLanes] = {};
};

template <typename T>
struct EighGroup : Group<T> {
  std::int64_t n = 0;
  const T* a[kMostLanes] = {};  // of which the lower triangle is read
  T *w[kMostLanes] = {}, *v[kMostLanes] = {};
};

template <typename T>
struct QrGroup : Group<T> {
  std::int64_t m = 0, n = 0, between = 0;
  const T* a[kMostLanes] = {};
  T *q[kMostLanes] = {}, *r[kMostLanes] = {};
};

// Solves a x = b. Without b, x receives the inverse; without x, `pivots` receives what elimination divides by, and after
// these 1 or -1, the sign of the exchanges of rows.
template <typename T>
struct LuGroup : Group<T> {
  std::int64_t n = 0, right_sides = 0;
  const T *a[kMostLanes] = {}, *b[kMostLanes] = {};
  T *x[kMostLanes] = {}, *pivots[kMostLanes] = {};
};

template <typename T>
struct CholeskyGroup : Group<T> {
  std::int64_t n = 0;
  const T* a[kMostLanes] = {};  // of which the lower triangle is read
  T* l[kMostLanes] = {};
};

// What stores past the caches need of an address.
inline constexpr std::int64_t kStreamAlignment = 16;

// `count` products c = a b; from one to the next the operands are `a_step` and `b_step` elements apart. `streams`: c, which is so
// aligned, is more than caches hold, and is best written past them where a kernel can.
template <typename T>
struct Products {
  std::int64_t m = 0, k = 0, n = 0, count = 0, a_step = 0, b_step = 0;
  const T *a = nullptr, *b = nullptr;
  T* c = nullptr;
  bool streams = false;
};

template <typename T>
struct Table {
  std::int64_t lanes;
  std::int64_t most_svd;  // beyond which LAPACK is quicker, as measured (device/driver_table.h)
  void (*matmul)(const Products<T>&);
  void (*svd)(const SvdGroup<T>&);
  void (*eigh)(const EighGroup<T>&);
  void (*qr)(const QrGroup<T>&);
  void (*lu)(const LuGroup<T>&);
  void (*cholesky)(const CholeskyGroup<T>&);
};

struct InstructionSet {
  const char* name;
  Table<float> of_float;
  Table<double> of_double;
};

// One a file: kernels_NAME.cpp. Which of them the processor can run is known to choose.h.
extern const InstructionSet kPlain;
#if defined(__x86_64__) && defined(__GNUC__)
extern const InstructionSet kAvx2;
extern const InstructionSet kAvx512;
#endif

}  // namespace tensorlane::cpu::small
