// The device that the cases here are put to, whichever it is. A program says once which one it tests, in
// cpu_subject.cpp or in cuda_subject.cpp (a GPU, or the emulation of one); the cases know only what is here.
//
// A case calls an operation with operands in host memory, and says whether the device is to get these or buffers of its
// own. Whichever: the call waits, throws what the operation fails with, and throws where an input was written to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <future>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "device/device.h"
#include "support/operands.h"
#include "support/work.h"

namespace tensorlane::test {

// Where the operands of a call lie.
enum class Where { Host, Buffers };

inline constexpr Where kPlaces[] = {Where::Host, Where::Buffers};

// A device with memory of its own takes operands from host memory in chunks of so many bytes where there are two of them or more. It
// is opened so here: with its own, larger ones the cases that look at that would be most of all that is computed.
inline constexpr std::int64_t kChunkBytes = std::int64_t{512} << 10;

inline std::string name_of(Where where) { return where == Where::Host ? "host memory" : "buffers"; }

// In what devices rightly differ.
struct Traits {
  const char* name;
  // Those that keep all digits. The first is Auto.
  std::vector<SvdDriver> svd_drivers;
  // Whether each matrix of a batch gets the very bits that it gets alone: there is one routine for both.
  bool batched_as_alone;
};

struct SubjectOptions {
  std::size_t lanes = 1;
  unsigned cores = 2;  // that an operation may use, where the device computes on them
};

// The program's.
const Traits& traits();
std::shared_ptr<Device> open_device(const SubjectOptions& options);

class Subject {
 public:
  explicit Subject(const SubjectOptions& options = {}) : device_(open_device(options)) {
    LaneOptions lanes;
    lanes.lanes = options.lanes;
    lanes.state = [device = device_.get()](std::size_t lane) { return device->lane_state(lane); };
    pool_ = std::make_unique<LanePool>(lanes);
  }

  [[nodiscard]] Device& device() { return *device_; }

  std::future<Outcome> submit(Work work, std::size_t lane = LanePool::kAnyLane) {
    return start(*pool_, std::move(work), lane);
  }
  void run(Work work, std::size_t lane = LanePool::kAnyLane) { await(submit(std::move(work), lane)); }

  void svd(const SvdArgs& args, Where where = Where::Host) {
    call(&Device::svd, args, where, {&SvdArgs::a}, {&SvdArgs::u, &SvdArgs::s, &SvdArgs::vt});
  }
  void eigh(const EighArgs& args, Where where = Where::Host) {
    call(&Device::eigh, args, where, {&EighArgs::a}, {&EighArgs::w, &EighArgs::v});
  }
  void matmul(const MatmulArgs& args, Where where = Where::Host) {
    call(&Device::matmul, args, where, {&MatmulArgs::a, &MatmulArgs::b}, {&MatmulArgs::c});
  }
  void solve(const SolveArgs& args, Where where = Where::Host) {
    call(&Device::solve, args, where, {&SolveArgs::a, &SolveArgs::b}, {&SolveArgs::x});
  }
  void inv(const InvArgs& args, Where where = Where::Host) {
    call(&Device::inv, args, where, {&InvArgs::a}, {&InvArgs::inverse});
  }
  void lu_factor(const LuFactorArgs& args, Where where = Where::Host) {
    call(&Device::lu_factor, args, where, {&LuFactorArgs::a},
         {&LuFactorArgs::lu, &LuFactorArgs::pivots, &LuFactorArgs::permutation});
  }
  void lu_solve(const LuSolveArgs& args, Where where = Where::Host) {
    call(&Device::lu_solve, args, where, {&LuSolveArgs::a, &LuSolveArgs::pivots, &LuSolveArgs::b}, {&LuSolveArgs::x});
  }
  void solve_triangular(const SolveTriangularArgs& args, Where where = Where::Host) {
    call(&Device::solve_triangular, args, where, {&SolveTriangularArgs::a, &SolveTriangularArgs::b},
         {&SolveTriangularArgs::x});
  }
  void cholesky(const CholeskyArgs& args, Where where = Where::Host) {
    call(&Device::cholesky, args, where, {&CholeskyArgs::a}, {&CholeskyArgs::l});
  }
  void qr(const QrArgs& args, Where where = Where::Host) {
    call(&Device::qr, args, where, {&QrArgs::a}, {&QrArgs::q, &QrArgs::r});
  }
  void det(const DetArgs& args, Where where = Where::Host) {
    call(&Device::det, args, where, {&DetArgs::a}, {&DetArgs::det, &DetArgs::log_abs});
  }
  void trace(const TraceArgs& args, Where where = Where::Host) {
    call(&Device::trace, args, where, {&TraceArgs::a}, {&TraceArgs::trace});
  }

  void cast(const CastArgs& args, Where where = Where::Host) {
    call(&Device::cast, args, where, {&CastArgs::a}, {&CastArgs::result});
  }
  void binary(const BinaryArgs& args, Where where = Where::Host) {
    call(&Device::binary, args, where, {&BinaryArgs::a, &BinaryArgs::b}, {&BinaryArgs::result});
  }
  void unary(const UnaryArgs& args, Where where = Where::Host) {
    call(&Device::unary, args, where, {&UnaryArgs::a}, {&UnaryArgs::result});
  }
  void clip(const ClipArgs& args, Where where = Where::Host) {
    call(&Device::clip, args, where, {&ClipArgs::a}, {&ClipArgs::result});
  }
  void where(const WhereArgs& args, Where where = Where::Host) {
    call(&Device::where, args, where, {&WhereArgs::condition, &WhereArgs::a, &WhereArgs::b}, {&WhereArgs::result});
  }
  void softmax(const SoftmaxArgs& args, Where where = Where::Host) {
    call(&Device::softmax, args, where, {&SoftmaxArgs::a}, {&SoftmaxArgs::result});
  }
  void transpose(const TransposeArgs& args, Where where = Where::Host) {
    call(&Device::transpose, args, where, {&TransposeArgs::a}, {&TransposeArgs::result});
  }
  void reduce(const ReduceArgs& args, Where where = Where::Host) {
    call(&Device::reduce, args, where, {&ReduceArgs::a}, {&ReduceArgs::result});
  }
  void argmax(const ArgmaxArgs& args, Where where = Where::Host) {
    call(&Device::argmax, args, where, {&ArgmaxArgs::a}, {&ArgmaxArgs::result});
  }
  void top_k(const TopKArgs& args, Where where = Where::Host) {
    call(&Device::top_k, args, where, {&TopKArgs::a}, {&TopKArgs::values, &TopKArgs::indices});
  }
  void has_non_finite(const HasNonFiniteArgs& args, Where where = Where::Host) {
    call(&Device::has_non_finite, args, where, {&HasNonFiniteArgs::a}, {&HasNonFiniteArgs::result});
  }
  void gather(const GatherArgs& args, Where where = Where::Host) {
    call(&Device::gather, args, where, {&GatherArgs::a, &GatherArgs::indices}, {&GatherArgs::result});
  }
  void scatter(const ScatterArgs& args, Where where = Where::Host) {
    call(&Device::scatter, args, where, {&ScatterArgs::a, &ScatterArgs::indices, &ScatterArgs::updates},
         {&ScatterArgs::result});
  }
  // Its offsets lie in host memory.
  void pad(const PadArgs& args, Where where = Where::Host) {
    call(&Device::pad, args, where, {&PadArgs::a}, {&PadArgs::result});
  }
  void random_numbers(const RandomNumbersArgs& args, Where where = Where::Host) {
    call(&Device::random_numbers, args, where, {}, {&RandomNumbersArgs::result});
  }
  void image_to_tensor(const ImageToTensorArgs& args, Where where = Where::Host) {
    call(&Device::image_to_tensor, args, where, {&ImageToTensorArgs::a}, {&ImageToTensorArgs::result});
  }

 private:
  template <typename Part, typename Args>
  void call(void (Part::*operation)(Lane&, const Args&), const Args& args, Where where,
            std::initializer_list<Operand Args::*> inputs, std::initializer_list<Operand Args::*> outputs) {
    using Bytes = std::vector<std::byte>;
    std::vector<Bytes> before;
    for (Operand Args::* input : inputs) {
      const Operand& operand = args.*input;
      before.emplace_back(operand.data, operand.data + operand.bytes);
    }
    std::vector<Bytes> after = before;
    if (where == Where::Host) {
      run([&](Lane& lane) { (device().*operation)(lane, args); });
      std::size_t index = 0;
      for (Operand Args::* input : inputs) {
        Bytes& bytes = after[index++];
        if (!bytes.empty()) std::memcpy(bytes.data(), (args.*input).data, bytes.size());
      }
    } else {
      run([&](Lane& lane) {
        Args held = args;
        // What is in the outputs is carried over, too: where nothing is written it comes back.
        for (const auto* members : {&inputs, &outputs}) {
          for (Operand Args::* member : *members) {
            Operand& operand = held.*member;
            if (operand.bytes == 0) continue;
            operand.buffer = device().allocate(lane, operand.bytes);
            operand.data = operand.buffer->data();
            device().copy(lane, args.*member, operand);
          }
        }
        (device().*operation)(lane, held);
        for (Operand Args::* output : outputs) {
          if ((args.*output).bytes > 0) device().copy(lane, held.*output, args.*output);
        }
        std::size_t index = 0;
        for (Operand Args::* input : inputs) {
          Bytes& bytes = after[index++];
          if (!bytes.empty()) device().copy(lane, held.*input, {bytes.data(), bytes.size(), nullptr});
        }
      });
    }
    if (after != before) throw std::logic_error("an input was written to");
  }

  std::shared_ptr<Device> device_;
  std::unique_ptr<LanePool> pool_;  // after the device: gone before it
};

}  // namespace tensorlane::test
