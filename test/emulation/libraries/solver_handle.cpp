// cuSOLVER's handles, and the settings of its Jacobi methods.
#include "libraries/jacobi.h"
#include "libraries/solver.h"

using namespace emulation::libraries;

struct cusolverDnParams {
  cusolverAlgMode_t algorithms[3] = {};
};

namespace {

template <typename Info, typename Change>
cusolverStatus_t change(const char* name, Info info, const Change& apply) {
  return call<cusolverStatus_t>(name, [&] {
    require(info != nullptr, "an info that was created");
    apply();
  });
}

}  // namespace

extern "C" {

cusolverStatus_t cusolverGetVersion(int* version) {
  return call<cusolverStatus_t>("cusolverGetVersion", [&] {
    require(version != nullptr, "a place for the version");
    *version = CUSOLVER_VERSION;
  });
}

cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t* handle) {
  return call<cusolverStatus_t>("cusolverDnCreate", [&] {
    require(handle != nullptr, "a place for the handle");
    *handle = new cusolverDnContext;
    try {
      bind_to_device(**handle);
    } catch (...) {
      delete *handle;
      *handle = nullptr;
      throw;
    }
  });
}

cusolverStatus_t cusolverDnDestroy(cusolverDnHandle_t handle) {
  return call<cusolverStatus_t>("cusolverDnDestroy", [&] {
    {
      const InUse in_use(handle);
    }
    handle->magic = 0;
    delete handle;
  });
}

cusolverStatus_t cusolverDnSetStream(cusolverDnHandle_t handle, cudaStream_t streamId) {
  return solver_call("cusolverDnSetStream", handle, [&] { handle->stream = streamId; });
}

cusolverStatus_t cusolverDnCreateParams(cusolverDnParams_t* params) {
  return call<cusolverStatus_t>("cusolverDnCreateParams", [&] {
    require(params != nullptr, "a place for the params");
    *params = new cusolverDnParams;
  });
}

cusolverStatus_t cusolverDnDestroyParams(cusolverDnParams_t params) {
  return change("cusolverDnDestroyParams", params, [&] { delete params; });
}

cusolverStatus_t cusolverDnSetAdvOptions(cusolverDnParams_t params, cusolverDnFunction_t function,
                                         cusolverAlgMode_t algo) {
  return change("cusolverDnSetAdvOptions", params, [&] {
    require(function >= CUSOLVERDN_GETRF && function <= CUSOLVERDN_SYEVBATCHED, "a function that has options");
    params->algorithms[function] = algo;
  });
}

cusolverStatus_t cusolverDnCreateGesvdjInfo(gesvdjInfo_t* info) {
  return change("cusolverDnCreateGesvdjInfo", info, [&] { *info = new gesvdjInfo; });
}

cusolverStatus_t cusolverDnDestroyGesvdjInfo(gesvdjInfo_t info) {
  return change("cusolverDnDestroyGesvdjInfo", info, [&] { delete info; });
}

cusolverStatus_t cusolverDnXgesvdjSetTolerance(gesvdjInfo_t info, double tolerance) {
  return change("cusolverDnXgesvdjSetTolerance", info, [&] { info->settings.tolerance = tolerance; });
}

cusolverStatus_t cusolverDnXgesvdjSetMaxSweeps(gesvdjInfo_t info, int max_sweeps) {
  return change("cusolverDnXgesvdjSetMaxSweeps", info, [&] {
    require(max_sweeps >= 0, "sweeps of at least 0");
    info->settings.max_sweeps = max_sweeps;
  });
}

cusolverStatus_t cusolverDnXgesvdjSetSortEig(gesvdjInfo_t info, int sort_svd) {
  return change("cusolverDnXgesvdjSetSortEig", info, [&] { info->settings.sort = sort_svd != 0; });
}

// What the last gesvdj did, and so these wait for it.
cusolverStatus_t cusolverDnXgesvdjGetSweeps(cusolverDnHandle_t handle, gesvdjInfo_t info, int* executed_sweeps) {
  return solver_call("cusolverDnXgesvdjGetSweeps", handle, [&] {
    require(info != nullptr && executed_sweeps != nullptr, "an info, and a place for the sweeps");
    if (info->batched) throw Refusal(Outcome::NotSupported, "not after gesvdjBatched");
    submit_and_wait(handle->stream, [] {});
    *executed_sweeps = info->last->sweeps;
  });
}

cusolverStatus_t cusolverDnXgesvdjGetResidual(cusolverDnHandle_t handle, gesvdjInfo_t info, double* residual) {
  return solver_call("cusolverDnXgesvdjGetResidual", handle, [&] {
    require(info != nullptr && residual != nullptr, "an info, and a place for the residual");
    if (info->batched) throw Refusal(Outcome::NotSupported, "not after gesvdjBatched");
    submit_and_wait(handle->stream, [] {});
    *residual = info->last->residual;
  });
}

cusolverStatus_t cusolverDnCreateSyevjInfo(syevjInfo_t* info) {
  return change("cusolverDnCreateSyevjInfo", info, [&] { *info = new syevjInfo; });
}

cusolverStatus_t cusolverDnDestroySyevjInfo(syevjInfo_t info) {
  return change("cusolverDnDestroySyevjInfo", info, [&] { delete info; });
}

cusolverStatus_t cusolverDnXsyevjSetTolerance(syevjInfo_t info, double tolerance) {
  return change("cusolverDnXsyevjSetTolerance", info, [&] { info->settings.tolerance = tolerance; });
}

cusolverStatus_t cusolverDnXsyevjSetMaxSweeps(syevjInfo_t info, int max_sweeps) {
  return change("cusolverDnXsyevjSetMaxSweeps", info, [&] {
    require(max_sweeps >= 0, "sweeps of at least 0");
    info->settings.max_sweeps = max_sweeps;
  });
}

cusolverStatus_t cusolverDnXsyevjSetSortEig(syevjInfo_t info, int sort_eig) {
  return change("cusolverDnXsyevjSetSortEig", info, [&] { info->settings.sort = sort_eig != 0; });
}
}
