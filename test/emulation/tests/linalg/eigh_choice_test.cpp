// Which of cuSOLVER's routines does an eigenproblem.
#include "cuda/linalg/eigh_choice.h"

#include <doctest/doctest.h>

using tensorlane::cuda::choose_eigh;
using tensorlane::cuda::EighMethod;

TEST_CASE("cuda eigh: the choice of a routine") {
  CHECK(choose_eigh(1, 10, true) == EighMethod::Each);
  CHECK(choose_eigh(2, 10, true) == EighMethod::Batched);
  CHECK(choose_eigh(2, 46340, true) == EighMethod::Batched);
  CHECK(choose_eigh(2, 46341, true) == EighMethod::Each);  // one matrix is more than the batched routine can index
  CHECK(choose_eigh(2, 32, false) == EighMethod::Jacobi);
  CHECK(choose_eigh(2, 33, false) == EighMethod::Each);
}
