#include <cuda.h>
#include <nvrtc.h>

#include "libraries/opened.h"

using namespace emulation_tests;

#define NVRTC(name) (function_of<decltype(&::name)>("libnvrtc.so.13", #name))
#define DRIVER(name) (function_of<decltype(&::name)>("libcuda.so.1", #name))

namespace {

struct Program {
  explicit Program(const char* source) {
    opened("libnvrtc-builtins.so.13.0");
    REQUIRE_EQ(NVRTC(nvrtcCreateProgram)(&program, source, "kernels.cu", 0, nullptr, nullptr), NVRTC_SUCCESS);
  }
  ~Program() { NVRTC(nvrtcDestroyProgram)(&program); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  nvrtcResult compile(std::vector<const char*> options = {"--gpu-architecture=sm_90"}) const {
    return NVRTC(nvrtcCompileProgram)(program, static_cast<int>(options.size()), options.data());
  }
  [[nodiscard]] std::string log() const {
    std::size_t size = 0;
    REQUIRE_EQ(NVRTC(nvrtcGetProgramLogSize)(program, &size), NVRTC_SUCCESS);
    std::string text(size, ' ');
    REQUIRE_EQ(NVRTC(nvrtcGetProgramLog)(program, text.data()), NVRTC_SUCCESS);
    return text;
  }
  [[nodiscard]] CUmodule load() const {
    std::size_t size = 0;
    REQUIRE_EQ(NVRTC(nvrtcGetCUBINSize)(program, &size), NVRTC_SUCCESS);
    std::vector<char> cubin(size);
    REQUIRE_EQ(NVRTC(nvrtcGetCUBIN)(program, cubin.data()), NVRTC_SUCCESS);
    CUmodule module = nullptr;
    REQUIRE_EQ(DRIVER(cuModuleLoadData)(&module, cubin.data()), CUDA_SUCCESS);
    return module;
  }
  [[nodiscard]] CUfunction kernel(CUmodule module, const char* expression) const {
    const char* lowered = nullptr;
    REQUIRE_EQ(NVRTC(nvrtcGetLoweredName)(program, expression, &lowered), NVRTC_SUCCESS);
    CUfunction function = nullptr;
    REQUIRE_EQ(DRIVER(cuModuleGetFunction)(&function, module, lowered), CUDA_SUCCESS);
    return function;
  }

  nvrtcProgram program = nullptr;
};

constexpr const char* kKernels = R"(
namespace shapes {
template <typename T>
__global__ void scale(const T* from, T* to, T factor, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) to[i] = from[i] * factor;
}
}
extern "C" __global__ void reverse(float* values) {
  extern __shared__ float tile[];
  tile[threadIdx.x] = values[threadIdx.x];
  __syncthreads();
  values[threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x] + OFFSET;
}
)";

}  // namespace

TEST_CASE("NVRTC compiles kernels, templates and those that are extern C, and the driver launches them") {
  const Clean clean;
  const Stream stream;
  const Program program(kKernels);
  REQUIRE_EQ(NVRTC(nvrtcAddNameExpression)(program.program, "shapes::scale<double>"), NVRTC_SUCCESS);
  REQUIRE_EQ(NVRTC(nvrtcAddNameExpression)(program.program, "reverse"), NVRTC_SUCCESS);
  REQUIRE_MESSAGE(program.compile({"--gpu-architecture=sm_90", "-DOFFSET=1"}) == NVRTC_SUCCESS, program.log());
  CUmodule module = program.load();
  CHECK_EQ(NVRTC(nvrtcAddNameExpression)(program.program, "late"), NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION);

  const Memory<double> from(std::vector<double>{1, 2, 3}), to(3);
  double* source = from;
  double* target = to;
  double factor = 2;
  int count = 3;
  void* arguments[] = {&source, &target, &factor, &count};
  REQUIRE_EQ(DRIVER(cuLaunchKernel)(program.kernel(module, "shapes::scale<double>"), 1, 1, 1, 32, 1, 1, 0, stream,
                                    arguments, nullptr),
             CUDA_SUCCESS);
  count = 0;  // the arguments were copied
  const Memory<float> values(std::vector<float>{1, 2, 3, 4});
  float* reversed = values;
  void* one[] = {&reversed};
  REQUIRE_EQ(DRIVER(cuLaunchKernel)(program.kernel(module, "reverse"), 1, 1, 1, 4, 1, 1, 16, stream, one, nullptr),
             CUDA_SUCCESS);
  CHECK_EQ(DRIVER(cuLaunchKernel)(program.kernel(module, "reverse"), 1, 1, 1, 2000, 1, 1, 16, stream, one, nullptr),
           CUDA_ERROR_INVALID_VALUE);
  REQUIRE_EQ(DRIVER(cuModuleUnload)(module), CUDA_SUCCESS);
  stream.wait();
  CHECK_EQ(to.values(), std::vector<double>{2, 4, 6});
  CHECK_EQ(values.values(), std::vector<float>{5, 4, 3, 2});
}

TEST_CASE("NVRTC says what is wrong with a program") {
  const Clean clean;
  const Program program("__global__ void broken(float* a) { a[0] = nowhere; }\n");
  CHECK_EQ(program.compile(), NVRTC_ERROR_COMPILATION);
  const std::string log = program.log();
  CHECK_MESSAGE(log.find("nowhere") != std::string::npos, log);
  CHECK_MESSAGE(log.find("kernels.cu:1") != std::string::npos, log);

  const Program other("__global__ void fine() {}\n");
  CHECK_EQ(other.compile({"--bogus"}), NVRTC_ERROR_INVALID_OPTION);
  CHECK_NE(other.log().find("--bogus"), std::string::npos);
  emulation::plan_fault("nvrtcCompileProgram", 1, cudaErrorMemoryAllocation);
  CHECK_EQ(other.compile(), NVRTC_ERROR_OUT_OF_MEMORY);
  CUmodule module = nullptr;
  CHECK_EQ(DRIVER(cuModuleLoadData)(&module, "no image at all, but text"), CUDA_ERROR_INVALID_IMAGE);
}
