// NVIDIA's own libraries, found and opened as on a machine with a GPU. None of them needs a driver to be opened.
#include "cuda/libraries/libraries.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

#include "core/error.h"

using namespace tensorlane;
using namespace tensorlane::cuda;

namespace {

// The folder of each of NVIDIA's libraries that this process has open, by its file's name.
std::map<std::string, std::string> opened() {
  std::map<std::string, std::string> found;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const std::size_t path = line.find('/');
    const std::size_t name = line.rfind('/') + 1;
    if (path == std::string::npos) continue;
    for (const char* start : {"libcublas", "libcusolver", "libcusparse", "libnvJitLink", "libnvrtc"}) {
      if (line.compare(name, std::string(start).size(), start) == 0) {
        found[line.substr(name)] = line.substr(path, name - path - 1);
      }
    }
  }
  return found;
}

}  // namespace

TEST_CASE("cuBLAS, cuBLASLt, cuSOLVER and NVRTC are found, and have every function that is asked of them") {
  CHECK_NOTHROW(static_cast<void>(cublas()));
  CHECK_NOTHROW(static_cast<void>(cublas_lt()));
  CHECK_NOTHROW(static_cast<void>(cusolver()));
  CHECK_NOTHROW(static_cast<void>(nvrtc()));
#if TENSORLANE_SYEV_BATCHED
  CHECK((cusolver().cusolverDnXsyevBatched != nullptr));
  CHECK((cusolver().cusolverDnXsyevBatched_bufferSize != nullptr));
#endif
}

TEST_CASE("they are those of the major version that this is built for") {
  constexpr int kMajor = CUDART_VERSION / 1000;
  CHECK(cublas_lt().cublasLtGetVersion() / 10000 == kMajor);
  int major = 0;
  int minor = 0;
  CHECK(nvrtc().nvrtcVersion(&major, &minor) == NVRTC_SUCCESS);
  CHECK(major == kMajor);
  const std::string text = describe_algebra();
  CHECK_MESSAGE(text.starts_with("cuSOLVER " + std::to_string(kMajor - 1) + "."), text);
}

TEST_CASE("the libraries, and those that they need themselves, are opened from one folder") {
  static_cast<void>(cusolver());
  static_cast<void>(nvrtc());
  const std::map<std::string, std::string> files = opened();
  // cuBLAS, cuBLASLt, cuSOLVER, cuSPARSE, nvJitLink, NVRTC and its built-in functions.
  CHECK(files.size() == 7);
  const char* expected = std::getenv("EXPECTED_LIBRARIES");
  REQUIRE(expected != nullptr);
  for (const auto& [name, folder] : files) CHECK_MESSAGE(folder == expected, name, " is of ", folder);
}

TEST_CASE("where there is no driver, the error says which library is missing") {
  if (dlopen("libcuda.so.1", RTLD_NOW) != nullptr) return;
  std::string message;
  try {
    static_cast<void>(driver());
  } catch (const Error& error) {
    CHECK(error.code() == Code::NoRuntime);
    message = error.what();
  }
  CHECK_MESSAGE(message.find("libcuda.so.1") != std::string::npos, message);
}
