// A model of one node whose kernel, of ours, occupies the runtime's shared threads: the only way to call something on all of
// them at once that ONNX Runtime's C API offers.
#pragma once

#include <cstddef>
#include <memory>

#include "onnx/runtime/runtime.h"

namespace tensorlane {

class ParkModel {
 public:
  // What is called, so that no memory is read there but what it points to.
  struct Occupation {
    void (*call)(void* of, std::size_t index);
    void* of;
  };

  // The call is made `threads` times, on as many threads if each lasts until all have begun; one of them is the thread that
  // calls run(). Errors: Model, where the runtime has no shared threads.
  ParkModel(const ort::Runtime& runtime, unsigned threads, Occupation occupation);
  ~ParkModel();
  ParkModel(const ParkModel&) = delete;
  ParkModel& operator=(const ParkModel&) = delete;

  // Until all calls have returned. Errors: Model.
  void run();

 private:
  struct Operator;

  const ort::Runtime& runtime_;
  std::unique_ptr<Operator> operator_;
  ort::OwnedCustomOpDomain domain_;
  ort::OwnedSession session_;
};

}  // namespace tensorlane
