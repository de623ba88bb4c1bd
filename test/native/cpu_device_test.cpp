// What the CPU is as a device, besides its algebra: its memory, and what it says about what it cannot do.
#include "cpu/cpu_device.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/failure.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

Operand whole(const std::shared_ptr<Buffer>& buffer) { return {buffer->data(), buffer->bytes(), buffer}; }

}  // namespace

TEST_CASE("a CPU device says what it is, and has no state for its lanes") {
  CpuDevice device(3);
  CHECK(device.info().kind == "cpu");
  CHECK(device.info().threads == 3);
  CHECK(device.default_lanes() == 3);
  CHECK_FALSE(device.info().library.empty());
  CHECK(device.lane_state(0) == nullptr);
}

TEST_CASE("buffers are aligned, distinct, and counted while they live") {
  Lane lane(0);
  std::shared_ptr<Buffer> survivor;
  {
    CpuDevice device(1);
    CHECK(device.memory().used == 0);
    std::uint64_t total = 0;
    std::vector<std::shared_ptr<Buffer>> buffers;
    for (const std::size_t bytes : {1U, 63U, 64U, 65U, 0U, 1'000'001U, 0U}) {
      CAPTURE(bytes);
      buffers.push_back(device.allocate(lane, bytes));
      REQUIRE(buffers.back() != nullptr);
      CHECK(buffers.back()->bytes() == bytes);
      REQUIRE(buffers.back()->data() != nullptr);
      CHECK(reinterpret_cast<std::uintptr_t>(buffers.back()->data()) % 64 == 0);
      std::fill_n(buffers.back()->data(), bytes, std::byte{7});  // AddressSanitizer says whether it is all there
      total += bytes;
      CHECK(device.memory().tensors == total);
      CHECK(device.memory().used == total);
    }
    device.trim(lane);
    CHECK(device.memory().tensors == total);
    buffers.erase(buffers.begin() + 5);
    CHECK(device.memory().tensors == total - 1'000'001);
    survivor = buffers[1];
    buffers.clear();
    CHECK(device.memory().tensors == 63);
    CHECK(device.memory().limit == 0);
  }
  CHECK_MESSAGE(survivor->data()[62] == std::byte{7}, "a buffer did not outlive its device");
}

TEST_CASE("buffers come and go on several threads") {
  CpuDevice device(1);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 3; ++t) {
    threads.emplace_back([&device, t] {
      Lane lane(t);
      for (std::size_t i = 0; i < 300; ++i) {
        const auto buffer = device.allocate(lane, 1 + i % 100);
        *buffer->data() = std::byte{1};
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(device.memory().used == 0);
}

TEST_CASE("a tensor that memory does not hold is an error that names its size") {
  CpuDevice device(1);
  Lane lane(0);
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
  for (const std::size_t bytes : {kMost, kMost - 64, kMost / 2, std::size_t{1} << 60U}) {
    CAPTURE(bytes);
    const auto error = failure([&] { static_cast<void>(device.allocate(lane, bytes)); });
    REQUIRE_MESSAGE(error.has_value(), "no error was reported");
    CHECK(error->code() == Code::OutOfMemory);
    CHECK(std::string(error->what()).find(std::to_string(bytes) + " bytes") != std::string::npos);
    CHECK(device.memory().used == 0);
  }
}

TEST_CASE("copies take as many bytes as both have, from host memory and buffers alike") {
  CpuDevice device(1);
  Lane lane(0);
  const std::vector<float> from{1, 2, 3, 4};
  std::vector<float> to(4, 9.0F);
  const auto buffer = device.allocate(lane, 3 * sizeof(float));
  const auto other = device.allocate(lane, 8 * sizeof(float));
  device.copy(lane, operand(from), whole(buffer));
  device.copy(lane, whole(buffer), whole(other));
  device.copy(lane, {other->data(), 3 * sizeof(float), other}, operand(to));
  CHECK((to == std::vector<float>{1, 2, 3, 9}));
  device.copy(lane, operand(from), {reinterpret_cast<std::byte*>(&to[2]), 4, nullptr});
  CHECK((to == std::vector<float>{1, 2, 1, 9}));
  device.copy(lane, {}, operand(to));
  device.copy(lane, operand(from), {});
  CHECK((to == std::vector<float>{1, 2, 1, 9}));

  // Two parts of one buffer, one over the other.
  std::vector<float> shifted{1, 2, 3, 4};
  auto* data = reinterpret_cast<std::byte*>(shifted.data());
  device.copy(lane, {data, 12, nullptr}, {data + 4, 12, nullptr});
  CHECK((shifted == std::vector<float>{1, 1, 2, 3}));
}

TEST_CASE("operations take buffers and parts of them") {
  CpuDevice device(1);
  Lane lane(0);
  const std::vector<double> a{1, 2, 3, 4};
  const auto buffer = device.allocate(lane, 12 * sizeof(double));
  const auto part = [&](std::size_t first, std::size_t count) -> Operand {
    return {buffer->data() + first * sizeof(double), count * sizeof(double), buffer};
  };
  device.copy(lane, operand(a), part(4, 4));
  device.matmul(lane, {DType::Float64, 2, 2, 2, {}, {}, {}, false, part(4, 4), operand(a), part(8, 4)});
  std::vector<double> c(4);
  device.copy(lane, part(8, 4), operand(c));
  CHECK((c == std::vector<double>{7, 10, 15, 22}));
}

TEST_CASE("kernels are said to need a CUDA device") {
  CpuDevice device(1);
  Lane lane(0);
  const auto compile = failure([&] { static_cast<void>(device.compile(lane, "", "scale", {})); });
  const auto launch = failure([&] { device.launch(lane, {}); });
  for (const auto& error : {compile, launch}) {
    REQUIRE(error.has_value());
    CHECK(error->code() == Code::NotSupported);
    CHECK(std::string(error->what()).starts_with("kernels need a CUDA device"));
  }
  CHECK(std::string(compile->what()).find("'scale'") != std::string::npos);
}

TEST_CASE("what belongs to cuSOLVER is refused by name") {
  CpuDevice device(1);
  Lane lane(0);
  const std::vector<float> a(4, 1.0F);
  std::vector<float> s(2);
  const auto refused = [&](SvdDriver driver, std::int64_t rank) -> std::string {
    const auto error = failure([&] {
      device.svd(lane, {DType::Float32, SvdMode::Values, driver, rank, 1, 2, 2, operand(a), {}, operand(s), {}});
    });
    REQUIRE_MESSAGE(error.has_value(), "no error was reported");
    CHECK(error->code() == Code::Argument);
    return error->what();
  };
  for (const auto& [driver, name] : std::vector<std::pair<SvdDriver, std::string>>{{SvdDriver::Gesvdj, "gesvdj"},
                                                                                   {SvdDriver::Gesvdp, "gesvdp"},
                                                                                   {SvdDriver::Gesvdr, "gesvdr"},
                                                                                   {SvdDriver::Gesvda, "gesvda"}}) {
    CHECK(refused(driver, 0) ==
          "svd: driver '" + name +
              "' is cuSOLVER's; the CPU device takes 'auto', 'jacobi', 'gesdd', 'gesddTransposed' and 'gesvd'");
  }
  CHECK(refused(SvdDriver::Auto, 3).find("rank 3") != std::string::npos);
}
