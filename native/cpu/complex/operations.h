// The algebra of complex matrices, all of it by LAPACK, one operation a file: what cpu/linalg has of real ones, but for the kernels
// for small matrices and the scaling of such as are near the ends of the type's range.
//
// Row-major without a transpose, where the real ones do so too: the buffer of A is, by columns, A^T, of which factors are
// found whose buffers are those of A's. Nothing of that takes a conjugate.
#pragma once

#include "core/lanes/lane.h"
#include "device/algebra.h"

namespace tensorlane::cpu::complex {

void matmul(const MatmulArgs& args);
void solve(Lane& lane, const SolveArgs& args);
void inv(Lane& lane, const InvArgs& args);
void det(Lane& lane, const DetArgs& args);
void cholesky(Lane& lane, const CholeskyArgs& args);
void qr(Lane& lane, const QrArgs& args);
void eigh(Lane& lane, const EighArgs& args);
void svd(Lane& lane, const SvdArgs& args);

}  // namespace tensorlane::cpu::complex
