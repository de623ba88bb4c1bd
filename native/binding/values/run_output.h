// An output of a run on its way to JS: see RunOutput in binding.d.ts.
//
// Whoever gets a tensor owns its memory alone. So what lies in memory of the run's inputs, or of another output's, is
// copied, as is what one buffer holds for several callers.
#pragma once

#include <napi.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "binding/values/pin.h"
#include "binding/values/result_block.h"
#include "core/lanes/lane.h"
#include "onnx/values/values.h"

namespace tensorlane {

// Where elements go.
struct Destination {
  std::span<const std::int64_t> rows;  // of each caller; one or none for a run that is not parted
  std::optional<Pin>* staging;         // a buffer to write them to if they fit, or null
  bool resident = false;               // they stay on the device, as a Buffer
};

class Delivery {
 public:
  // On the lane. `is_shared` says whether elements lie in memory that is not the output's alone.
  using IsShared = std::function<bool(const Output&)>;
  Delivery(Output output, const Destination& to, const IsShared& is_shared);

  [[nodiscard]] const Output& output() const noexcept { return output_; }

  // On the JS thread, once. Errors: OutOfMemory.
  static Napi::Value to_js(Napi::Env env, std::unique_ptr<Delivery> delivery, const std::shared_ptr<LanePool>& pool);

 private:
  void deliver(const Destination& to, const IsShared& is_shared);
  void add_block(const std::byte*& from, std::size_t bytes);
  static Napi::Value data_of(Napi::Env env, std::unique_ptr<Delivery> delivery, const std::shared_ptr<LanePool>& pool);

  Output output_;
  // Its elements are in exactly one of four forms:
  bool staged_ = false;              // written to the buffer that lib/ lent
  std::vector<ResultBlock> blocks_;  // one for each caller; or the whole, as one block
  bool parted_ = false;
  bool resident_ = false;
  // else: the elements of `output_`, or its strings
  std::vector<std::unique_ptr<Delivery>> items_;  // of a sequence or a map
};

}  // namespace tensorlane
