#include "device/operation.h"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <string_view>

#include "core/memory/kept_memory.h"
#include "device/device.h"

namespace tensorlane {
namespace {

// `Function` is a member of Device, or takes a device first.
template <typename Args, auto Function>
class ReadOperation final : public Operation {
 public:
  ReadOperation(Request& request, bool pipelines) : Operation(pipelines) {
    args_.read(request);
    if constexpr (requires { args_.ran; }) args_.ran = &ran_;
    take_results(request);
    const auto bytes = static_cast<double>(request.bytes());
    if constexpr (requires { args_.work(bytes); }) {
      estimate(args_.work(bytes));
    } else {
      estimate(bytes);
    }
  }

  void run(Device& device, Lane& lane) override { std::invoke(Function, device, lane, args_); }
  [[nodiscard]] const char* ran() const noexcept override { return ran_; }

 private:
  Args args_;
  const char* ran_ = nullptr;
};

template <typename Args, auto Function>
std::unique_ptr<Operation> read_as(Request& request, bool pipelines) {
  return std::make_unique<ReadOperation<Args, Function>>(request, pipelines);
}

// To the device, back from it, or within it: by where the operand is and the result is to be.
struct CopyArgs {
  Operand from, to;

  void read(Request& request) {
    const auto bytes = static_cast<std::size_t>(request.size("bytes"));
    request.operand(from, "from", bytes);
    request.result(to, bytes);
  }
};

void copy(DeviceMemory& memory, Lane& lane, const CopyArgs& args) { memory.copy(lane, args.from, args.to); }

struct TrimArgs {
  void read(Request& /*nothing*/) {}
  [[nodiscard]] double work(double /*bytes*/) const { return std::numeric_limits<double>::infinity(); }
};

void trim(DeviceMemory& memory, Lane& lane, const TrimArgs& /*nothing*/) {
  memory.trim(lane);
  KeptMemory::shared().trim();  // of results, whatever the device
}

struct Row {
  std::string_view name;
  bool pipelines;
  std::unique_ptr<Operation> (*read)(Request&, bool pipelines);
};

#define TENSORLANE_ROW(function, Args, name, pipelines) Row{name, pipelines, read_as<Args, &Device::function>},

constexpr std::array kRows{
    TENSORLANE_ALGEBRA(TENSORLANE_ROW)            //
    TENSORLANE_TENSOR_OPERATIONS(TENSORLANE_ROW)  //
    Row{"copy", true, read_as<CopyArgs, copy>},
    Row{"trim", false, read_as<TrimArgs, trim>},
};

#undef TENSORLANE_ROW

}  // namespace

std::unique_ptr<Operation> read_operation(const std::string& name, Request& request) {
  const auto found = std::ranges::find(kRows, name, &Row::name);
  if (found == kRows.end()) throw Error(Code::Argument, "there is no operation '" + name + "'");
  return found->read(request, found->pipelines);
}

}  // namespace tensorlane
