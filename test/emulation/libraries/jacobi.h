// The one-sided Jacobi method (Hestenes): rotates pairs of columns until all are orthogonal to each other. In plain
// loops and in double precision, sweep by sweep, so that too few sweeps really do not converge.
#pragma once

#include <memory>

#include "libraries/matrix.h"

namespace emulation::libraries {

struct JacobiSettings {
  double tolerance = 0;  // 0: the precision of the element type
  int max_sweeps = 100;
  bool sort = true;
};

struct JacobiOutcome {
  int sweeps = 0;
  bool converged = false;
  double residual = 0;  // the largest cosine between two columns that is left
};

// u has a column for each singular value, or rows x rows with `full_u`; v has columns x columns or as many as there are
// singular values.
struct JacobiSvd {
  Matrix<double> u, v;
  std::vector<double> s;
  JacobiOutcome outcome;
};

// `epsilon` is the precision that is asked for where the settings name none.
JacobiSvd jacobi_svd(const Matrix<double>& a, bool full, double epsilon, const JacobiSettings& settings);

}  // namespace emulation::libraries

struct gesvdjInfo {
  emulation::libraries::JacobiSettings settings;
  // Written by the work on a stream, which may outlive the info.
  std::shared_ptr<emulation::libraries::JacobiOutcome> last = std::make_shared<emulation::libraries::JacobiOutcome>();
  bool batched = false;
};

struct syevjInfo {
  emulation::libraries::JacobiSettings settings;
};
