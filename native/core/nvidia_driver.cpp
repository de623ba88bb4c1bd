#include "core/nvidia_driver.h"

#include <dlfcn.h>

namespace tensorlane {

std::string newest_cuda_of_driver() {
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return {};
  // cuDriverGetVersion(int*) needs no cuInit(), and gives 0 where all is well.
  const auto get = reinterpret_cast<int (*)(int*)>(dlsym(library, "cuDriverGetVersion"));
  int version = 0;
  if (get == nullptr || get(&version) != 0 || version <= 0) return {};
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace tensorlane
