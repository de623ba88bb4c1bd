#include "cuda/linalg/host_numbers.h"

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

void compute_on_host(CudaLane& lane, const MatmulArgs& args) {
  run(lane, args, cpu::matmul, {&MatmulArgs::a, &MatmulArgs::b}, {&MatmulArgs::c});
}
void compute_on_host(CudaLane& lane, const SolveArgs& args) {
  run(lane, args, cpu::solve, {&SolveArgs::a, &SolveArgs::b}, {&SolveArgs::x});
}
void compute_on_host(CudaLane& lane, const InvArgs& args) {
  run(lane, args, cpu::inv, {&InvArgs::a}, {&InvArgs::inverse});
}
void compute_on_host(CudaLane& lane, const DetArgs& args) {
  run(lane, args, cpu::det, {&DetArgs::a}, {&DetArgs::det, &DetArgs::log_abs});
}
void compute_on_host(CudaLane& lane, const CholeskyArgs& args) {
  run(lane, args, cpu::cholesky, {&CholeskyArgs::a}, {&CholeskyArgs::l});
}
void compute_on_host(CudaLane& lane, const QrArgs& args) {
  run(lane, args, cpu::qr, {&QrArgs::a}, {&QrArgs::q, &QrArgs::r});
}
void compute_on_host(CudaLane& lane, const EighArgs& args) {
  run(lane, args, cpu::eigh, {&EighArgs::a}, {&EighArgs::w, &EighArgs::v});
}
void compute_on_host(CudaLane& lane, const SvdArgs& args) {
  run(lane, args, cpu::svd, {&SvdArgs::a}, {&SvdArgs::u, &SvdArgs::s, &SvdArgs::vt});
}
void compute_on_host(CudaLane& lane, const LuFactorArgs& args) {
  run(lane, args, cpu::lu_factor, {&LuFactorArgs::a},
      {&LuFactorArgs::lu, &LuFactorArgs::pivots, &LuFactorArgs::permutation});
}
void compute_on_host(CudaLane& lane, const LuSolveArgs& args) {
  run(lane, args, cpu::lu_solve, {&LuSolveArgs::a, &LuSolveArgs::pivots, &LuSolveArgs::b}, {&LuSolveArgs::x});
}
void compute_on_host(CudaLane& lane, const SolveTriangularArgs& args) {
  run(lane, args, cpu::solve_triangular, {&SolveTriangularArgs::a, &SolveTriangularArgs::b}, {&SolveTriangularArgs::x});
}
void compute_on_host(CudaLane& lane, const BinaryArgs& args) {
  run(lane, args, cpu::binary, {&BinaryArgs::a, &BinaryArgs::b}, {&BinaryArgs::result});
}
void compute_on_host(CudaLane& lane, const UnaryArgs& args) {
  run(lane, args, cpu::unary, {&UnaryArgs::a}, {&UnaryArgs::result});
}

}  // namespace tensorlane::cuda
