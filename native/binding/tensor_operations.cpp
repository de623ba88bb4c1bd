#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "binding/operation_reader.h"

namespace tensorlane {
namespace {

// An operation with one result.
template <typename Args>
Operation into_one(Reader& read, Args args, void (Device::*run)(Lane&, const Args&)) {
  auto work = [args = std::move(args), run](Device& device, Lane& lane, Results results) mutable {
    args.result = results[0];
    (device.*run)(lane, args);
  };
  return read.take(std::move(work), true);
}

Operation cast(Reader read) {
  CastArgs args;
  args.from_type = read.type();
  args.to_type = read.type("to");
  args.count = read.size("count");
  args.a = read.input("a", bytes_of(args.from_type, args.count));
  read.result(bytes_of(args.to_type, args.count));
  return into_one(read, std::move(args), &Device::cast);
}

Operation transpose(Reader read) {
  TransposeArgs args;
  const DType type = read.type();
  args.element_bytes = byte_size(type, 1);
  args.dims = to_ints(read.request().Get("dims"), "dims");
  args.axes = to_ints(read.request().Get("axes"), "axes");
  std::vector<std::int64_t> sorted = args.axes;
  std::ranges::sort(sorted);
  std::int64_t count = 1;
  bool is_permutation = sorted.size() == args.dims.size();
  for (std::size_t i = 0; i < args.dims.size(); ++i) {
    count = checked_product({count, args.dims[i]});
    is_permutation = is_permutation && sorted[i] == static_cast<std::int64_t>(i);
  }
  if (!is_permutation) throw Error(Code::Argument, "transpose: every axis must be named once");
  const std::size_t bytes = bytes_of(type, count);
  args.a = read.input("a", bytes);
  read.result(bytes);
  return into_one(read, std::move(args), &Device::transpose);
}

// The operand of an operation along one axis.
void read_axis(Reader& read, AxisDims& dims, DType type, Operand& a) {
  dims = {read.size("outer"), read.size("length"), read.size("inner")};
  a = read.input("a", bytes_of(type, checked_product({dims.outer, dims.length, dims.inner})));
}

Operation reduce(Reader read) {
  ReduceArgs args;
  args.type = read.float_type();
  args.reduction = static_cast<Reduction>(read.choice<5>("reduction", {"sum", "mean", "max", "min", "norm"}));
  read_axis(read, args.dims, args.type, args.a);
  read.result(bytes_of(args.type, checked_product({args.dims.outer, args.dims.inner})));
  return into_one(read, std::move(args), &Device::reduce);
}

Operation argmax(Reader read) {
  ArgmaxArgs args;
  args.type = read.float_type();
  read_axis(read, args.dims, args.type, args.a);
  read.result(bytes_of(DType::Int64, checked_product({args.dims.outer, args.dims.inner})));
  return into_one(read, std::move(args), &Device::argmax);
}

Operation top_k(Reader read) {
  TopKArgs args;
  args.type = read.float_type();
  args.rows = read.size("rows");
  args.columns = read.size("columns");
  args.k = read.size("k");
  if (args.k > std::min(args.columns, TopKArgs::kMost)) throw Error(Code::Argument, "topK: k is too large");
  args.a = read.input("a", bytes_of(args.type, checked_product({args.rows, args.columns})));
  const std::int64_t count = checked_product({args.rows, args.k});
  read.result(bytes_of(args.type, count));
  read.result(bytes_of(DType::Int64, count));
  auto run = [args](Device& device, Lane& lane, Results results) mutable {
    args.values = results[0];
    args.indices = results[1];
    device.top_k(lane, args);
  };
  return read.take(std::move(run), true);
}

Operation has_non_finite(Reader read) {
  HasNonFiniteArgs args;
  args.type = read.float_type();
  args.items = read.size("items");
  args.elements = read.size("elements");
  args.a = read.input("a", bytes_of(args.type, checked_product({args.items, args.elements})));
  read.result(bytes_of(DType::Bool, args.items));
  return into_one(read, std::move(args), &Device::has_non_finite);
}

// Rows of the leading dimension by their indices. Gives the bytes of a row.
template <typename Args>
std::int64_t read_rows(Reader& read, Args& args) {
  const std::int64_t row_bytes = read.size("rowBytes");
  args.row_bytes = static_cast<std::size_t>(row_bytes);
  args.rows = read.size("rows");
  args.count = read.size("count");
  args.index_type = read.type("indexType");
  if (args.index_type != DType::Int32 && args.index_type != DType::Int64) {
    throw Error(Code::DType, "indices must be int32 or int64");
  }
  args.a = read.input("a", static_cast<std::size_t>(checked_product({args.rows, row_bytes})));
  args.indices = read.input("indices", bytes_of(args.index_type, args.count));
  return row_bytes;
}

Operation scatter(Reader read) {
  ScatterArgs args;
  const std::int64_t row_bytes = read_rows(read, args);
  args.updates = read.input("updates", static_cast<std::size_t>(checked_product({args.count, row_bytes})));
  read.result(static_cast<std::size_t>(checked_product({args.rows, row_bytes})));
  return into_one(read, std::move(args), &Device::scatter);
}

Operation pad(Reader read) {
  PadArgs args;
  const DType type = read.type();
  args.element_bytes = byte_size(type, 1);
  args.elements = read.size("elements");
  args.count = read.size("count");
  args.length = read.size("length");
  args.a = read.input("a", bytes_of(type, args.elements));
  args.offsets = read.host_input("offsets", bytes_of(DType::Int64, args.count + 1));
  std::memcpy(args.value.data(), read.host_input("value", args.element_bytes).data, args.element_bytes);
  read.result(bytes_of(type, checked_product({args.count, args.length})));
  return into_one(read, std::move(args), &Device::pad);
}

Operation gather(Reader read) {
  GatherArgs args;
  const std::int64_t row_bytes = read_rows(read, args);
  read.result(static_cast<std::size_t>(checked_product({args.count, row_bytes})));
  return into_one(read, std::move(args), &Device::gather);
}

Operation image_to_tensor(Reader read) {
  ImageToTensorArgs args;
  args.batch = read.size("batch");
  args.height = read.size("height");
  args.width = read.size("width");
  args.to_height = read.size("toHeight");
  args.to_width = read.size("toWidth");
  const std::int64_t channels = read.size("channels");
  const bool is_image =
      std::min({args.height, args.width, args.to_height, args.to_width}) >= 1 &&
      std::max({args.height, args.width, args.to_height, args.to_width}) <= ImageToTensorArgs::kMostSide;
  if (!is_image || channels < 1 || channels > ImageToTensorArgs::kMostChannels)
    throw Error(Code::Shape, "imageToTensor: these are no images");
  args.channels = static_cast<int>(channels);
  args.scale = read.number("scale");
  args.mean = read.floats("mean", args.channels);
  args.deviation = read.floats("std", args.channels);
  args.swap_red_blue = read.flag("swapRedBlue");
  if (args.swap_red_blue && channels < 3) {
    throw Error(Code::Argument, "imageToTensor: there is no red and blue to swap");
  }
  args.a = read.input("a", bytes_of(DType::UInt8, checked_product({args.batch, args.height, args.width, channels})));
  read.result(bytes_of(DType::Float32, checked_product({args.batch, channels, args.to_height, args.to_width})));
  return into_one(read, std::move(args), &Device::image_to_tensor);
}

constexpr std::array<NamedOperation, 10> kOperations{{
    {"cast", cast},
    {"transpose", transpose},
    {"reduce", reduce},
    {"argmax", argmax},
    {"topK", top_k},
    {"hasNonFinite", has_non_finite},
    {"gather", gather},
    {"scatter", scatter},
    {"pad", pad},
    {"imageToTensor", image_to_tensor},
}};

}  // namespace

std::span<const NamedOperation> tensor_operations() { return kOperations; }

}  // namespace tensorlane
