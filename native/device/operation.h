// An operation: what the parts of a device that compute are made of. Adding one is a row of its family's table, with
// its Args beside it, and for each device a function of the row's name.
//
// A row is ROW(function, Args, name, pipelines):
//   function   of a device's part, and of each device's folder, which does it
//   Args       its operands, shapes and choices, with read(Request&)
//   name       that binding.d.ts gives it
//   pipelines  whether it only hands its work to a device that works behind its lanes (see Task::pipelines)
//
// How much work it is, is estimated before it runs, so that small ones need not wait behind large ones (see
// Task::small): the bytes that it reads and writes, or what Args::work(bytes) makes of them, as for algebra, whose
// steps are bytes times the shorter side of its matrices, and for images. All come to about 0.1 ns each on a core of a server.
//
// Operations run on a lane's thread and may take as long as they need, or hand their work to the device and return (see
// core/lanes/lane_state.h). Operands are contiguous and row-major; their sizes have been checked by Args::read(). An operand
// lies in host memory, or in a Buffer of this device. Host memory stays valid, and results in host memory unread, until
// the task has ended. Every one of them may fail with OutOfMemory.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "device/memory.h"
#include "device/request.h"

// The members of an abstract part, and of the device that has it.
#define TENSORLANE_ABSTRACT_OPERATION(function, Args, ...) virtual void function(Lane& lane, const Args& args) = 0;
#define TENSORLANE_OVERRIDDEN_OPERATION(function, Args, ...) void function(Lane& lane, const Args& args) override;

namespace tensorlane {

class Device;

// Of small operations: at most some 7 ms of a core. A photograph made into a tensor of 640 x 640, say, or an SVD of 128 x
// 128.
inline constexpr double kSmallWork = double{64U << 20U};

// One that was read, and waits for its memory and its lane.
class Operation {
 public:
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  virtual ~Operation() = default;

  // What it gives: each is to be given memory of its size before run().
  [[nodiscard]] const std::vector<Operand*>& results() const noexcept { return results_; }
  [[nodiscard]] bool pipelines() const noexcept { return pipelines_; }
  [[nodiscard]] double work() const noexcept { return work_; }
  [[nodiscard]] bool small() const noexcept { return work_ <= kSmallWork; }
  virtual void run(Device& device, Lane& lane) = 0;
  // Which routine did it, after run(), where several could have; else null.
  [[nodiscard]] virtual const char* ran() const noexcept { return nullptr; }

 protected:
  explicit Operation(bool pipelines) : pipelines_(pipelines) {}
  void take_results(const Request& request) { results_ = request.results(); }
  void estimate(double work) { work_ = work; }

 private:
  std::vector<Operand*> results_;
  double work_ = 0;
  bool pipelines_;
};

// Errors: Argument where there is no operation of this name, and what its Args say.
std::unique_ptr<Operation> read_operation(const std::string& name, Request& request);

}  // namespace tensorlane
