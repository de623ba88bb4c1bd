// Eigenvalues of matrices that need not be symmetric, on the host: torch's eig took 18 times as long by cuSOLVER's Xgeev as by
// LAPACK (pytorch issue 183806), and older libraries have nothing.
#include "cpu/operations.h"
#include "cuda/linalg/linalg.h"
#include "cuda/linalg/on_host.h"

namespace tensorlane::cuda {

void eig(CudaLane& lane, const EigArgs& args) {
  OnHost host(lane);
  EigArgs here = args;
  here.a = host.input(args.a);
  here.w = host.output(args.w);
  here.v = host.output(args.v);
  host.compute([&](Lane& own) { cpu::eig(own, here); });
}

}  // namespace tensorlane::cuda
