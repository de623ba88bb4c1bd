// How operations on matrices read their operands: matrices of one batch, and pairs whose batches broadcast.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "device/request.h"

namespace tensorlane {

// Where an operation that several routines can do says which one did it, for as long as the program runs; null where nobody asks.
using Ran = const char**;

inline void say_ran(Ran ran, const char* routine) {
  if (ran != nullptr) *ran = routine;
}

// The rows and columns of one matrix.
struct MatrixShape {
  std::int64_t rows = 0, columns = 0;
};

// The batch dimensions that two operands share after broadcasting, with each operand's strides counted in matrices.
struct BroadcastBatch {
  std::vector<std::int64_t> dims, a_strides, b_strides;
  std::int64_t total = 1;

  explicit BroadcastBatch(const Request& request);

  // How many matrices an operand with these strides must have.
  [[nodiscard]] std::int64_t matrices(const std::vector<std::int64_t>& strides) const;
};

// What an operation's matrices may be of.
enum class Elements { Real, RealOrComplex };

inline DType read_type(const Request& request, Elements of) {
  return of == Elements::Real ? request.float_type() : request.number_type();
}

// The operands a and b, whose leading dimensions broadcast, and how large the one result is.
template <typename Args>
void read_pair(Request& request, Args& args, MatrixShape a, MatrixShape b, Operand& result, MatrixShape of_result) {
  BroadcastBatch batch(request);
  request.operand(args.a, "a", checked_bytes(args.type, {batch.matrices(batch.a_strides), a.rows, a.columns}));
  request.operand(args.b, "b", checked_bytes(args.type, {batch.matrices(batch.b_strides), b.rows, b.columns}));
  request.result(result, checked_bytes(args.type, {batch.total, of_result.rows, of_result.columns}));
  args.batch_dims = std::move(batch.dims);
  args.a_strides = std::move(batch.a_strides);
  args.b_strides = std::move(batch.b_strides);
}

// The operand a: `batch` matrices of m x n.
template <typename Args>
void read_matrices(Request& request, Args& args, Elements of = Elements::Real) {
  args.type = read_type(request, of);
  args.batch = request.size("batch");
  args.m = request.size("m");
  args.n = request.size("n");
  request.operand(args.a, "a", checked_bytes(args.type, {args.batch, args.m, args.n}));
}

// The same of n x n. Gives their bytes.
template <typename Args>
std::size_t read_square(Request& request, Args& args, Elements of = Elements::Real) {
  args.type = read_type(request, of);
  args.batch = request.size("batch");
  args.n = request.size("n");
  const std::size_t bytes = checked_bytes(args.type, {args.batch, args.n, args.n});
  request.operand(args.a, "a", bytes);
  return bytes;
}

// That the results of these matrices are beyond what the type holds: where the input is finite, no infinity and no NaN
// comes out unsaid.
inline void throw_beyond(const std::vector<std::int64_t>& indices, std::int64_t batch, DType type, const char* what) {
  throw_for(indices, batch, Code::NotFinite,
            std::string(what) + " beyond what " + std::string(dtype_name(type)) + " holds; scale the input");
}

}  // namespace tensorlane
