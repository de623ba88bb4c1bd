// Cholesky factors of Hermitian matrices, by LAPACK's potrf. By columns the buffer of A is A^T, whose upper triangle potrf reads: A^T
// = U^H U, so that A = U^T conj(U), and l = U^T has U's buffer.
#include <algorithm>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "cpu/complex/batch.h"

namespace tensorlane::cpu::complex {
namespace {

using lapack::Int;

template <typename T>
void cholesky_batch(Lane& lane, const CholeskyArgs& args) {
  const std::int64_t n = args.n;
  std::vector<std::int64_t> not_definite;
  LineStart<T> l(args.l, n * n, args.batch);
  std::tie(l.spare()) = take_arrays<T>(lane.workspace(), l.spare_count());
  const auto load = [&](std::int64_t i) {
    const T* a = elements<const T>(args.a) + i * n * n;
    T* factor = l[i];
    bool finite = true;
    for (std::int64_t row = 0; row < n; ++row) {
      finite = copy_finite(a + row * n, factor + row * n, static_cast<std::size_t>(row + 1)) && finite;
      std::fill_n(factor + row * n + row + 1, n - row - 1, T{0});
    }
    return finite;
  };
  for_each_finite("cholesky", Indices(args.batch), load, [&](std::int64_t i) {
    Int info = 0;
    lapack::potrf('U', static_cast<Int>(n), l[i], &info);
    check_info("cholesky: potrf", info);
    // A sum that has overflowed was no positive definite matrix': there every sum is at most an element of a.
    if (info > 0 || !all_finite(l[i], static_cast<std::size_t>(n * n))) not_definite.push_back(i);
    l.keep(i);
  });
  throw_for(not_definite, args.batch, Code::NotPositiveDefinite, "cholesky: the matrix is not positive definite");
}

}  // namespace

void cholesky(Lane& lane, const CholeskyArgs& args) {
  if (args.n == 0) return;
  check_lapack_size("cholesky", args.n, args.n);
  with_complex(args.type, [&](auto element) { cholesky_batch<decltype(element)>(lane, args); });
}

}  // namespace tensorlane::cpu::complex
