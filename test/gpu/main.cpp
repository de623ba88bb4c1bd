// Runs a program's tests on a GPU. Without one it says so and fails: nothing was tested.
#define DOCTEST_CONFIG_IMPLEMENT
#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <cstdio>

int main(int argc, char** argv) {
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error != cudaSuccess || devices == 0) {
    std::fprintf(stderr, "%s: no GPU can be used (%s); run this where there is one\n", argv[0],
                 error == cudaSuccess ? "there is none" : cudaGetErrorString(error));
    return 1;
  }
  return doctest::Context(argc, argv).run();
}
