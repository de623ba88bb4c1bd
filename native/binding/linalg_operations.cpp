#include <algorithm>
#include <array>
#include <utility>

#include "binding/operation_reader.h"

namespace tensorlane {
namespace {

Operation svd(Reader read) {
  SvdArgs args;
  args.type = read.float_type();
  args.mode = static_cast<SvdMode>(read.choice<3>("mode", {"thin", "full", "values"}));
  args.driver =
      static_cast<SvdDriver>(read.choice<6>("driver", {"auto", "gesvd", "gesvdj", "gesvdp", "gesvdr", "gesvda"}));
  args.rank = read.size("rank");
  args.batch = read.size("batch");
  args.m = read.size("m");
  args.n = read.size("n");
  args.a = read.input("a", bytes_of(args.type, checked_product({args.batch, args.m, args.n})));
  const std::int64_t least = std::min(args.m, args.n);
  // The device refuses a rank that its drivers do not take, and says which they do.
  const std::int64_t k = args.rank == 0 ? least : std::min(args.rank, least);
  const bool full = args.mode == SvdMode::Full;
  read.result(bytes_of(args.type, checked_product({args.batch, k})));
  if (args.mode != SvdMode::Values) {
    read.result(bytes_of(args.type, checked_product({args.batch, args.m, full ? args.m : k})));
    read.result(bytes_of(args.type, checked_product({args.batch, full ? args.n : k, args.n})));
  }
  return read.take([args](Device& device, Lane& lane, Results results) mutable {
    args.s = results[0];
    if (results.size() > 1) {
      args.u = results[1];
      args.vt = results[2];
    }
    device.svd(lane, args);
  });
}

Operation eigh(Reader read) {
  EighArgs args;
  args.type = read.float_type();
  args.vectors = read.flag("vectors");
  args.batch = read.size("batch");
  args.n = read.size("n");
  const std::size_t matrices = bytes_of(args.type, checked_product({args.batch, args.n, args.n}));
  args.a = read.input("a", matrices);
  read.result(bytes_of(args.type, checked_product({args.batch, args.n})));
  if (args.vectors) read.result(matrices);
  return read.take([args](Device& device, Lane& lane, Results results) mutable {
    args.w = results[0];
    if (args.vectors) args.v = results[1];
    device.eigh(lane, args);
  });
}

// The batch dimensions that two operands share after broadcasting, with each operand's strides counted in matrices.
struct Broadcast {
  std::vector<std::int64_t> dims, a_strides, b_strides;
  std::int64_t total = 1;

  explicit Broadcast(const Napi::Object& request)
      : dims(to_ints(request.Get("batchDims"), "batchDims")),
        a_strides(to_ints(request.Get("aStrides"), "aStrides")),
        b_strides(to_ints(request.Get("bStrides"), "bStrides")) {
    if (a_strides.size() != dims.size() || b_strides.size() != dims.size()) {
      throw Error(Code::Argument, "one stride for every batch dimension is needed");
    }
    for (const std::int64_t dim : dims) total = checked_product({total, dim});
  }

  // How many matrices an operand with these strides must have.
  [[nodiscard]] std::int64_t matrices(const std::vector<std::int64_t>& strides) const {
    if (total == 0) return 0;
    std::int64_t last = 0;
    for (std::size_t i = 0; i < dims.size(); ++i) last += checked_product({strides[i], dims[i] - 1});
    return last + 1;
  }
};

// The rows and columns of one matrix.
struct Shape {
  std::int64_t rows, columns;
};

// Two operands whose leading dimensions broadcast, and one result.
template <typename Args>
void read_pair(Reader& read, Args& args, Shape a, Shape b, Shape result) {
  Broadcast batch(read.request());
  args.a = read.input("a", bytes_of(args.type, checked_product({batch.matrices(batch.a_strides), a.rows, a.columns})));
  args.b = read.input("b", bytes_of(args.type, checked_product({batch.matrices(batch.b_strides), b.rows, b.columns})));
  read.result(bytes_of(args.type, checked_product({batch.total, result.rows, result.columns})));
  args.batch_dims = std::move(batch.dims);
  args.a_strides = std::move(batch.a_strides);
  args.b_strides = std::move(batch.b_strides);
}

Operation matmul(Reader read) {
  MatmulArgs args;
  args.type = read.float_type();
  args.tf32 = read.flag("tf32");
  args.m = read.size("m");
  args.k = read.size("k");
  args.n = read.size("n");
  read_pair(read, args, {args.m, args.k}, {args.k, args.n}, {args.m, args.n});
  auto run = [args = std::move(args)](Device& device, Lane& lane, Results results) mutable {
    args.c = results[0];
    device.matmul(lane, args);
  };
  return read.take(std::move(run), true);
}

Operation solve(Reader read) {
  SolveArgs args;
  args.type = read.float_type();
  args.n = read.size("n");
  args.nrhs = read.size("nrhs");
  read_pair(read, args, {args.n, args.n}, {args.n, args.nrhs}, {args.n, args.nrhs});
  return read.take([args = std::move(args)](Device& device, Lane& lane, Results results) mutable {
    args.x = results[0];
    device.solve(lane, args);
  });
}

Operation qr(Reader read) {
  QrArgs args;
  args.type = read.float_type();
  args.mode = static_cast<QrMode>(read.choice<3>("mode", {"reduced", "complete", "r"}));
  args.batch = read.size("batch");
  args.m = read.size("m");
  args.n = read.size("n");
  args.a = read.input("a", bytes_of(args.type, checked_product({args.batch, args.m, args.n})));
  const std::int64_t k = args.mode == QrMode::Complete ? args.m : std::min(args.m, args.n);
  read.result(bytes_of(args.type, checked_product({args.batch, k, args.n})));
  if (args.mode != QrMode::R) read.result(bytes_of(args.type, checked_product({args.batch, args.m, k})));
  return read.take([args](Device& device, Lane& lane, Results results) mutable {
    args.r = results[0];
    if (results.size() > 1) args.q = results[1];
    device.qr(lane, args);
  });
}

// A batch of square matrices to one as large.
template <typename Args, typename Run>
Operation square(Reader& read, Args args, Run run) {
  args.type = read.float_type();
  args.batch = read.size("batch");
  args.n = read.size("n");
  const std::size_t bytes = bytes_of(args.type, checked_product({args.batch, args.n, args.n}));
  args.a = read.input("a", bytes);
  read.result(bytes);
  return read.take(
      [args, run](Device& device, Lane& lane, Results results) mutable { run(device, lane, args, results); });
}

Operation cholesky(Reader read) {
  return square(read, CholeskyArgs{}, [](Device& device, Lane& lane, CholeskyArgs& args, Results results) {
    args.l = results[0];
    device.cholesky(lane, args);
  });
}

Operation inv(Reader read) {
  return square(read, InvArgs{}, [](Device& device, Lane& lane, InvArgs& args, Results results) {
    args.inverse = results[0];
    device.inv(lane, args);
  });
}

Operation det(Reader read) {
  DetArgs args;
  args.type = read.float_type();
  args.log = read.flag("log");
  args.batch = read.size("batch");
  args.n = read.size("n");
  args.a = read.input("a", bytes_of(args.type, checked_product({args.batch, args.n, args.n})));
  const std::size_t bytes = bytes_of(args.type, args.batch);
  read.result(bytes);
  if (args.log) read.result(bytes);
  return read.take([args](Device& device, Lane& lane, Results results) mutable {
    args.det = results[0];
    if (args.log) args.log_abs = results[1];
    device.det(lane, args);
  });
}

constexpr std::array<NamedOperation, 8> kOperations{{
    {"svd", svd},
    {"eigh", eigh},
    {"matmul", matmul},
    {"solve", solve},
    {"qr", qr},
    {"cholesky", cholesky},
    {"inv", inv},
    {"det", det},
}};

}  // namespace

std::span<const NamedOperation> linalg_operations() { return kOperations; }

}  // namespace tensorlane
