// Element by element: every operation and type against plain loops, from host memory and from buffers, of operands that
// are alike, that broadcast, and that are so large that a device takes them in parts.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "subject.h"
#include "support/given_request.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

template <typename T>
constexpr DType kNumber = std::is_same_v<T, float>          ? DType::Float32
                          : std::is_same_v<T, double>       ? DType::Float64
                          : std::is_same_v<T, std::int32_t> ? DType::Int32
                                                            : DType::Int64;

// Small whole numbers, and for floats what is none.
template <typename T>
std::vector<T> numbers(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values) value = static_cast<T>(static_cast<int>(random() % 9) - 4);
  if constexpr (std::is_floating_point_v<T>) {
    using Limits = std::numeric_limits<T>;
    const T specials[] = {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN(), T{-0.0}, Limits::denorm_min()};
    for (std::size_t i = 0; i < values.size(); i += 7) values[i] = specials[random() % 5];
  }
  return values;
}

// A bool, or the T that the bytes are.
template <typename T>
bool same(T a, T b) {
  return a == b || (a != a && b != b);
}

// What plain loops make of it, at the place of the result that has these coordinates.
template <std::size_t kOperands, typename Visit>
void for_each_place(const BroadcastWalk<kOperands>& walk, Visit visit) {
  for (std::int64_t place = 0; place < walk.total; ++place) {
    std::array<std::int64_t, kOperands> at{};
    std::int64_t rest = place;
    for (std::size_t axis = walk.axes.size(); axis-- > 0;) {
      const std::int64_t along = rest % walk.axes[axis].size;
      rest /= walk.axes[axis].size;
      for (std::size_t o = 0; o < kOperands; ++o) at[o] += along * walk.axes[axis].strides[o];
    }
    visit(static_cast<std::size_t>(place), at);
  }
}

struct Shapes {
  std::string name;
  std::vector<std::int64_t> dims, a, b;  // strides
};

std::vector<Shapes> shapes() {
  return {{"a scalar", {}, {}, {}},
          {"alike", {5, 7}, {7, 1}, {7, 1}},
          {"a row for all", {5, 7}, {7, 1}, {0, 1}},
          {"a column for all", {5, 7}, {7, 1}, {1, 0}},
          {"an outer product", {5, 7}, {1, 0}, {0, 1}},
          {"by turns", {2, 3, 4, 5}, {12, 4, 1, 0}, {0, 5, 0, 1}},
          {"one for all", {300}, {1}, {0}},
          {"nothing", {3, 0}, {0, 1}, {0, 0}}};
}

// So many bytes of operands in host memory are taken in parts; operands in buffers never are.
constexpr std::int64_t kInParts = 2 * kChunkBytes + (kChunkBytes >> 3);

// A row for all, of as many rows as it takes for that.
Shapes in_parts(std::int64_t bytes_an_element) {
  constexpr std::int64_t kRow = 1100;
  return {"in parts", {kInParts / (kRow * bytes_an_element) + 1, kRow}, {kRow, 1}, {0, 1}};
}

template <std::size_t kOperands>
BroadcastWalk<kOperands> walk_of(const std::vector<std::int64_t>& dims,
                                 const std::array<std::vector<std::int64_t>, kOperands>& strides,
                                 const std::array<const char*, kOperands>& names) {
  GivenRequest request;
  request.lists["dims"] = dims;
  for (std::size_t o = 0; o < kOperands; ++o) request.lists[names[o]] = strides[o];
  BroadcastWalk<kOperands> walk;
  walk.read(request, names);
  return walk;
}

template <typename T>
T plain(BinaryOp op, T a, T b) {
  using U = arithmetic::Wrapping<T>;
  const U x = static_cast<U>(a);
  const U y = static_cast<U>(b);
  switch (op) {
    case BinaryOp::Add:
      return static_cast<T>(x + y);
    case BinaryOp::Sub:
      return static_cast<T>(x - y);
    case BinaryOp::Mul:
      return static_cast<T>(x * y);
    default:
      return static_cast<T>(b == 0 && !std::is_floating_point_v<T> ? T{0} : a / b);
  }
}

template <typename T>
bool plain_comparison(BinaryOp op, T a, T b) {
  switch (op) {
    case BinaryOp::Equal:
      return a == b;
    case BinaryOp::NotEqual:
      return a != b;
    case BinaryOp::Less:
      return a < b;
    case BinaryOp::LessEqual:
      return a <= b;
    case BinaryOp::Greater:
      return a > b;
    default:
      return a >= b;
  }
}

}  // namespace

namespace {

template <typename T>
void check_on_two(Subject& subject, const Shapes& shape, const std::vector<BinaryOp>& ops,
                  const std::vector<Where>& places) {
  BinaryArgs args{kNumber<T>, {}, walk_of<2>(shape.dims, {shape.a, shape.b}, {"aStrides", "bStrides"}), {}, {}, {}};
  const std::vector<T> a = numbers<T>(args.walk.counts[0], 1);
  const std::vector<T> b = numbers<T>(args.walk.counts[1], 2);
  args.a = operand(a);
  args.b = operand(b);
  const auto count = static_cast<std::size_t>(args.walk.total);
  const auto count_wrong = [&](const auto& result, const auto& expect) {
    std::size_t wrong = 0;
    for_each_place(args.walk, [&](std::size_t i, const auto& at) {
      const auto expected = expect(a[static_cast<std::size_t>(at[0])], b[static_cast<std::size_t>(at[1])]);
      if (!same(result[i], expected)) ++wrong;
    });
    return wrong;
  };
  for (const auto& word : Words<BinaryOp>::kTable) {
    const BinaryOp op = word.value;
    if (std::ranges::find(ops, op) == ops.end()) continue;
    args.op = op;
    for (const Where where : places) {
      INFO(word.word, ", ", shape.name, ", in ", name_of(where));
      if (compares(op)) {
        const std::vector<std::uint8_t> result(count, 0x5a);
        args.result = operand(result);
        subject.binary(args, where);
        CHECK(count_wrong(result, [op](T x, T y) {
                return static_cast<std::uint8_t>(plain_comparison(op, x, y) ? 1 : 0);
              }) == 0);
      } else {
        const std::vector<T> result(count, T{77});
        args.result = operand(result);
        subject.binary(args, where);
        CHECK(count_wrong(result, [op](T x, T y) { return plain(op, x, y); }) == 0);
      }
    }
  }
}

}  // namespace

TEST_CASE_TEMPLATE("elementwise: every operation on two", T, float, double, std::int32_t, std::int64_t) {
  Subject subject;
  std::vector<BinaryOp> ops;
  for (const auto& word : Words<BinaryOp>::kTable) {
    if (word.value != BinaryOp::Div || std::is_floating_point_v<T>) ops.push_back(word.value);
  }
  for (const Shapes& shape : shapes()) check_on_two<T>(subject, shape, ops, {Where::Host, Where::Buffers});
  check_on_two<T>(subject, in_parts(2 * sizeof(T)), {BinaryOp::Sub}, {Where::Host});
}

TEST_CASE("elementwise: a comparison, taken in parts") {
  Subject subject;
  check_on_two<double>(subject, in_parts(sizeof(double) + 1), {BinaryOp::Less}, {Where::Host});
}

TEST_CASE_TEMPLATE("elementwise: integers wrap", T, std::int32_t, std::int64_t) {
  Subject subject;
  using Limits = std::numeric_limits<T>;
  const std::vector<T> a{Limits::max(), Limits::min(), Limits::max()};
  const std::vector<T> b{1, -1, 2};
  const std::vector<T> result(3);
  BinaryArgs args{kNumber<T>, BinaryOp::Add, walk_of<2>({3}, {{{1}, {1}}}, {"aStrides", "bStrides"}),
                  operand(a), operand(b),    operand(result)};
  subject.binary(args);
  CHECK(result == std::vector<T>{Limits::min(), Limits::max(), Limits::min() + 1});
  args.op = BinaryOp::Mul;
  subject.binary(args);
  CHECK(result == std::vector<T>{Limits::max(), Limits::min(), -2});
  subject.unary({kNumber<T>, UnaryOp::Abs, 3, operand(a), operand(result)});
  CHECK(result == std::vector<T>{Limits::max(), Limits::min(), Limits::max()});
}

TEST_CASE_TEMPLATE("elementwise: functions of one", T, float, double) {
  Subject subject;
  const std::int64_t in_parts = kInParts / (2 * sizeof(T));
  for (const std::int64_t count : {std::int64_t{0}, std::int64_t{1}, std::int64_t{1000}, in_parts}) {
    const std::vector<T> a = numbers<T>(count, 3);
    const std::vector<T> result = unset<T>(count);
    for (const auto& word : Words<UnaryOp>::kTable) {
      for (const Where where : kPlaces) {
        if (count == in_parts && (where != Where::Host || word.value != UnaryOp::Exp)) continue;
        INFO(word.word, " of ", count, ", in ", name_of(where));
        subject.unary({kNumber<T>, word.value, count, operand(a), operand(result)}, where);
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < a.size(); ++i) {
          const T x = a[i];
          const T expected = word.value == UnaryOp::Exp    ? std::exp(x)
                             : word.value == UnaryOp::Log  ? std::log(x)
                             : word.value == UnaryOp::Sqrt ? std::sqrt(x)
                                                           : std::abs(x);
          const T tolerance = 4 * std::numeric_limits<T>::epsilon() * std::abs(expected);
          if (!same(result[i], expected) && !(std::abs(result[i] - expected) <= tolerance)) ++wrong;
        }
        CHECK(wrong == 0);
      }
    }
  }
}

TEST_CASE_TEMPLATE("elementwise: clip, where a NaN stays", T, float, double, std::int32_t, std::int64_t) {
  Subject subject;
  for (const auto& [low, high] : std::vector<std::pair<T, T>>{{-1, 2}, {2, -1}}) {
    const std::vector<T> a = numbers<T>(1000, 4);
    const std::vector<T> result(1000);
    ClipArgs args{kNumber<T>, 1000, {}, {}, operand(a), operand(result)};
    std::memcpy(args.low.data(), &low, sizeof(T));
    std::memcpy(args.high.data(), &high, sizeof(T));
    for (const Where where : kPlaces) {
      subject.clip(args, where);
      for (std::size_t i = 0; i < a.size(); ++i) {
        const T expected = a[i] != a[i] ? a[i] : std::min(std::max(a[i], low), high);
        REQUIRE(same(result[i], expected));
      }
    }
  }
}

TEST_CASE_TEMPLATE("elementwise: where, of elements of every size", T, std::uint8_t, std::uint16_t, std::uint32_t,
                   std::uint64_t) {
  Subject subject;
  using Strides = std::vector<std::int64_t>;
  for (const auto& [dims, c, x, y] :
       std::vector<std::tuple<Strides, Strides, Strides, Strides>>{{{}, {}, {}, {}},
                                                                   {{50}, {1}, {1}, {1}},
                                                                   {{4, 6}, {6, 1}, {1, 0}, {0, 1}},
                                                                   {{4, 6}, {1, 0}, {0, 0}, {6, 1}},
                                                                   {{130, 1000}, {1000, 1}, {0, 1}, {0, 0}}}) {
    // Elements of 8 bytes are enough of it to be taken in parts.
    const bool is_large = dims.size() == 2 && dims[0] == 130;
    if (is_large && sizeof(T) < 8) continue;
    WhereArgs args{sizeof(T), walk_of<3>(dims, {c, x, y}, {"conditionStrides", "aStrides", "bStrides"}), {}, {}, {},
                   {}};
    std::vector<std::uint8_t> condition(static_cast<std::size_t>(args.walk.counts[0]));
    for (std::size_t i = 0; i < condition.size(); ++i) condition[i] = i % 3 == 0 ? 0 : (i % 3 == 1 ? 1 : 200);
    std::vector<T> a(static_cast<std::size_t>(args.walk.counts[1]));
    std::vector<T> b(static_cast<std::size_t>(args.walk.counts[2]));
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<T>(i * 2);
    for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<T>(i * 2 + 1);
    const std::vector<T> result(static_cast<std::size_t>(args.walk.total));
    args.condition = operand(condition);
    args.a = operand(a);
    args.b = operand(b);
    args.result = operand(result);
    for (const Where where : kPlaces) {
      if (is_large && where != Where::Host) continue;
      INFO(args.walk.total, " of ", sizeof(T), " bytes, in ", name_of(where));
      subject.where(args, where);
      std::size_t wrong = 0;
      for_each_place(args.walk, [&](std::size_t i, const auto& at) {
        const T expected = condition[static_cast<std::size_t>(at[0])] != 0 ? a[static_cast<std::size_t>(at[1])]
                                                                           : b[static_cast<std::size_t>(at[2])];
        if (result[i] != expected) ++wrong;
      });
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE_TEMPLATE("elementwise: softmax along every axis", T, float, double) {
  Subject subject;
  std::mt19937 random(6);
  std::uniform_real_distribution<double> number(-700, 700);
  for (const AxisDims dims :
       {AxisDims{1, 1, 1}, AxisDims{3, 5, 1}, AxisDims{40, 129, 1}, AxisDims{2, 3000, 1}, AxisDims{2, 7, 5},
        AxisDims{3, 0, 4}, AxisDims{kInParts / (300 * 2 * static_cast<std::int64_t>(sizeof(T))), 300, 1}}) {
    const std::int64_t count = dims.outer * dims.length * dims.inner;
    std::vector<T> a(static_cast<std::size_t>(count));
    for (T& value : a) value = static_cast<T>(number(random));
    const std::vector<T> result = unset<T>(count);
    for (const Where where : kPlaces) {
      if (dims.outer > 100 && where != Where::Host) continue;
      INFO(dims.outer, " x ", dims.length, " x ", dims.inner, ", in ", name_of(where));
      subject.softmax({kNumber<T>, dims, operand(a), operand(result)}, where);
      std::size_t wrong = 0;
      for (std::int64_t row = 0; row < dims.outer * dims.inner; ++row) {
        const auto at = [&](std::int64_t i) {
          return static_cast<std::size_t>((row / dims.inner * dims.length + i) * dims.inner + row % dims.inner);
        };
        double largest = -std::numeric_limits<double>::infinity();
        for (std::int64_t i = 0; i < dims.length; ++i) largest = std::max(largest, static_cast<double>(a[at(i)]));
        double sum = 0;
        for (std::int64_t i = 0; i < dims.length; ++i) sum += std::exp(static_cast<double>(a[at(i)]) - largest);
        for (std::int64_t i = 0; i < dims.length; ++i) {
          const double expected = std::exp(static_cast<double>(a[at(i)]) - largest) / sum;
          // The difference from the largest is rounded before the exponential.
          const double part = 2e3 * std::numeric_limits<T>::epsilon();
          const double error = std::abs(static_cast<double>(result[at(i)]) - expected);
          if (!(error <= part * expected + 2 * static_cast<double>(std::numeric_limits<T>::min()))) ++wrong;
        }
      }
      CHECK(wrong == 0);
    }
  }
  const T none = std::numeric_limits<T>::quiet_NaN();
  const T most = std::numeric_limits<T>::infinity();
  for (const std::vector<T>& row :
       {std::vector<T>{1, none, 2}, std::vector<T>{1, most, 2}, std::vector<T>{-most, -most, -most}}) {
    const std::vector<T> result(3);
    for (const AxisDims dims : {AxisDims{1, 3, 1}}) {
      subject.softmax({kNumber<T>, dims, operand(row), operand(result)});
      CHECK(std::ranges::all_of(result, [](T value) { return std::isnan(value); }));
    }
  }
}

TEST_CASE_TEMPLATE("elementwise: softmax of a NaN anywhere in a row makes NaNs of that row alone", T, float, double) {
  Subject subject;
  for (const AxisDims dims : {AxisDims{3, 37, 1}, AxisDims{1, 37, 3}, AxisDims{2, 5, 20}}) {
    const std::int64_t slab = dims.length * dims.inner;
    std::vector<T> a(static_cast<std::size_t>(dims.outer * slab));
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<T>(i % 11);
    for (std::size_t bad = 0; bad < a.size(); ++bad) {
      const T before = std::exchange(a[bad], std::numeric_limits<T>::quiet_NaN());
      const std::vector<T> result(a.size());
      subject.softmax({kNumber<T>, dims, operand(a), operand(result)});
      const auto row_of = [&](std::size_t place) {
        const auto at = static_cast<std::int64_t>(place);
        return std::pair(at / slab, at % dims.inner);
      };
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < a.size(); ++i) {
        if (std::isnan(result[i]) != (row_of(i) == row_of(bad))) ++wrong;
      }
      CHECK_MESSAGE(wrong == 0, "a NaN at ", bad);
      a[bad] = before;
    }
  }
}

TEST_CASE("elementwise: operands that are not contiguous, or broadcast along too many axes, are refused") {
  const auto code_of = [](const std::vector<std::int64_t>& dims, const std::vector<std::int64_t>& a,
                          const std::vector<std::int64_t>& b) {
    try {
      static_cast<void>(walk_of<2>(dims, {a, b}, {"aStrides", "bStrides"}));
    } catch (const Error& error) {
      return std::string(code_string(error.code()));
    }
    return std::string("none");
  };
  CHECK(code_of({2, 3}, {3, 1}, {3, 1}) == "none");
  CHECK(code_of({2, 3}, {4, 1}, {3, 1}) == "ERR_ARGUMENT");
  CHECK(code_of({2, 3}, {1, 2}, {3, 1}) == "ERR_ARGUMENT");
  CHECK(code_of({2, 3}, {3, -1}, {3, 1}) == "ERR_ARGUMENT");
  CHECK(code_of({2, 3}, {3}, {3, 1}) == "ERR_ARGUMENT");
  CHECK(code_of({std::int64_t{1} << 40, std::int64_t{1} << 40}, {0, 0}, {0, 0}) == "ERR_SHAPE");
  const std::vector<std::int64_t> dims(10, 2);
  std::vector<std::int64_t> a(10, 0);
  std::vector<std::int64_t> b(10, 0);
  for (std::size_t i = 0; i < 10; ++i) (i % 2 == 0 ? a : b)[i] = std::int64_t{1} << ((9 - i) / 2);
  CHECK(code_of(dims, a, b) == "ERR_SHAPE");
}
