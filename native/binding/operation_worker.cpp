#include "binding/operation_worker.h"

#include <utility>

#include "binding/buffer_object.h"
#include "binding/host_block.h"

namespace tensorlane {
namespace {

class OperationWorker final : public LaneWorker {
 public:
  OperationWorker(Napi::Env env, std::shared_ptr<Device> device, std::shared_ptr<LanePool> pool, Operation operation)
      : LaneWorker(env), device_(std::move(device)), pool_(std::move(pool)), operation_(std::move(operation)) {
    for (const Input& input : operation_.inputs) {
      if (input.order() != nullptr) uses(*input.order(), false);
    }
  }

  [[nodiscard]] bool pipelines() const noexcept override { return operation_.pipelines; }

 private:
  void Execute(Lane& lane) override {
    for (const std::size_t bytes : operation_.result_bytes) {
      Operand result{nullptr, bytes, nullptr};
      if (operation_.on_device) {
        result.buffer = device_->allocate(lane, bytes);
        result.data = result.buffer->data();
      } else {
        result.data = static_cast<std::byte*>(blocks_.emplace_back(bytes).data());
      }
      results_.push_back(std::move(result));
    }
    operation_.run(*device_, lane, results_);
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Array array = Napi::Array::New(env, results_.size());
    for (std::uint32_t i = 0; i < results_.size(); ++i) {
      if (operation_.on_device) {
        array.Set(i, BufferObject::make(env, std::move(results_[i].buffer), pool_));
      } else {
        array.Set(i, give_to_js(env, std::move(blocks_[i])));
      }
    }
    return array;
  }

  std::shared_ptr<Device> device_;
  std::shared_ptr<LanePool> pool_;
  Operation operation_;
  std::vector<HostBlock> blocks_;
  std::vector<Operand> results_;
};

}  // namespace

std::unique_ptr<LaneWorker> make_operation_worker(Napi::Env env, std::shared_ptr<Device> device,
                                                  std::shared_ptr<LanePool> pool, Operation operation) {
  return std::make_unique<OperationWorker>(env, std::move(device), std::move(pool), std::move(operation));
}

}  // namespace tensorlane
