// How operations read their requests: what they take of each operand, what they give, and what they refuse.
#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cpu/cpu_device.h"
#include "support/failure.h"
#include "support/given_request.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

using Bytes = std::vector<std::size_t>;

// Memory of a size that is only counted.
Operand sized(std::size_t bytes) { return {nullptr, bytes, nullptr}; }

GivenRequest svd_request(const std::string& mode, std::int64_t rank) {
  GivenRequest request;
  request.texts = {{"type", "float32"}, {"mode", mode}, {"driver", rank == 0 ? "auto" : "gesvdr"}};
  request.integers = {{"batch", 2}, {"m", 3}, {"n", 5}, {"rank", rank}};
  request.operands = {{"a", sized(120)}};
  return request;
}

std::string code_of(GivenRequest& request, const std::string& name) {
  const auto error = failure([&] { static_cast<void>(read_operation(name, request)); });
  return error.has_value() ? code_string(error->code()) : "read";
}

}  // namespace

TEST_CASE("every operation is read by its name, and a name that there is not is refused") {
  std::set<std::string> names;
#define NAME(function, Args, name, ...) CHECK(names.insert(name).second);
  TENSORLANE_ALGEBRA(NAME)
  TENSORLANE_TENSOR_OPERATIONS(NAME)
#undef NAME
  for (const char* name : {"copy", "trim"}) CHECK(names.insert(name).second);
  for (const std::string& name : names) {
    GivenRequest nothing;
    const auto error = failure([&] { static_cast<void>(read_operation(name, nothing)); });
    // Whatever it misses first; `trim` needs nothing.
    CHECK(error.has_value() == (name != "trim"));
    if (error.has_value()) CHECK(std::string(error->what()).find("is missing") != std::string::npos);
  }
  GivenRequest nothing;
  CHECK(code_of(nothing, "svd2") == "ERR_ARGUMENT");
  CHECK(code_of(nothing, "") == "ERR_ARGUMENT");
}

TEST_CASE("svd: the results' sizes follow the mode and the rank") {
  const struct {
    const char* mode;
    std::int64_t rank;
    Bytes results;  // s, u, vt
  } cases[] = {
      {"thin", 0, {24, 72, 120}}, {"full", 0, {24, 72, 200}}, {"values", 0, {24}}, {"thin", 2, {16, 48, 80}},
      {"values", 2, {16}},        {"thin", 9, {24, 72, 120}},  // the device refuses this rank
  };
  for (const auto& one : cases) {
    CAPTURE(one.mode);
    CAPTURE(one.rank);
    GivenRequest request = svd_request(one.mode, one.rank);
    const auto operation = read_operation("svd", request);
    CHECK(request.read["a"] == 120);
    CHECK((request.result_bytes() == one.results));
    CHECK_FALSE(operation->pipelines());
  }
}

TEST_CASE("what is missing, of another kind or too small is refused before anything is computed") {
  GivenRequest few = svd_request("thin", 0);
  few.operands["a"] = sized(119);
  CHECK(code_of(few, "svd") == "ERR_SHAPE");
  GivenRequest negative = svd_request("thin", 0);
  negative.integers["m"] = -3;
  CHECK(code_of(negative, "svd") == "ERR_ARGUMENT");
  GivenRequest type = svd_request("thin", 0);
  type.texts["type"] = "int32";
  CHECK(code_of(type, "svd") == "ERR_DTYPE");
  GivenRequest word = svd_request("thick", 0);
  const auto error = failure([&] { static_cast<void>(read_operation("svd", word)); });
  REQUIRE(error.has_value());
  CHECK(std::string(error->what()) == "mode cannot be 'thick'; expected 'thin', 'full' or 'values'");
}

TEST_CASE("sizes that overflow are refused, also as a sum of strides") {
  GivenRequest square;
  square.texts = {{"type", "float64"}};
  square.integers = {{"batch", std::int64_t{1} << 31}, {"n", std::int64_t{1} << 31}};
  square.operands = {{"a", sized(SIZE_MAX)}};
  CHECK(code_of(square, "inv") == "ERR_SHAPE");

  GivenRequest pair;
  pair.texts = {{"type", "float32"}};
  pair.flags = {{"tf32", false}, {"aTransposed", false}, {"bTransposed", false}};
  pair.integers = {{"m", 1}, {"k", 1}, {"n", 1}};
  pair.operands = {{"a", sized(64)}, {"b", sized(64)}};
  pair.lists = {{"batchDims", {2, 3}}, {"aStrides", {3, 1}}, {"bStrides", {0, 1}}};
  CHECK(code_of(pair, "matmul") == "read");
  CHECK(pair.read["a"] == 6 * sizeof(float));
  CHECK(pair.read["b"] == 3 * sizeof(float));

  constexpr std::int64_t kHalf = std::int64_t{1} << 62;  // twice this is no int64; two such strides wrapped round
  GivenRequest wrapped = pair;
  wrapped.lists = {{"batchDims", {2, 2}}, {"aStrides", {kHalf, kHalf}}, {"bStrides", {0, 0}}};
  CHECK(code_of(wrapped, "matmul") == "ERR_SHAPE");
  GivenRequest short_of_one = pair;
  short_of_one.lists["aStrides"] = {1};
  CHECK(code_of(short_of_one, "matmul") == "ERR_ARGUMENT");
}

TEST_CASE("trace: an offset may be of either sign") {
  GivenRequest request;
  request.texts = {{"type", "float64"}};
  request.integers = {{"batch", 4}, {"m", 2}, {"n", 3}, {"offset", -1}};
  request.operands = {{"a", sized(192)}};
  GivenRequest few = request;
  few.operands["a"] = sized(191);
  CHECK(code_of(few, "trace") == "ERR_SHAPE");
  const auto operation = read_operation("trace", request);
  CHECK(operation->pipelines());
  CHECK(request.read["a"] == 192);
  CHECK((request.result_bytes() == Bytes{32}));
}

TEST_CASE("topK: k is at most a row and at most what the kernels take") {
  const auto read = [](std::int64_t columns, std::int64_t k) {
    GivenRequest request;
    request.texts = {{"type", "float32"}};
    request.integers = {{"rows", 1}, {"columns", columns}, {"k", k}};
    request.operands = {{"a", sized(1 << 20)}};
    return code_of(request, "topK");
  };
  CHECK(read(5000, TopKArgs::kMost) == "read");
  CHECK(read(5000, TopKArgs::kMost + 1) == "ERR_ARGUMENT");
  CHECK(read(5, 5) == "read");
  CHECK(read(5, 6) == "ERR_ARGUMENT");
}

TEST_CASE("imageToTensor: mean and deviation have a number for every channel") {
  const auto read = [](std::int64_t channels, std::vector<float> mean, bool swap) {
    GivenRequest request;
    request.integers = {{"batch", 1}, {"height", 2}, {"width", 2}, {"toHeight", 2}, {"toWidth", 2}};
    request.integers["channels"] = channels;
    request.floats = {{"scale", 1.0F}};
    request.flags = {{"swapRedBlue", swap}};
    request.float_lists = {{"mean", std::move(mean)}, {"std", {1, 1, 1, 1}}};
    request.operands = {{"a", sized(64)}};
    return code_of(request, "imageToTensor");
  };
  CHECK(read(3, {0, 0, 0}, true) == "read");
  CHECK(read(3, {0, 0}, true) == "ERR_ARGUMENT");
  CHECK(read(1, {0}, true) == "ERR_ARGUMENT");
  CHECK(read(5, {0, 0, 0, 0, 0}, false) == "ERR_SHAPE");
  CHECK(read(0, {}, false) == "ERR_SHAPE");
}

TEST_CASE("an operation that was read runs on a device, with the memory that its results are given") {
  const std::vector<float> a{4, 0, 0, 2};
  GivenRequest request;
  request.texts = {{"type", "float32"}};
  request.integers = {{"batch", 1}, {"n", 2}};
  request.operands = {{"a", operand(a)}};
  const auto operation = read_operation("inv", request);
  REQUIRE(operation->results().size() == 1);
  std::vector<float> inverse = unset<float>(4);
  REQUIRE(operation->results()[0]->bytes == inverse.size() * sizeof(float));
  operation->results()[0]->data = reinterpret_cast<std::byte*>(inverse.data());
  CpuDevice device(1);
  Lane lane(0);
  operation->run(device, lane);
  CHECK((inverse == std::vector<float>{0.25F, 0, 0, 0.5F}));
}

TEST_CASE("every enumerator has a word of its own, which leads back to it") {
  const auto check = []<typename Enum>(const std::vector<Enum>& all) {
    CHECK(all.size() == Words<Enum>::kTable.size());
    for (const Enum value : all) {
      CHECK_FALSE(word_of(value).empty());
      CHECK((find_word<Enum>(word_of(value)) == value));
    }
    CHECK_FALSE(find_word<Enum>("").has_value());
  };
  check(std::vector{SvdMode::Thin, SvdMode::Full, SvdMode::Values});
  check(std::vector{SvdDriver::Auto, SvdDriver::Jacobi, SvdDriver::Gesdd, SvdDriver::GesddTransposed, SvdDriver::Gesvd,
                    SvdDriver::Gesvdj, SvdDriver::Gesvdp, SvdDriver::Gesvdr, SvdDriver::Gesvda});
  check(std::vector{QrMode::Reduced, QrMode::Complete, QrMode::R});
  check(std::vector{Reduction::Sum, Reduction::Mean, Reduction::Max, Reduction::Min, Reduction::Norm});
}

TEST_CASE("an operation is small by what it reads and writes, and by the steps of algebra") {
  const auto svd = [](std::int64_t batch, std::int64_t m, std::int64_t n) {
    GivenRequest request = svd_request("thin", 0);
    request.integers = {{"batch", batch}, {"m", m}, {"n", n}, {"rank", 0}};
    request.operands = {{"a", sized(static_cast<std::size_t>(batch * m * n) * 4)}};
    return read_operation("svd", request)->small();
  };
  CHECK(svd(1, 100, 100));
  CHECK(svd(2000, 8, 8));
  CHECK(svd(1, 10000, 10));
  CHECK_FALSE(svd(1, 200, 200));
  CHECK_FALSE(svd(20000, 16, 16));
  CHECK_FALSE(svd(1, 10000, 100));

  const auto image = [](std::int64_t batch, std::int64_t height, std::int64_t width, std::int64_t to) {
    GivenRequest request;
    request.integers = {{"batch", batch}, {"height", height}, {"width", width},
                        {"channels", 3},  {"toHeight", to},   {"toWidth", to}};
    request.floats = {{"scale", 1.0F}};
    request.float_lists = {{"mean", {0, 0, 0}}, {"std", {1, 1, 1}}};
    request.flags = {{"swapRedBlue", false}};
    request.operands = {{"a", sized(static_cast<std::size_t>(batch * height * width * 3))}};
    return read_operation("imageToTensor", request)->small();
  };
  CHECK(image(1, 3000, 4000, 640));
  CHECK_FALSE(image(8, 480, 640, 640));

  const auto copy = [](std::int64_t bytes) {
    GivenRequest request;
    request.integers = {{"bytes", bytes}};
    request.operands = {{"from", sized(static_cast<std::size_t>(bytes))}};
    return read_operation("copy", request)->small();
  };
  CHECK(copy(1 << 20));
  CHECK_FALSE(copy(1 << 28));

  GivenRequest nothing;
  CHECK_FALSE_MESSAGE(read_operation("trim", nothing)->small(), "nobody knows how much memory is given back");
}
