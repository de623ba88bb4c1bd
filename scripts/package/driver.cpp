// Stands in for NVIDIA's driver (libcuda.so.1), as far as the CUDA runtime asks before there is a device: it tells the version that
// DRIVER_VERSION names, such as 12000, and has no GPU.
#include <cstdlib>
#include <cstring>

namespace {

constexpr int kNoDevice = 100;  // CUDA_ERROR_NO_DEVICE

int refuse() { return kNoDevice; }

}  // namespace

extern "C" {

int cuInit(unsigned) { return kNoDevice; }

int cuDriverGetVersion(int* version) {
  *version = std::atoi(std::getenv("DRIVER_VERSION"));
  return 0;
}

int cuGetProcAddress_v2(const char* symbol, void** function, int, unsigned long long, void*);

int cuGetProcAddress(const char* symbol, void** function, int version, unsigned long long flags) {
  return cuGetProcAddress_v2(symbol, function, version, flags, nullptr);
}

int cuGetProcAddress_v2(const char* symbol, void** function, int version, unsigned long long, void*) {
  const auto is = [&](const char* name) { return std::strcmp(symbol, name) == 0; };
  if (is("cuDriverGetVersion")) {
    *function = reinterpret_cast<void*>(cuDriverGetVersion);
  } else if (is("cuInit")) {
    *function = reinterpret_cast<void*>(cuInit);
  } else if (is("cuGetProcAddress")) {
    *function =
        version >= 12000 ? reinterpret_cast<void*>(cuGetProcAddress_v2) : reinterpret_cast<void*>(cuGetProcAddress);
  } else {
    *function = reinterpret_cast<void*>(refuse);
  }
  return 0;
}
}
