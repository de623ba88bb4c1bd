// The algebra of complex matrices that is not the same as that of real ones in cpu/linalg, all of it by LAPACK, one operation a file. There
// are no kernels for small ones.
//
// Row-major without a transpose, where the real ones do so too: the buffer of A is, by columns, A^T, of which factors are
// found whose buffers are those of A's. Nothing of that takes a conjugate.
#pragma once

#include "core/lanes/lane.h"
#include "device/algebra.h"

namespace tensorlane::cpu::complex {

void matmul(const MatmulArgs& args);
void cholesky(Lane& lane, const CholeskyArgs& args);
void eigh(Lane& lane, const EighArgs& args);
void svd(Lane& lane, const SvdArgs& args);

}  // namespace tensorlane::cpu::complex
