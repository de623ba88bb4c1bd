// Rows on the CPU.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "cpu/cpu_device.h"
#include "support/failure.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

template <typename Args>
void run(void (TensorOperations::*operation)(Lane&, const Args&), const Args& args) {
  CpuDevice device(1);
  Lane lane(0);
  (device.*operation)(lane, args);
}

using Indices = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("rows: an index that is out of range is an error, before anything is written") {
  const std::vector<std::uint8_t> a{1, 2, 3};
  for (const std::int64_t bad : {std::int64_t{3}, std::int64_t{-4}, std::numeric_limits<std::int64_t>::min()}) {
    CAPTURE(bad);
    const Indices indices{0, bad};
    std::vector<std::uint8_t> result(3, 9);
    const auto gathered =
        failure([&] { run(&Device::gather, {1, 3, 2, DType::Int64, operand(a), operand(indices), operand(result)}); });
    const auto scattered = failure([&] {
      run(&Device::scatter, {1, 3, 2, DType::Int64, operand(a), operand(indices), operand(a), operand(result)});
    });
    REQUIRE((gathered.has_value() && scattered.has_value()));
    CHECK((gathered->code() == Code::Argument && scattered->code() == Code::Argument));
    CHECK(std::string(gathered->what()).find("at 1 is out of range for 3 rows") != std::string::npos);
    CHECK(result == std::vector<std::uint8_t>(3, 9));
  }
}
