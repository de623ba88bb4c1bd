// What the same calls cost from C++, for bench/gpu/main.ts to compare with: kernels, copies and the libraries' routines
// by themselves, on one stream, with everything allocated before. Prints a JSON object of microseconds; exits with 1
// where there is no GPU. With --short the matrices are as small as main.ts's then are.
#include <cuda_runtime.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/memory/copy_crew.h"
#include "cuda/kernels/finite.h"
#include "cuda/libraries/libraries.h"
#include "cuda/runtime/errors.h"

namespace {

using tensorlane::cuda::check;

double now_us() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The median time of `work`, which ends with the stream's work done.
double median_us(int rounds, const std::function<void()>& work) {
  work();
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    const double start = now_us();
    work();
    times.push_back(now_us() - start);
  }
  std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
  return times[static_cast<std::size_t>(rounds / 2)];
}

template <typename T>
T* device_array(std::size_t count) {
  void* memory = nullptr;
  check(cudaMalloc(&memory, count * sizeof(T)), "cudaMalloc");
  return static_cast<T*>(memory);
}

template <typename T>
void fill_random(T* device, std::size_t count) {
  std::vector<T> host(count);
  unsigned state = 1;
  for (T& value : host) {
    state = state * 1664525U + 1013904223U;
    value = static_cast<T>(state) / static_cast<T>(2147483648.0) - T{1};
  }
  check(cudaMemcpy(device, host.data(), count * sizeof(T), cudaMemcpyHostToDevice), "cudaMemcpy");
}

void require(int status, const char* what) {
  if (status != 0)
    throw tensorlane::Error(tensorlane::Code::Internal, std::string(what) + ": " + std::to_string(status));
}

void print(const std::string& name, double value, bool last = false) {
  std::printf("  \"%s\": %.3f%s\n", name.c_str(), value, last ? "" : ",");
}

std::string square(const char* routine, std::int64_t n, const char* type) {
  return std::string(routine) + ", " + std::to_string(n) + " x " + std::to_string(n) + " " + type;
}

void run(bool is_short) {
  // As in main.ts.
  const std::int64_t n_svd = is_short ? 64 : 1024;
  const std::int64_t n_large = is_short ? 128 : 4096;

  int devices = 0;
  check(cudaGetDeviceCount(&devices), "cudaGetDeviceCount");
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  const auto synchronize = [stream] { check(cudaStreamSynchronize(stream), "cudaStreamSynchronize"); };
  std::printf("{\n");

  // The smallest kernel of tensorlane's own, launched and waited for.
  int* flag = device_array<int>(1);
  auto* values = device_array<float>(1024);
  fill_random(values, 1024);
  print("launch", median_us(2000, [&] {
          tensorlane::cuda::find_not_finite(stream, tensorlane::DType::Float32, values, 1, 1024, flag);
          synchronize();
        }));

  constexpr std::size_t kCopied = std::size_t{256} << 20U;
  void* pinned = nullptr;
  check(cudaHostAlloc(&pinned, kCopied, cudaHostAllocDefault), "cudaHostAlloc");
  auto* copied = device_array<char>(kCopied);
  print("copy in, 256 MiB", median_us(7, [&] {
          check(cudaMemcpyAsync(copied, pinned, kCopied, cudaMemcpyHostToDevice, stream), "cudaMemcpyAsync");
          synchronize();
        }));
  print("copy out, 256 MiB", median_us(7, [&] {
          check(cudaMemcpyAsync(pinned, copied, kCopied, cudaMemcpyDeviceToHost, stream), "cudaMemcpyAsync");
          synchronize();
        }));
  // What comes before and after these for memory that is not pinned.
  const std::vector<char> pageable(kCopied, 1);
  print("copy in host memory, 256 MiB", median_us(7, [&] { std::memcpy(pinned, pageable.data(), kCopied); }));
  tensorlane::CopyCrew crew;
  print("copy in host memory with helpers, 256 MiB",
        median_us(7, [&] { crew.copy(pinned, pageable.data(), kCopied); }));

  const auto& api = tensorlane::cuda::cusolver();
  cusolverDnHandle_t solver = nullptr;
  cusolverDnParams_t params = nullptr;
  require(api.cusolverDnCreate(&solver), "cusolverDnCreate");
  require(api.cusolverDnCreateParams(&params), "cusolverDnCreateParams");
  require(api.cusolverDnSetStream(solver, stream), "cusolverDnSetStream");

  const auto factor = [&](const std::string& name, std::int64_t n, int rounds, auto size, auto call) {
    auto* a = device_array<double>(static_cast<std::size_t>(n * n));
    auto* original = device_array<double>(static_cast<std::size_t>(n * n));
    fill_random(original, static_cast<std::size_t>(n * n));
    std::size_t device_bytes = 0;
    std::size_t host_bytes = 0;
    size(n, a, &device_bytes, &host_bytes);
    auto* work = device_array<char>(device_bytes + 1);
    std::vector<char> host_work(host_bytes + 1);
    print(name, median_us(rounds, [&] {
            // The call destroys its input, so each has to copy, as tensorlane must.
            check(cudaMemcpyAsync(a, original, static_cast<std::size_t>(n * n) * sizeof(double),
                                  cudaMemcpyDeviceToDevice, stream),
                  "cudaMemcpyAsync");
            call(n, a, work, device_bytes, host_work.data(), host_bytes);
            synchronize();
          }));
    check(cudaFree(a), "cudaFree");
    check(cudaFree(original), "cudaFree");
    check(cudaFree(work), "cudaFree");
  };

  auto* s = device_array<double>(static_cast<std::size_t>(n_svd));
  auto* u = device_array<double>(static_cast<std::size_t>(n_svd * n_svd));
  auto* vt = device_array<double>(static_cast<std::size_t>(n_svd * n_svd));
  factor(
      square("gesvd", n_svd, "f64"), n_svd, 5,
      [&](std::int64_t n, double* a, std::size_t* device_bytes, std::size_t* host_bytes) {
        require(
            api.cusolverDnXgesvd_bufferSize(solver, params, 'S', 'S', n, n, CUDA_R_64F, a, n, CUDA_R_64F, s, CUDA_R_64F,
                                            u, n, CUDA_R_64F, vt, n, CUDA_R_64F, device_bytes, host_bytes),
            "cusolverDnXgesvd_bufferSize");
      },
      [&](std::int64_t n, double* a, void* work, std::size_t device_bytes, void* host_work, std::size_t host_bytes) {
        require(api.cusolverDnXgesvd(solver, params, 'S', 'S', n, n, CUDA_R_64F, a, n, CUDA_R_64F, s, CUDA_R_64F, u, n,
                                     CUDA_R_64F, vt, n, CUDA_R_64F, work, device_bytes, host_work, host_bytes, flag),
                "cusolverDnXgesvd");
      });

  auto* pivots = device_array<std::int64_t>(static_cast<std::size_t>(n_large));
  factor(
      square("getrf", n_large, "f64"), n_large, 7,
      [&](std::int64_t n, double* a, std::size_t* device_bytes, std::size_t* host_bytes) {
        require(api.cusolverDnXgetrf_bufferSize(solver, params, n, n, CUDA_R_64F, a, n, CUDA_R_64F, device_bytes,
                                                host_bytes),
                "cusolverDnXgetrf_bufferSize");
      },
      [&](std::int64_t n, double* a, void* work, std::size_t device_bytes, void* host_work, std::size_t host_bytes) {
        require(api.cusolverDnXgetrf(solver, params, n, n, CUDA_R_64F, a, n, pivots, CUDA_R_64F, work, device_bytes,
                                     host_work, host_bytes, flag),
                "cusolverDnXgetrf");
      });

  const auto& lt = tensorlane::cuda::cublas_lt();
  cublasLtHandle_t blas = nullptr;
  require(lt.cublasLtCreate(&blas), "cublasLtCreate");
  const auto product_size = static_cast<std::uint64_t>(n_large);
  constexpr std::size_t kWorkspace = std::size_t{32} << 20U;
  auto* left = device_array<float>(product_size * product_size);
  auto* right = device_array<float>(product_size * product_size);
  auto* product = device_array<float>(product_size * product_size);
  auto* workspace = device_array<char>(kWorkspace);
  fill_random(left, product_size * product_size);
  fill_random(right, product_size * product_size);
  cublasLtMatmulDesc_t description = nullptr;
  cublasLtMatrixLayout_t layout = nullptr;
  cublasLtMatmulPreference_t preference = nullptr;
  require(lt.cublasLtMatmulDescCreate(&description, CUBLAS_COMPUTE_32F, CUDA_R_32F), "cublasLtMatmulDescCreate");
  require(lt.cublasLtMatrixLayoutCreate(&layout, CUDA_R_32F, product_size, product_size, product_size),
          "cublasLtMatrixLayoutCreate");
  require(lt.cublasLtMatmulPreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
  require(lt.cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &kWorkspace,
                                                  sizeof(kWorkspace)),
          "cublasLtMatmulPreferenceSetAttribute");
  cublasLtMatmulHeuristicResult_t choice{};
  int found = 0;
  require(lt.cublasLtMatmulAlgoGetHeuristic(blas, description, layout, layout, layout, layout, preference, 1, &choice,
                                            &found),
          "cublasLtMatmulAlgoGetHeuristic");
  const float one = 1;
  const float zero = 0;
  print(square("matmul", n_large, "f32"),
        median_us(15,
                  [&] {
                    require(lt.cublasLtMatmul(blas, description, &one, right, layout, left, layout, &zero, product,
                                              layout, product, layout, &choice.algo, workspace, kWorkspace, stream),
                            "cublasLtMatmul");
                    synchronize();
                  }),
        true);
  std::printf("}\n");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(argc > 1 && std::string(argv[1]) == "--short");
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "raw: %s\n", error.what());
    return 1;
  }
}
