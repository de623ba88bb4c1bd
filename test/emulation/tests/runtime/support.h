// What the tests of the emulated runtime share.
#pragma once

#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "emulation.h"

#define OK(call) REQUIRE_EQ(call, cudaSuccess)

namespace emulation_tests {

// A stream that is gone at the end of the scope, when all that it was given has been done.
class Stream {
 public:
  Stream() { OK(cudaStreamCreateWithFlags(&handle_, cudaStreamNonBlocking)); }
  ~Stream() {
    cudaStreamSynchronize(handle_);
    cudaStreamDestroy(handle_);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return handle_; }
  void wait() const { OK(cudaStreamSynchronize(handle_)); }

 private:
  cudaStream_t handle_ = nullptr;
};

template <typename T>
class Memory {
 public:
  explicit Memory(std::size_t count) : count_(count) { OK(cudaMalloc(&pointer_, count * sizeof(T))); }
  explicit Memory(const std::vector<T>& values) : Memory(values.size()) {
    OK(cudaMemcpy(pointer_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice));
  }
  ~Memory() { cudaFree(pointer_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  operator T*() const { return pointer_; }
  [[nodiscard]] std::vector<T> values() const {
    std::vector<T> read(count_);
    OK(cudaMemcpy(read.data(), pointer_, count_ * sizeof(T), cudaMemcpyDeviceToHost));
    return read;
  }

 private:
  T* pointer_ = nullptr;
  std::size_t count_;
};

// Clears what a test leaves behind in the runtime, also when it fails.
struct Clean {
  Clean() = default;
  ~Clean() {
    emulation::clear_faults();
    emulation::config().delay_seed = 0;
    emulation::config().devices = 1;
    emulation::config().memory_bytes = std::size_t{1} << 30;
    emulation::reset_errors();
    cudaSetDevice(0);
  }
  Clean(const Clean&) = delete;
  Clean& operator=(const Clean&) = delete;
};

inline cudaLaunchConfig_t on(cudaStream_t stream, dim3 grid, dim3 block, std::size_t shared = 0) {
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared;
  config.stream = stream;
  return config;
}

struct Child {
  int status = 0;  // the exit code, or 128 and the signal
  std::string output;
};
// Runs one of the programs *_child.cpp with an argument.
Child run_child(const std::string& name, const std::string& argument);

}  // namespace emulation_tests
