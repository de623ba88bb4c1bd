// What a kernel may use, under the emulation: its indices, barriers, warp operations, atomics and arithmetic.
#pragma once

#include <math.h>

#include <atomic>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "driver_types.h"

#pragma GCC visibility push(default)

// Of the CUDA thread that this thread of the system runs at the moment.
extern constinit thread_local uint3 threadIdx __attribute__((tls_model("initial-exec")));
extern constinit thread_local uint3 blockIdx __attribute__((tls_model("initial-exec")));
extern constinit thread_local dim3 blockDim __attribute__((tls_model("initial-exec")));
extern constinit thread_local dim3 gridDim __attribute__((tls_model("initial-exec")));
inline constexpr int warpSize = 32;

namespace emulation {

enum class WarpOperation : std::uint8_t { Sync, Shuffle, Ballot };

// Whether the calling thread runs a kernel.
bool in_kernel();

unsigned block_barrier(bool predicate);  // the number of threads that gave true
std::uint64_t warp_exchange(WarpOperation operation, unsigned mask, std::uint64_t value, unsigned source_lane);
unsigned warp_ballot(unsigned mask, bool predicate);
unsigned active_lanes();
unsigned lane_index();
void* dynamic_shared_memory();
[[noreturn]] void trap();

template <typename T>
T shuffle(unsigned mask, T value, unsigned source_lane) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = warp_exchange(WarpOperation::Shuffle, mask, bits, source_lane);
  T result;
  std::memcpy(static_cast<void*>(&result), &bits, sizeof(T));
  return result;
}

// A change of one number in global or shared memory that no other thread can interrupt.
template <typename T, typename Change>
T atomic_update(T* address, Change change) {
  const std::atomic_ref<T> number(*address);
  T old = number.load(std::memory_order_relaxed);
  while (!number.compare_exchange_weak(old, change(old), std::memory_order_acq_rel, std::memory_order_relaxed)) {
  }
  return old;
}

}  // namespace emulation
#pragma GCC visibility pop

inline void __syncthreads() { ::emulation::block_barrier(false); }
inline int __syncthreads_count(int predicate) { return static_cast<int>(::emulation::block_barrier(predicate != 0)); }
inline int __syncthreads_or(int predicate) { return ::emulation::block_barrier(predicate != 0) != 0 ? 1 : 0; }
inline int __syncthreads_and(int predicate) { return ::emulation::block_barrier(predicate == 0) == 0 ? 1 : 0; }
inline void __syncwarp(unsigned mask = 0xffffffffU) {
  ::emulation::warp_exchange(::emulation::WarpOperation::Sync, mask, 0, 0);
}

// The lanes of a warp form groups of `width`, a power of two; a source outside of the group means the lane's own value.
template <typename T>
T __shfl_sync(unsigned mask, T value, int source, int width = warpSize) {
  const unsigned lane = ::emulation::lane_index();
  const unsigned group = static_cast<unsigned>(width);
  return ::emulation::shuffle(mask, value, (lane & ~(group - 1)) | (static_cast<unsigned>(source) & (group - 1)));
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize) {
  const unsigned lane = ::emulation::lane_index();
  const unsigned first = lane & ~(static_cast<unsigned>(width) - 1);
  return ::emulation::shuffle(mask, value, lane >= first + delta ? lane - delta : lane);
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize) {
  const unsigned lane = ::emulation::lane_index();
  const unsigned end = (lane | (static_cast<unsigned>(width) - 1)) + 1;
  return ::emulation::shuffle(mask, value, lane + delta < end ? lane + delta : lane);
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = warpSize) {
  const unsigned lane = ::emulation::lane_index();
  const unsigned end = (lane | (static_cast<unsigned>(width) - 1)) + 1;
  const unsigned source = lane ^ static_cast<unsigned>(lanes);
  return ::emulation::shuffle(mask, value, source < end ? source : lane);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) { return ::emulation::warp_ballot(mask, predicate != 0); }
inline int __any_sync(unsigned mask, int predicate) {
  return ::emulation::warp_ballot(mask, predicate != 0) != 0 ? 1 : 0;
}
inline int __all_sync(unsigned mask, int predicate) {
  return ::emulation::warp_ballot(mask, predicate == 0) == 0 ? 1 : 0;
}
inline unsigned __activemask() { return ::emulation::active_lanes(); }

// A block is one thread of the system and streams are ordered by events, so only the compiler has to be held back.
inline void __threadfence() { asm volatile("" ::: "memory"); }
inline void __threadfence_block() { asm volatile("" ::: "memory"); }
inline void __threadfence_system() { asm volatile("" ::: "memory"); }
[[noreturn]] inline void __trap() { ::emulation::trap(); }
inline void __nanosleep(unsigned) {}
inline long long clock64() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

#define EMULATION_ATOMIC_ADD(T)                                                         \
  inline T atomicAdd(T* address, T value) {                                             \
    return ::emulation::atomic_update(address, [value](T old) { return old + value; }); \
  }
EMULATION_ATOMIC_ADD(int)
EMULATION_ATOMIC_ADD(unsigned int)
EMULATION_ATOMIC_ADD(unsigned long long int)
EMULATION_ATOMIC_ADD(float)
EMULATION_ATOMIC_ADD(double)
#undef EMULATION_ATOMIC_ADD

#define EMULATION_ATOMIC_INTEGER(T)                                                                   \
  inline T atomicSub(T* address, T value) {                                                           \
    return ::emulation::atomic_update(address, [value](T old) { return old - value; });               \
  }                                                                                                   \
  inline T atomicMax(T* address, T value) {                                                           \
    return ::emulation::atomic_update(address, [value](T old) { return old < value ? value : old; }); \
  }                                                                                                   \
  inline T atomicMin(T* address, T value) {                                                           \
    return ::emulation::atomic_update(address, [value](T old) { return value < old ? value : old; }); \
  }                                                                                                   \
  inline T atomicOr(T* address, T value) {                                                            \
    return ::emulation::atomic_update(address, [value](T old) { return old | value; });               \
  }                                                                                                   \
  inline T atomicAnd(T* address, T value) {                                                           \
    return ::emulation::atomic_update(address, [value](T old) { return old & value; });               \
  }                                                                                                   \
  inline T atomicXor(T* address, T value) {                                                           \
    return ::emulation::atomic_update(address, [value](T old) { return old ^ value; });               \
  }                                                                                                   \
  inline T atomicExch(T* address, T value) {                                                          \
    return ::emulation::atomic_update(address, [value](T) { return value; });                         \
  }                                                                                                   \
  inline T atomicCAS(T* address, T compare, T value) {                                                \
    return ::emulation::atomic_update(address, [=](T old) { return old == compare ? value : old; });  \
  }
EMULATION_ATOMIC_INTEGER(int)
EMULATION_ATOMIC_INTEGER(unsigned int)
EMULATION_ATOMIC_INTEGER(unsigned long long int)
#undef EMULATION_ATOMIC_INTEGER
inline float atomicExch(float* address, float value) {
  return ::emulation::atomic_update(address, [value](float) { return value; });
}

inline int __popc(unsigned value) { return std::popcount(value); }
inline int __popcll(unsigned long long value) { return std::popcount(value); }
inline int __clz(int value) { return std::countl_zero(static_cast<unsigned>(value)); }
inline int __clzll(long long value) { return std::countl_zero(static_cast<unsigned long long>(value)); }
inline int __ffs(int value) { return value == 0 ? 0 : std::countr_zero(static_cast<unsigned>(value)) + 1; }
inline int __ffsll(long long value) {
  return value == 0 ? 0 : std::countr_zero(static_cast<unsigned long long>(value)) + 1;
}
// Byte i of the result is the one that digit i of the selector names: 0 to 3 of `a`, 4 to 7 of `b`.
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
  const unsigned long long bytes = static_cast<unsigned long long>(b) << 32 | a;
  unsigned result = 0;
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned digit = selector >> (4 * i) & 15;
    unsigned byte = static_cast<unsigned>(bytes >> (8 * (digit & 7))) & 255;
    if ((digit & 8) != 0) byte = (byte & 128) != 0 ? 255 : 0;  // its sign
    result |= byte << (8 * i);
  }
  return result;
}
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((static_cast<unsigned long long>(a) * b) >> 32);
}

template <typename T>
T __ldg(const T* address) {
  return *address;
}
template <typename T>
T __ldcs(const T* address) {
  return *address;
}
template <typename T>
T __ldcg(const T* address) {
  return *address;
}
template <typename T>
void __stcs(T* address, T value) {
  *address = value;
}

inline int __float_as_int(float value) { return std::bit_cast<int>(value); }
inline float __int_as_float(int value) { return std::bit_cast<float>(value); }
inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
inline float __uint_as_float(unsigned value) { return std::bit_cast<float>(value); }
inline long long __double_as_longlong(double value) { return std::bit_cast<long long>(value); }
inline double __longlong_as_double(long long value) { return std::bit_cast<double>(value); }
inline int __double2hiint(double value) {
  return static_cast<int>(static_cast<unsigned long long>(__double_as_longlong(value)) >> 32);
}

inline float rsqrtf(float value) { return 1.0F / sqrtf(value); }
inline double rsqrt(double value) { return 1.0 / sqrt(value); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __expf(float value) { return expf(value); }
inline float __logf(float value) { return logf(value); }
inline float __powf(float a, float b) { return powf(a, b); }
inline float __sinf(float value) { return sinf(value); }
inline float __cosf(float value) { return cosf(value); }
inline float __fsqrt_rn(float value) { return sqrtf(value); }
inline double __dsqrt_rn(double value) { return sqrt(value); }
inline float __frcp_rn(float value) { return 1.0F / value; }
inline float __frsqrt_rn(float value) { return 1.0F / sqrtf(value); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
inline float __saturatef(float value) { return value > 0.0F ? (value < 1.0F ? value : 1.0F) : 0.0F; }
inline float __int2float_rn(int value) { return static_cast<float>(value); }
inline float __uint2float_rn(unsigned value) { return static_cast<float>(value); }
inline float __double2float_rn(double value) { return static_cast<float>(value); }
inline int __float2int_rn(float value) { return static_cast<int>(rintf(value)); }
inline int __float2int_rz(float value) { return static_cast<int>(value); }
inline int __float2int_rd(float value) { return static_cast<int>(floorf(value)); }

#define EMULATION_MIN_MAX(T)                          \
  constexpr T min(T a, T b) { return b < a ? b : a; } \
  constexpr T max(T a, T b) { return a < b ? b : a; }
EMULATION_MIN_MAX(int)
EMULATION_MIN_MAX(unsigned int)
EMULATION_MIN_MAX(long)
EMULATION_MIN_MAX(unsigned long)
EMULATION_MIN_MAX(long long)
EMULATION_MIN_MAX(unsigned long long)
#undef EMULATION_MIN_MAX
// A number wins over NaN, as on the device.
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }
