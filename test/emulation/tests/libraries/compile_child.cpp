// Compiles a kernel with the NVRTC of the folder that is named, in a process in which no library was opened before.
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "core/error.h"
#include "cuda/libraries/compile.h"

using namespace tensorlane;

int main(int, char** arguments) {
  setenv("TENSORLANE_CUDA_LIBRARIES", arguments[1], 1);
  try {
    const cuda::CompiledKernel compiled =
        cuda::compile_kernel("extern \"C\" __global__ void nothing() {}", "nothing", "sm_90", {});
    std::printf("%s, %s\n", compiled.symbol.c_str(), compiled.cubin.empty() ? "empty" : "compiled");
  } catch (const Error& error) {
    std::printf("%s: %s\n", error.code() == Code::NoRuntime ? "no runtime" : "another error", error.what());
    return 1;
  }
}
