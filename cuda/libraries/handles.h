// The libraries and their handles by name alone, as NVIDIA's headers declare them: for who passes them on. So a lane
// can be used where those headers are not there, which not every toolkit has.
#pragma once

using cublasHandle_t = struct cublasContext*;
using cublasLtHandle_t = struct cublasLtContext*;
using cusolverDnHandle_t = struct cusolverDnContext*;
using cusolverDnParams_t = struct cusolverDnParams*;

namespace tensorlane::cuda {

struct Cublas;
struct CublasLt;
struct Cusolver;

}  // namespace tensorlane::cuda
