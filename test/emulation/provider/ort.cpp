#include "provider/ort.h"

namespace emulated_provider {
namespace {

Functions functions{};

constexpr int kFail = 1;  // OrtErrorCode

}  // namespace

const Functions& ort() noexcept { return functions; }

bool read_functions(const ApiBase& base) noexcept {
  const auto* first = static_cast<void* const*>(base.GetApi(1));
  functions.CreateStatus = reinterpret_cast<decltype(functions.CreateStatus)>(first[0]);
  const auto* table = static_cast<void* const*>(base.GetApi(kApiVersion));
  if (table == nullptr) return false;
#define EMULATED_PROVIDER_READ(name, slot, result, arguments) \
  functions.name = reinterpret_cast<decltype(functions.name)>(table[slot]);
  EMULATED_PROVIDER_ORT(EMULATED_PROVIDER_READ)
  table = static_cast<void* const*>(functions.GetEpApi());
  EMULATED_PROVIDER_EP(EMULATED_PROVIDER_READ)
#undef EMULATED_PROVIDER_READ
  return true;
}

void check(Status* status) {
  if (status == nullptr) return;
  const std::string message = ort().GetErrorMessage(status);
  ort().ReleaseStatus(status);
  throw Failure(message);
}

void check(cudaError_t error, const char* call) {
  if (error == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());
  const char* memory = error == cudaErrorMemoryAllocation ? "Failed to allocate memory: " : "";
  throw Failure(std::string(memory) + call + ": " + cudaGetErrorName(error));
}

bool succeeded(Status* status) noexcept {
  if (status == nullptr) return true;
  ort().ReleaseStatus(status);
  return false;
}

Status* failed(const char* why) noexcept { return ort().CreateStatus(kFail, why); }

}  // namespace emulated_provider
