// One call of an entry point of an emulated library: it asks first whether it shall fail, then does its work, and says
// on stderr what it refused and why. The real libraries say nothing, or misbehave.
#pragma once

#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "emulation.h"

namespace emulation::libraries {

// What the libraries' statuses have in common.
enum class Outcome {
  Success,
  NotInitialized,
  OutOfMemory,
  InvalidValue,
  ExecutionFailed,
  NotSupported,
  InternalError,
};

// The status of a library for an outcome; each library has its own.
template <typename Status>
Status status_of(Outcome outcome);

inline Outcome outcome_of(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return Outcome::Success;
    case cudaErrorMemoryAllocation:
      return Outcome::OutOfMemory;
    case cudaErrorInvalidValue:
      return Outcome::InvalidValue;
    case cudaErrorNotSupported:
      return Outcome::NotSupported;
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorInitializationError:
      return Outcome::NotInitialized;
    case cudaErrorUnknown:
      return Outcome::InternalError;
    default:
      return Outcome::ExecutionFailed;
  }
}

class Refusal : public std::exception {
 public:
  Refusal(Outcome outcome, std::string why) : outcome_(outcome), why_(std::move(why)) {}
  [[nodiscard]] Outcome outcome() const noexcept { return outcome_; }
  [[nodiscard]] const char* what() const noexcept override { return why_.c_str(); }

 private:
  Outcome outcome_;
  std::string why_;
};

inline void require(bool met, const char* what) {
  if (!met) throw Refusal(Outcome::InvalidValue, std::string("expected ") + what);
}

inline void complain(const char* call, const char* why) { std::fprintf(stderr, "emulation: %s: %s\n", call, why); }

// What gives something back does so on a device that failed, too, and when it is to fail itself.
inline bool gives_back(const char* name) { return std::strstr(name, "Destroy") != nullptr; }

template <typename Status, typename Body>
Status call(const char* name, Body body) noexcept {
  const cudaError_t planned = emulation::fault(name);
  if (planned != cudaSuccess && !gives_back(name)) return status_of<Status>(outcome_of(planned));
  try {
    body();
    return status_of<Status>(outcome_of(planned));
  } catch (const Refusal& refusal) {
    complain(name, refusal.what());
    return status_of<Status>(refusal.outcome());
  } catch (const std::bad_alloc&) {
    return status_of<Status>(Outcome::OutOfMemory);
  } catch (const std::exception& error) {
    complain(name, error.what());
    return status_of<Status>(Outcome::InternalError);
  }
}

}  // namespace emulation::libraries
