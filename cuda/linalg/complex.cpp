#include "cuda/linalg/complex.h"

#include <initializer_list>

#include "cpu/operations.h"
#include "cuda/linalg/on_host.h"

namespace tensorlane::cuda {
namespace {

template <typename Args>
void run(CudaLane& lane, const Args& args, void (*operation)(Lane&, const Args&),
         std::initializer_list<Operand Args::*> inputs, std::initializer_list<Operand Args::*> outputs) {
  OnHost host(lane);
  Args here = args;
  for (Operand Args::* input : inputs) here.*input = host.input(args.*input);
  for (Operand Args::* output : outputs) here.*output = host.output(args.*output);
  host.compute([&](Lane& own) { operation(own, here); });
}

}  // namespace

void complex_on_host(CudaLane& lane, const MatmulArgs& args) {
  run(lane, args, cpu::matmul, {&MatmulArgs::a, &MatmulArgs::b}, {&MatmulArgs::c});
}
void complex_on_host(CudaLane& lane, const SolveArgs& args) {
  run(lane, args, cpu::solve, {&SolveArgs::a, &SolveArgs::b}, {&SolveArgs::x});
}
void complex_on_host(CudaLane& lane, const InvArgs& args) {
  run(lane, args, cpu::inv, {&InvArgs::a}, {&InvArgs::inverse});
}
void complex_on_host(CudaLane& lane, const DetArgs& args) {
  run(lane, args, cpu::det, {&DetArgs::a}, {&DetArgs::det, &DetArgs::log_abs});
}
void complex_on_host(CudaLane& lane, const CholeskyArgs& args) {
  run(lane, args, cpu::cholesky, {&CholeskyArgs::a}, {&CholeskyArgs::l});
}
void complex_on_host(CudaLane& lane, const QrArgs& args) {
  run(lane, args, cpu::qr, {&QrArgs::a}, {&QrArgs::q, &QrArgs::r});
}
void complex_on_host(CudaLane& lane, const EighArgs& args) {
  run(lane, args, cpu::eigh, {&EighArgs::a}, {&EighArgs::w, &EighArgs::v});
}
void complex_on_host(CudaLane& lane, const SvdArgs& args) {
  run(lane, args, cpu::svd, {&SvdArgs::a}, {&SvdArgs::u, &SvdArgs::s, &SvdArgs::vt});
}

}  // namespace tensorlane::cuda
