// Kernels of the user's: compiled, kept, launched, and what is left when a step of that fails.
#include <doctest/doctest.h>

#include "cuda/runtime/user_kernel.h"
#include "support/rig.h"

using namespace tensorlane;
using namespace tensorlane::cuda;
using namespace tensorlane::cuda::testing;

namespace {

constexpr const char* kScale = R"(
template <typename T>
__global__ void scale(T* values, T factor, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) values[i] = values[i] * factor + SHIFT;
}
)";

std::shared_ptr<Kernel> compile(Rig& rig, const std::string& source, const std::string& name,
                                const std::vector<std::string>& options = {}) {
  std::shared_ptr<Kernel> kernel;
  rig.run([&](Lane& lane) { kernel = rig.device().compile(lane, source, name, options); });
  return kernel;
}

std::shared_ptr<Kernel> compile_scale(Rig& rig, const std::string& shift = "1") {
  return compile(rig, kScale, "scale<float>", {"-DSHIFT=" + shift});
}

template <typename T>
KernelArgument scalar(T value) {
  KernelArgument argument;
  argument.size = sizeof value;
  std::memcpy(&argument.bits, &value, sizeof value);
  return argument;
}

// Scales `values` on the device.
void launch(Rig& rig, const std::shared_ptr<Kernel>& kernel, std::vector<float>& values, float factor) {
  rig.run([&](Lane& lane) {
    const std::shared_ptr<Buffer> buffer = rig.device().allocate(lane, values.size() * sizeof(float));
    rig.device().copy(lane, host(values), on_device(buffer));
    LaunchArgs args;
    args.kernel = kernel;
    args.block[0] = 32;
    args.arguments = {{true, true, on_device(buffer)}, scalar(factor), scalar(static_cast<int>(values.size()))};
    rig.device().launch(lane, args);
    rig.device().copy(lane, on_device(buffer), host(values));
  });
}

void check_works(Rig& rig) {
  std::vector<float> values{1, 2, 3};
  launch(rig, compile_scale(rig), values, 10);
  CHECK(values == std::vector<float>{11, 21, 31});
}

// How many of its calls there were since.
class Calls {
 public:
  explicit Calls(const char* name) : name_(name), before_(emulation::calls(name)) {}
  [[nodiscard]] std::uint64_t since() const { return emulation::calls(name_) - before_; }

 private:
  const char* name_;
  std::uint64_t before_;
};

}  // namespace

TEST_CASE("a kernel is compiled and launched") {
  Rig rig;
  check_works(rig);
}

TEST_CASE("the same source, name and options are compiled once") {
  Rig rig;
  const Calls compiled("nvrtcCompileProgram");
  const Calls loaded("cuModuleLoadData");
  const std::shared_ptr<Kernel> kernel = compile_scale(rig);
  CHECK(compile_scale(rig) == kernel);
  CHECK(compiled.since() == 1);
  CHECK(compile_scale(rig, "2") != kernel);  // other options
  CHECK(compile(rig, kScale, "scale<double>", {"-DSHIFT=1"}) != kernel);
  CHECK(compiled.since() == 3);
  CHECK(loaded.since() == 3);
}

TEST_CASE("a kernel that nobody holds is unloaded with the device, one that is held stays usable until it is let go") {
  const Calls loaded("cuModuleLoadData");
  const Calls unloaded("cuModuleUnload");
  {
    Rig rig;
    std::shared_ptr<Kernel> held = compile_scale(rig);
    static_cast<void>(compile_scale(rig, "2"));
    rig.close();
    CHECK(unloaded.since() == 0);  // the held kernel holds what the device leaves behind
    held.reset();
  }
  CHECK(loaded.since() == 2);
  CHECK(unloaded.since() == 2);
}

TEST_CASE("source that does not compile is an error that carries the compiler's log") {
  Rig rig;
  std::string message;
  const auto broken = [&] { compile(rig, "__global__ void broken(float* x) { x[0] = nowhere; }\n", "broken"); };
  CHECK(code_of(broken, &message) == Code::Kernel);
  for (const char* part : {"'broken'", "NVRTC_ERROR_COMPILATION", "kernel.cu:1", "nowhere"}) {
    CHECK_MESSAGE(message.find(part) != std::string::npos, "'", part, "' is not in: ", message);
  }
  const Calls compiled("nvrtcCompileProgram");
  CHECK(code_of(broken) == Code::Kernel);
  CHECK_MESSAGE(compiled.since() == 1, "a failure was kept");
  check_works(rig);
}

TEST_CASE("a name that the source does not have is an error that names it") {
  Rig rig;
  std::string message;
  const auto unknown = [&] { compile(rig, "extern \"C\" __global__ void known() {}\n", "unknown"); };
  CHECK(code_of(unknown, &message) == Code::Kernel);
  CHECK_MESSAGE(message.find("'unknown'") != std::string::npos, message);
  check_works(rig);
}

TEST_CASE("a step of compiling that fails leaves nothing behind") {
  const Calls made("nvrtcCreateProgram");
  const Calls destroyed("nvrtcDestroyProgram");
  const Calls loaded("cuModuleLoadData");
  const Calls unloaded("cuModuleUnload");
  {
    Rig rig;
    for (const char* call :
         {"nvrtcCreateProgram", "nvrtcAddNameExpression", "nvrtcCompileProgram", "nvrtcGetCUBIN", "cuModuleLoadData",
          "cuModuleGetFunction", "cuFuncGetAttribute", "cuFuncSetAttribute", "cuFuncGetParamInfo"}) {
      CAPTURE(call);
      emulation::plan_fault(call, 1, cudaErrorMemoryAllocation);
      // The one before has left no kernel that this would be given.
      CHECK(code_of([&] { compile_scale(rig); }) == Code::OutOfMemory);
    }
    check_works(rig);
  }
  CHECK(made.since() == destroyed.since() + 1);  // one of each was not made
  CHECK(loaded.since() == unloaded.since() + 1);
}

TEST_CASE("a kernel's shared memory is asked for once, when it is compiled, and is all that the device has left") {
  Rig rig({.lanes = 2});
  const std::string source = R"(
extern "C" __global__ void fill(int* out, int last) {
  extern __shared__ int dynamic[];
  __shared__ int own[64];
  if (threadIdx.x == 0) {
    own[last % 64] = 5;
    dynamic[last] = 37;
    out[0] = dynamic[last] + own[(last + 64 * blockIdx.x) % 64];  // an index that no compiler knows, so that it stays
  }
}
)";
  const Calls set("cuFuncSetAttribute");
  const auto kernel = std::static_pointer_cast<CudaKernel>(compile(rig, source, "fill"));
  CHECK(set.since() == 1);
  CHECK(kernel->own_shared_bytes == 256);
  const auto most = static_cast<std::size_t>(rig.device().limits().shared_bytes) - 256;
  const auto launched = [&](std::size_t bytes, std::size_t lane) {
    std::vector<float> bits(1);
    rig.run(
        [&](Lane& here) {
          const std::shared_ptr<Buffer> buffer = rig.device().allocate(here, sizeof(int));
          LaunchArgs args;
          args.kernel = kernel;
          args.shared_bytes = bytes;
          args.arguments = {{true, true, on_device(buffer)}, scalar(static_cast<int>(bytes / sizeof(int)) - 1)};
          rig.device().launch(here, args);
          rig.device().copy(here, on_device(buffer), host(bits));
        },
        lane);
    int result = 0;
    std::memcpy(&result, bits.data(), sizeof result);
    return result;
  };
  for (const std::size_t bytes : {std::size_t{64}, most, std::size_t{1024}, most}) {
    for (const std::size_t lane : {0, 1}) CHECK(launched(bytes, lane) == 42);
  }
  CHECK_MESSAGE(set.since() == 1, "it was set " << set.since() << " times");
  std::string message;
  CHECK(code_of([&] { launched(most + 4, 0); }, &message) == Code::Argument);
  CHECK_MESSAGE(message.find("beside 256") != std::string::npos, message);
}

TEST_CASE("arguments are compared with the kernel's own parameters, where the driver tells them") {
  Rig rig;
  const auto kernel = std::static_pointer_cast<CudaKernel>(compile_scale(rig));
  CHECK(kernel->parameters == std::vector<std::size_t>{8, 4, 4});
  std::string message;
  const auto launched = [&](std::vector<KernelArgument> more) {
    return code_of(
        [&] {
          rig.run([&](Lane& lane) {
            const std::shared_ptr<Buffer> buffer = rig.device().allocate(lane, 3 * sizeof(float));
            LaunchArgs args;
            args.kernel = kernel;
            args.arguments = {{true, true, on_device(buffer)}};
            args.arguments.insert(args.arguments.end(), more.begin(), more.end());
            rig.device().launch(lane, args);
          });
        },
        &message);
  };
  const Calls before("cuLaunchKernel");
  CHECK(launched({scalar(1.0F)}) == Code::Argument);
  CHECK_MESSAGE(message.find("takes 3 arguments, got 2") != std::string::npos, message);
  CHECK(launched({scalar(1.0F), scalar(3), scalar(4)}) == Code::Argument);
  CHECK_MESSAGE(message.find("takes 3 arguments, got 4") != std::string::npos, message);
  CHECK(launched({scalar(1.0), scalar(3)}) == Code::Argument);
  for (const char* part : {"argument 1", "'scale<float>'", "has 8 bytes", "parameter has 4"}) {
    CHECK_MESSAGE(message.find(part) != std::string::npos, "'", part, "' is not in: ", message);
  }
  KernelArgument buffer_for_number;
  buffer_for_number.is_buffer = true;
  CHECK(launched({scalar(1.0F), buffer_for_number}) == Code::Argument);
  CHECK_MESSAGE(message.find("argument 2") != std::string::npos, message);
  CHECK_MESSAGE(before.since() == 0, "a kernel was launched with arguments that it does not take");
  CHECK_FALSE(launched({scalar(1.0F), scalar(3)}).has_value());
  // A driver that is too old to tell.
  kernel->parameters.reset();
  CHECK_FALSE(launched({scalar(1.0F), scalar(3)}).has_value());
  CHECK(before.since() == 2);
}

TEST_CASE("a kernel without parameters takes no arguments") {
  Rig rig;
  const auto kernel =
      std::static_pointer_cast<CudaKernel>(compile(rig, "extern \"C\" __global__ void nothing() {}\n", "nothing"));
  CHECK(kernel->parameters == std::vector<std::size_t>{});
  CHECK(kernel->own_shared_bytes == 0);
}

TEST_CASE("a launch that the device does not allow, or a kernel of another's, is refused") {
  Rig rig;
  const std::shared_ptr<Kernel> kernel = compile_scale(rig);
  const auto launched = [&](const LaunchArgs& args) {
    return code_of([&] { rig.run([&](Lane& lane) { rig.device().launch(lane, args); }); });
  };
  LaunchArgs args;
  args.kernel = std::make_shared<Kernel>();
  CHECK(launched(args) == Code::Argument);
  args.kernel = kernel;
  args.block[0] = 0;
  CHECK(launched(args) == Code::Argument);
  args.block[0] = 1024;
  args.block[1] = 2;
  CHECK(launched(args) == Code::Argument);
  args.block[1] = 1;
  args.shared_bytes = static_cast<std::size_t>(rig.device().limits().shared_bytes) + 1;
  CHECK(launched(args) == Code::Argument);
  check_works(rig);
}
