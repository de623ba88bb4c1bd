// Kernels of a user's, compiled by NVRTC itself as a device compiles them.
#include "cuda/libraries/compile.h"

#include <doctest/doctest.h>

#include "core/error.h"
#include "cuda/libraries/libraries.h"

using namespace tensorlane;
using namespace tensorlane::cuda;

namespace {

constexpr const char* kScale = R"(
namespace mine {
template <typename T>
__global__ void scale(T* values, T factor, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) values[i] = values[i] * factor + SHIFT;
}
}
)";

void expect_compiled(const CompiledKernel& compiled) {
  CHECK_MESSAGE(compiled.cubin.starts_with("\177ELF"), "machine code is an ELF file");
  CHECK(compiled.cubin.find(compiled.symbol) != std::string::npos);
}

Code code_of(const std::string& source, const std::string& name, const std::vector<std::string>& options,
             std::string& message) {
  try {
    static_cast<void>(compile_kernel(source, name, "sm_90", options));
  } catch (const Error& error) {
    message = error.what();
    return error.code();
  }
  FAIL("it was compiled");
  return Code::Internal;
}

void expect_parts(const std::string& message, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    CHECK_MESSAGE(message.find(part) != std::string::npos, "'", part, "' is not in: ", message);
  }
}

}  // namespace

TEST_CASE("a kernel is compiled for every architecture that this supports") {
  int major = 0;
  int minor = 0;
  REQUIRE(nvrtc().nvrtcVersion(&major, &minor) == NVRTC_SUCCESS);
  for (const char* architecture : {"sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"}) {
    if (major < 13 && std::string(architecture).size() > 5) continue;  // newer than CUDA 12.4
    CAPTURE(architecture);
    expect_compiled(compile_kernel(kScale, "mine::scale<float>", architecture, {"-DSHIFT=1"}));
  }
}

TEST_CASE("options reach the compiler") {
  for (const char* option : {"--use_fast_math", "-lineinfo", "--maxrregcount=32", "-std=c++20", "-default-device"}) {
    CAPTURE(option);
    expect_compiled(compile_kernel(kScale, "mine::scale<double>", "sm_90", {"-DSHIFT=1", option}));
  }
  std::string message;
  CHECK(code_of(kScale, "mine::scale<float>", {"--bogus"}, message) == Code::Kernel);
  expect_parts(message, {"NVRTC_ERROR_INVALID_OPTION", "--bogus"});
}

TEST_CASE("CUDA's headers for half precision are found near NVRTC") {
  constexpr const char* kHalf = R"(
#include <cuda_bf16.h>
#include <cuda_fp16.h>
extern "C" __global__ void narrow(const __half* from, __nv_bfloat16* to) {
  to[threadIdx.x] = __float2bfloat16(__half2float(from[threadIdx.x]));
}
)";
  const CompiledKernel compiled = compile_kernel(kHalf, "narrow", "sm_90", {});
  expect_compiled(compiled);
  CHECK(compiled.symbol == "narrow");
}

TEST_CASE("source that does not compile is an error that carries the compiler's log") {
  std::string message;
  const char* broken = "__global__ void broken(float* x) { x[0] = nowhere; }\n";
  CHECK(code_of(broken, "broken", {}, message) == Code::Kernel);
  expect_parts(message, {"'broken'", "NVRTC_ERROR_COMPILATION", "kernel.cu(1)", "nowhere"});
}

TEST_CASE("a name that the source does not have is an error that names it") {
  std::string message;
  CHECK(code_of("extern \"C\" __global__ void known() {}\n", "unknown", {}, message) == Code::Kernel);
  expect_parts(message, {"'unknown'"});
}
