#include "binding/workers/operation_worker.h"

#include <utility>
#include <vector>

#include "binding/objects/buffer_object.h"
#include "binding/values/js_request.h"
#include "binding/values/result_block.h"

namespace tensorlane {
namespace {

class OperationWorker final : public LaneWorker {
 public:
  OperationWorker(Napi::Env env, std::shared_ptr<Device> device, std::shared_ptr<LanePool> pool,
                  const std::string& name, const Napi::Object& object)
      : LaneWorker(env),
        device_(std::move(device)),
        pool_(std::move(pool)),
        on_device_(object.Get("onDevice").ToBoolean()) {
    JsRequest request(object);
    operation_ = read_operation(name, request);
    inputs_ = request.take_inputs();
    conversions_ = request.take_conversions();
    for (const Input& input : inputs_) {
      if (input.order() != nullptr) uses(*input.order(), false);
    }
  }

  [[nodiscard]] bool pipelines() const noexcept override { return operation_->pipelines(); }

 private:
  [[nodiscard]] bool takes_little() const noexcept override { return operation_->small(); }

  void Execute(Lane& lane) override {
    for (Operand* result : operation_->results()) {
      if (on_device_) {
        result->buffer = device_->allocate(lane, result->bytes);
        result->data = result->buffer->data();
      } else {
        result->data = static_cast<std::byte*>(blocks_.emplace_back(result->bytes).data());
      }
    }
    for (Conversion& conversion : conversions_) conversion.run(*device_, lane);
    operation_->run(*device_, lane);
  }

  Napi::Value Result(Napi::Env env) override {
    const std::vector<Operand*>& results = operation_->results();
    Napi::Array array = Napi::Array::New(env, results.size());
    for (std::uint32_t i = 0; i < results.size(); ++i) {
      if (on_device_) {
        array.Set(i, BufferObject::make(env, std::move(results[i]->buffer), pool_));
      } else {
        array.Set(i, give_to_js(env, std::move(blocks_[i])));
      }
    }
    return array;
  }

  std::shared_ptr<Device> device_;
  std::shared_ptr<LanePool> pool_;
  bool on_device_;  // where the results go
  std::unique_ptr<Operation> operation_;
  std::vector<Input> inputs_;
  std::vector<Conversion> conversions_;  // of them, and to operands of the operation
  std::vector<ResultBlock> blocks_;
};

}  // namespace

std::unique_ptr<LaneWorker> make_operation_worker(Napi::Env env, std::shared_ptr<Device> device,
                                                  std::shared_ptr<LanePool> pool, const std::string& name,
                                                  const Napi::Object& request) {
  return std::make_unique<OperationWorker>(env, std::move(device), std::move(pool), name, request);
}

}  // namespace tensorlane
