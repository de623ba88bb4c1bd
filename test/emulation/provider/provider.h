// The provider as a session has it: which nodes it takes, and the kernels that it has for them.
#pragma once

#include <set>
#include <string>

#include "provider/ort.h"

namespace emulated_provider {

inline constexpr const char* kName = "EmulatedCudaExecutionProvider";

// A session's options, under "ep.emulatedcudaexecutionprovider.".
struct ProviderOptions {
  std::set<std::string> operators;  // those that it takes: empty, all; "operators": "MatMul,Add"
  bool refuses = false;             // "refuses": "1": no session may be made
  bool captures = false;            // "enable_cuda_graph": "1": as graphs.h has it
  std::set<std::string>
      waits;  // those whose kernels wait for the stream, so that no capture survives them: "waits": "Relu"
};

// Errors: Failure, for an option that there is not.
ProviderOptions read_options(const SessionOptions* options);

// Errors: Failure.
EpTable* make_provider(int device, ProviderOptions options);
void release_provider(EpTable* provider) noexcept;

}  // namespace emulated_provider
