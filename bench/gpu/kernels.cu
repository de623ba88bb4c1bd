// How fast the kernels are on a GPU, beside a copy of the same bytes within its memory: one line of JSON for each.
//
// Times are the median of many runs, measured with events, after a warm-up. Rates count the bytes that have to be read
// and written once. The buffers are larger than any cache of a GPU.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <stdexcept>
#include <vector>

#include "cuda/kernels/cast.h"
#include "cuda/kernels/finite.h"
#include "cuda/kernels/image.h"
#include "cuda/kernels/matrix.h"
#include "cuda/kernels/reduce.h"
#include "cuda/kernels/rows.h"
#include "cuda/kernels/top_k.h"
#include "cuda/kernels/transpose.h"

namespace {

using tensorlane::DType;
namespace cuda = tensorlane::cuda;

constexpr int kWarmUp = 5;
constexpr int kRuns = 31;
constexpr std::int64_t kBytes = std::int64_t{1} << 29;  // of each of the two buffers

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "kernel_bench: %s failed: %s\n", what, cudaGetErrorString(error));
  std::exit(1);
}

class Bench {
 public:
  Bench() {
    check(cudaStreamCreate(&stream), "cudaStreamCreate");
    check(cudaEventCreate(&begin_), "cudaEventCreate");
    check(cudaEventCreate(&end_), "cudaEventCreate");
    check(cudaMalloc(reinterpret_cast<void**>(&from), kBytes), "cudaMalloc");
    check(cudaMalloc(reinterpret_cast<void**>(&to), kBytes), "cudaMalloc");
    check(cudaMalloc(reinterpret_cast<void**>(&side), kBytes / 4), "cudaMalloc");
    // Finite numbers of all float types, and no two rows alike.
    std::vector<std::uint32_t> words(static_cast<std::size_t>(kBytes / 4));
    std::uint32_t state = 1;
    for (std::uint32_t& word : words) {
      state = state * 1664525U + 1013904223U;
      word = 0x38003800U | ((state >> 4) & 0x07ff07ffU) | (state & 0x80008000U);
    }
    check(cudaMemcpy(from, words.data(), kBytes, cudaMemcpyHostToDevice), "cudaMemcpy");
    check(cudaMemset(side, 0, kBytes / 4), "cudaMemset");
  }

  // `bytes` are those read and written.
  void measure(const char* kernel, const char* shape, std::int64_t bytes, const std::function<void()>& run) {
    for (int i = 0; i < kWarmUp; ++i) run();
    std::vector<float> times;
    for (int i = 0; i < kRuns; ++i) {
      check(cudaEventRecord(begin_, stream), "cudaEventRecord");
      run();
      check(cudaEventRecord(end_, stream), "cudaEventRecord");
      check(cudaEventSynchronize(end_), kernel);
      float milliseconds = 0;
      check(cudaEventElapsedTime(&milliseconds, begin_, end_), "cudaEventElapsedTime");
      times.push_back(milliseconds);
    }
    std::sort(times.begin(), times.end());
    const double median = times[kRuns / 2];
    const double rate = static_cast<double>(bytes) / median / 1e6;
    if (copy_ == 0) copy_ = rate;
    std::printf(
        "{\"kernel\": \"%s\", \"shape\": \"%s\", \"us\": %.2f, \"us_best\": %.2f, \"gb_per_s\": %.1f, "
        "\"of_copy\": %.3f}\n",
        kernel, shape, median * 1e3, static_cast<double>(times[0]) * 1e3, rate, rate / copy_);
    std::fflush(stdout);
  }

  cudaStream_t stream = nullptr;
  char* from = nullptr;
  char* to = nullptr;
  char* side = nullptr;

 private:
  cudaEvent_t begin_ = nullptr;
  cudaEvent_t end_ = nullptr;
  double copy_ = 0;  // GB/s
};

void rows(Bench& bench) {
  const std::int64_t count = kBytes / 4096;
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) order[static_cast<std::size_t>(i)] = i * 7919 % count;
  check(cudaMemcpy(bench.side, order.data(), order.size() * 8, cudaMemcpyHostToDevice), "cudaMemcpy");
  const auto* picked = reinterpret_cast<const std::int64_t*>(bench.side);
  bench.measure("gather_rows", "131072 x 4096 B", 2 * kBytes,
                [&] { cuda::gather_rows(bench.stream, bench.from, count, picked, count, 4096, bench.to); });
  bench.measure("scatter_rows", "131072 x 4096 B", 2 * kBytes,
                [&] { cuda::scatter_rows(bench.stream, bench.from, picked, count, count, 4096, bench.to); });
  std::vector<std::int64_t> offsets(1025);
  for (std::int64_t i = 0; i <= 1024; ++i) offsets[static_cast<std::size_t>(i)] = i * 100'001;
  check(cudaMemcpy(bench.side, offsets.data(), offsets.size() * 8, cudaMemcpyHostToDevice), "cudaMemcpy");
  const float fill = 0;
  bench.measure("pad_rows", "1024 x 131072 float32 of 100001", 1024 * (131072 + 100'001) * std::int64_t{4},
                [&] { cuda::pad_rows(bench.stream, bench.from, picked, 1024, 131072, 4, &fill, bench.to); });
}

void casts(Bench& bench) {
  const auto cast = [&](const char* shape, DType from, DType to, std::int64_t bytes_each) {
    const std::int64_t count = kBytes / 8;
    bench.measure("cast", shape, count * bytes_each,
                  [&, count, from, to] { cuda::cast(bench.stream, from, bench.from, to, bench.to, count); });
  };
  cast("float32 to float16", DType::Float32, DType::Float16, 6);
  cast("float16 to float32", DType::Float16, DType::Float32, 6);
  cast("uint8 to float32", DType::UInt8, DType::Float32, 5);
  cast("int64 to int32", DType::Int64, DType::Int32, 12);
  cast("float64 to float32", DType::Float64, DType::Float32, 12);
}

void transposes(Bench& bench) {
  const auto transpose = [&](const char* shape, std::size_t bytes, std::int64_t batch, std::int64_t m, std::int64_t n) {
    bench.measure("transpose", shape, 2 * batch * m * n * static_cast<std::int64_t>(bytes),
                  [&, bytes, batch, m, n] { cuda::transpose(bench.stream, bytes, bench.from, bench.to, batch, m, n); });
  };
  transpose("8192 x 8192 of 4 B", 4, 1, 8192, 8192);
  transpose("8191 x 8193 of 4 B", 4, 1, 8191, 8193);
  transpose("8192 x 8192 of 8 B", 8, 1, 8192, 8192);
  transpose("8192 x 8192 of 2 B", 2, 1, 8192, 8192);
  transpose("8192 x 8192 of 1 B", 1, 1, 8192, 8192);
  transpose("8191 x 8193 of 2 B", 2, 1, 8191, 8193);
  transpose("8191 x 8192 of 1 B", 1, 1, 8191, 8192);
  transpose("8192 x 8193 of 1 B", 1, 1, 8192, 8193);
  transpose("8191 x 8193 of 1 B", 1, 1, 8191, 8193);
  transpose("8192 x 4096 of 16 B", 16, 1, 8192, 4096);
  transpose("4194304 x 3 of 4 B", 4, 1, 4'194'304, 3);
  transpose("1024 of 50176 x 3 of 1 B", 1, 1024, 224 * 224, 3);
  transpose("1024 of 3 x 50176 of 1 B", 1, 1024, 3, 224 * 224);
  transpose("1024 of 50625 x 3 of 1 B", 1, 1024, 225 * 225, 3);
  transpose("4194304 x 16 of 2 B", 2, 1, 4'194'304, 16);
  transpose("16 x 4194304 of 4 B", 4, 1, 16, 4'194'304);
  transpose("1048576 of 8 x 8 of 4 B", 4, 1 << 20, 8, 8);
  transpose("1048576 of 8 x 8 of 1 B", 1, 1 << 20, 8, 8);
  transpose("16384 of 64 x 64 of 8 B", 8, 1 << 14, 64, 64);
}

void images(Bench& bench) {
  cuda::ImageArgs args;
  args.batch = 32;
  args.height = 1080;
  args.width = 1920;
  args.to_height = args.to_width = 640;
  const auto* in = reinterpret_cast<const std::uint8_t*>(bench.from);
  auto* out = reinterpret_cast<float*>(bench.to);
  bench.measure("image_to_tensor", "32 of 1080 x 1920 x 3 to 640 x 640",
                32 * std::int64_t{1080 * 1920 * 3 + 640 * 640 * 12},
                [&] { cuda::image_to_tensor(bench.stream, args, in, out); });
  args.batch = 256;
  args.height = args.width = args.to_height = args.to_width = 224;
  bench.measure("image_to_tensor", "256 of 224 x 224 x 3", 256 * std::int64_t{224 * 224 * 15},
                [&] { cuda::image_to_tensor(bench.stream, args, in, out); });
}

void reductions(Bench& bench) {
  const auto reduce = [&](const char* kernel, const char* shape, cuda::Reduction reduction, std::int64_t m,
                          std::int64_t n) {
    bench.measure(kernel, shape, m * n * 4, [&, reduction, m, n] {
      cuda::reduce(bench.stream, reduction, DType::Float32, bench.from, m, n, bench.to, bench.side);
    });
  };
  reduce("reduce sum", "1 x 134217728", cuda::Reduction::Sum, 1, 1 << 27);
  reduce("reduce sum", "1 x 1048576", cuda::Reduction::Sum, 1, 1 << 20);
  reduce("reduce sum", "131072 x 1024", cuda::Reduction::Sum, 1 << 17, 1024);
  reduce("reduce sum", "131071 x 1023", cuda::Reduction::Sum, (1 << 17) - 1, 1023);
  reduce("reduce sum", "16777216 x 8", cuda::Reduction::Sum, 1 << 24, 8);
  reduce("reduce max", "16384 x 8192", cuda::Reduction::Max, 1 << 14, 8192);
  reduce("reduce norm", "16384 x 8192", cuda::Reduction::Norm, 1 << 14, 8192);
  auto* indices = reinterpret_cast<std::int64_t*>(bench.side);
  const auto argmax = [&](const char* shape, std::int64_t m, std::int64_t n) {
    bench.measure("argmax", shape, m * n * 4,
                  [&, m, n] { cuda::argmax(bench.stream, DType::Float32, bench.from, m, n, indices); });
  };
  argmax("131072 x 1024", 1 << 17, 1024);
  argmax("512 x 151936", 512, 151'936);
  argmax("1 x 151936", 1, 151'936);
}

// The values go behind one another in `to`, the indices after them; the candidates of long rows into `side`.
void top_ks(Bench& bench) {
  const auto top_k = [&](const char* shape, DType type, std::int64_t m, std::int64_t n, std::int64_t k) {
    const std::int64_t element = type == DType::Float32 ? 4 : 8;
    auto* indices = reinterpret_cast<std::int64_t*>(bench.to + (m * k * element + 7) / 8 * 8);
    if (cuda::top_k_workspace(type, m, n, k) > kBytes / 4) throw std::runtime_error("top_k: too small a workspace");
    bench.measure("top_k", shape, m * n * element + m * k * (element + 8), [&, type, m, n, k, indices] {
      cuda::top_k(bench.stream, type, bench.from, m, n, k, bench.to, indices, bench.side);
    });
  };
  top_k("1 of 16777216 x 3", DType::Float32, 1 << 24, 3, 1);
  top_k("5 of 4194304 x 32", DType::Float32, 1 << 22, 32, 5);
  top_k("32 of 1048576 x 32", DType::Float32, 1 << 20, 32, 32);
  top_k("5 of 1048576 x 100", DType::Float32, 1 << 20, 100, 5);
  top_k("5 of 65536 x 1000", DType::Float32, 1 << 16, 1000, 5);
  top_k("32 of 131072 x 1024", DType::Float32, 1 << 17, 1024, 32);
  top_k("5 of 65536 x 1001", DType::Float32, 1 << 16, 1001, 5);
  top_k("5 of 131072 x 512 float64", DType::Float64, 1 << 17, 512, 5);
  top_k("100 of 131072 x 1000", DType::Float32, 1 << 17, 1000, 100);
  top_k("10 of 32768 x 4096", DType::Float32, 1 << 15, 4096, 10);
  top_k("1024 of 16384 x 4096", DType::Float32, 1 << 14, 4096, 1024);
  top_k("50 of 512 x 151936", DType::Float32, 512, 151'936, 50);
  top_k("50 of 1 x 151936", DType::Float32, 1, 151'936, 50);
  top_k("1 of 1 x 1048576", DType::Float32, 1, 1 << 20, 1);
  top_k("1024 of 1 x 1048576", DType::Float32, 1, 1 << 20, 1024);
  top_k("50 of 1 x 134217728", DType::Float32, 1, 1 << 27, 50);
  top_k("50 of 1 x 67108864 float64", DType::Float64, 1, 1 << 26, 50);
}

void finite(Bench& bench) {
  auto* flags = reinterpret_cast<int*>(bench.side);
  const auto finite = [&](const char* shape, std::int64_t m, std::int64_t n) {
    bench.measure("find_not_finite", shape, m * n * 4,
                  [&, m, n] { cuda::find_not_finite(bench.stream, DType::Float32, bench.from, m, n, flags); });
    bench.measure("copy_finite", shape, 2 * m * n * 4,
                  [&, m, n] { cuda::copy_finite(bench.stream, DType::Float32, bench.from, bench.to, m, n, flags); });
  };
  finite("1 x 134217728", 1, 1 << 27);
  finite("8192 x 16384", 1 << 13, 1 << 14);
  finite("2097152 x 64", 1 << 21, 64);
}

void matrices(Bench& bench) {
  bench.measure("set_identity", "8192 x 8192 float64", kBytes,
                [&] { cuda::set_identity(bench.stream, DType::Float64, bench.to, 1, 8192, 8192); });
  bench.measure("copy_triangle", "8192 x 8192 float64", kBytes * 3 / 2, [&] {
    cuda::copy_triangle(bench.stream, DType::Float64, cuda::Triangle::Upper, bench.from, 8192, 8192 * 8192, bench.to, 1,
                        8192, 8192);
  });
  bench.measure("det_of_lu", "1048576 of 8 x 8 float64", kBytes, [&] {
    cuda::det_of_lu(bench.stream, DType::Float64, bench.from, bench.side, 4, 1 << 20, 8, bench.to, nullptr);
  });
}

}  // namespace

int main() {
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error != cudaSuccess || devices == 0) {
    std::fprintf(stderr, "kernel_bench: no GPU can be used (%s); run this where there is one\n",
                 error == cudaSuccess ? "there is none" : cudaGetErrorString(error));
    return 1;
  }
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
  std::printf("{\"device\": \"%s\", \"compute\": \"%d.%d\", \"multiprocessors\": %d}\n", properties.name,
              properties.major, properties.minor, properties.multiProcessorCount);
  try {
    Bench bench;
    bench.measure("copy", "536870912 B", 2 * kBytes, [&] {
      check(cudaMemcpyAsync(bench.to, bench.from, kBytes, cudaMemcpyDeviceToDevice, bench.stream), "cudaMemcpyAsync");
    });
    rows(bench);
    casts(bench);
    transposes(bench);
    images(bench);
    reductions(bench);
    top_ks(bench);
    finite(bench);
    matrices(bench);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "kernel_bench: %s\n", failure.what());
    return 1;
  }
  return 0;
}
