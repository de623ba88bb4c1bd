// A CUDA device with one lane, whose operations a test calls with vectors and waits for.
#pragma once

#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

#include "device/device.h"
#include "support/operands.h"
#include "support/rig.h"

namespace tensorlane::test {

// Where the operands of a call lie.
enum class Where { Host, Buffers };

inline std::string name_of(Where where) { return where == Where::Host ? "host memory" : "buffers"; }

class Gpu : public cuda::testing::Rig {
 public:
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
  void cholesky(const CholeskyArgs& args, Where where = Where::Host) {
    call(&Device::cholesky, args, where, {&CholeskyArgs::a}, {&CholeskyArgs::l});
  }
  void qr(const QrArgs& args, Where where = Where::Host) {
    call(&Device::qr, args, where, {&QrArgs::a}, {&QrArgs::q, &QrArgs::r});
  }
  void det(const DetArgs& args, Where where = Where::Host) {
    call(&Device::det, args, where, {&DetArgs::a}, {&DetArgs::det, &DetArgs::log_abs});
  }

  // Of any part of the device.
  template <typename Part, typename Args>
  void call(void (Part::*operation)(Lane&, const Args&), Args args, Where where,
            std::initializer_list<Operand Args::*> inputs, std::initializer_list<Operand Args::*> outputs) {
    if (where == Where::Host) {
      run([&](Lane& lane) { (device().*operation)(lane, args); });
      return;
    }
    const Args host = args;
    std::vector<std::vector<std::byte>> read_back;
    for (Operand Args::* input : inputs) read_back.emplace_back((host.*input).bytes);
    run([&](Lane& lane) {
      const auto move = [&](Operand Args::* member) {
        Operand& operand = args.*member;
        if (operand.bytes == 0) return;
        operand.buffer = device().allocate(lane, operand.bytes);
        operand.data = operand.buffer->data();
      };
      for (Operand Args::* input : inputs) {
        move(input);
        if ((host.*input).bytes > 0) device().copy(lane, host.*input, args.*input);
      }
      for (Operand Args::* output : outputs) move(output);
      (device().*operation)(lane, args);
      for (Operand Args::* output : outputs) {
        if ((host.*output).bytes > 0) device().copy(lane, args.*output, host.*output);
      }
      std::size_t index = 0;
      for (Operand Args::* input : inputs) {
        std::vector<std::byte>& bytes = read_back[index++];
        if (!bytes.empty()) device().copy(lane, args.*input, {bytes.data(), bytes.size(), nullptr});
      }
    });
    std::size_t index = 0;
    for (Operand Args::* input : inputs) {
      const std::vector<std::byte>& bytes = read_back[index++];
      if (!bytes.empty() && std::memcmp(bytes.data(), (host.*input).data, bytes.size()) != 0) {
        throw std::logic_error("an input was written to");
      }
    }
  }
};

}  // namespace tensorlane::test
