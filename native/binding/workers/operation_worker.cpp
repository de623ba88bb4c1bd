#include "binding/workers/operation_worker.h"

#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "binding/objects/buffer_object.h"
#include "binding/objects/stop_object.h"
#include "binding/values/js_request.h"
#include "binding/values/result_block.h"
#include "binding/values/result_place.h"

namespace tensorlane {
namespace {

class OperationWorker final : public LaneWorker {
 public:
  OperationWorker(Napi::Env env, std::shared_ptr<Device> device, std::shared_ptr<LanePool> pool,
                  const std::string& name, const Napi::Object& object)
      : LaneWorker(env),
        device_(std::move(device)),
        pool_(std::move(pool)),
        on_device_(object.Get("onDevice").ToBoolean()),
        stop_(StopObject::unwrap(object.Get("stop"))) {
    JsRequest request(object);
    operation_ = read_operation(name, request);
    inputs_ = request.take_inputs();
    conversions_ = request.take_conversions();
    for (const Input& input : inputs_) {
      if (input.order() != nullptr) uses(*input.order(), false);
    }
    take_outputs(object.Get("outs"));
  }

  [[nodiscard]] bool pipelines() const noexcept override { return operation_->pipelines(); }

 private:
  [[nodiscard]] bool takes_little() const noexcept override { return operation_->small(); }

  void Execute(Lane& lane) override {
    const Stop::Heeded heeded(stop_);
    const std::vector<Operand*>& results = operation_->results();
    blocks_.resize(results.size());
    for (std::size_t i = 0; i < results.size(); ++i) place(lane, i, *results[i]);
    for (Conversion& conversion : conversions_) conversion.run(*device_, lane);
    operation_->run(*device_, lane);
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      if (outputs_[i].has_value() && !direct_[i]) copy_out(lane, *outputs_[i], i, *results[i]);
    }
  }

  Napi::Value Result(Napi::Env env) override {
    const std::vector<Operand*>& results = operation_->results();
    Napi::Array array = Napi::Array::New(env, results.size());
    for (std::uint32_t i = 0; i < results.size(); ++i) {
      if (has_output(i)) {
        if (blocks_[i].data() != nullptr) outputs_[i]->fill(blocks_[i].data());
      } else if (on_device_) {
        array.Set(i, BufferObject::make(env, std::move(results[i]->buffer), pool_));
      } else {
        array.Set(i, give_to_js(env, std::move(blocks_[i])));
      }
    }
    if (operation_->ran() != nullptr) array.Set("ran", operation_->ran());
    return array;
  }

  // What JS gives memory for; an array with an element a result, undefined where it gives none.
  void take_outputs(const Napi::Value& value) {
    if (!value.IsArray()) return;
    const auto given = value.As<Napi::Array>();
    const std::vector<Operand*>& results = operation_->results();
    std::vector<Operand> read;
    for (const Input& input : inputs_) read.push_back(input.operand());
    outputs_.resize(results.size());
    direct_.resize(results.size());
    for (std::uint32_t i = 0; i < results.size(); ++i) {
      const Napi::Value one = given.Get(i);
      if (one.IsUndefined()) continue;
      ResultPlace& output = outputs_[i].emplace(one, results[i]->bytes);
      if (output.on_device() != on_device_) throw Error(Code::Argument, "out is not where the result is");
      for (std::uint32_t j = 0; j < i; ++j) {
        if (has_output(j) && output.overlaps(outputs_[j]->operand())) {
          throw Error(Code::Argument, "two of out share memory");
        }
      }
      direct_[i] = output.takes_directly(read);
      if (output.order() != nullptr) uses(*output.order(), true);
    }
  }

  [[nodiscard]] bool has_output(std::size_t i) const { return i < outputs_.size() && outputs_[i].has_value(); }

  // Gives a result its memory.
  void place(Lane& lane, std::size_t i, Operand& result) {
    if (has_output(i) && direct_[i]) {
      result.buffer = outputs_[i]->operand().buffer;
      result.data = outputs_[i]->operand().data;
    } else if (on_device_) {
      result.buffer = device_->allocate(lane, result.bytes);
      result.data = result.buffer->data();
    } else {
      blocks_[i] = ResultBlock(result.bytes);
      result.data = static_cast<std::byte*>(blocks_[i].data());
    }
  }

  // From memory of ours to what JS gave. What a device brings to host memory is there only when the task has ended, and
  // what may move is JS's alone: those are copied then.
  void copy_out(Lane& lane, const ResultPlace& output, std::size_t i, const Operand& result) {
    if (output.on_device()) {
      device_->copy(lane, result, output.operand());
    } else if (lane.state() == nullptr && output.stays()) {
      if (result.bytes != 0) std::memcpy(output.operand().data, result.data, result.bytes);
      blocks_[i] = ResultBlock();
    }
  }

  std::shared_ptr<Device> device_;
  std::shared_ptr<LanePool> pool_;
  bool on_device_;              // where the results go
  std::shared_ptr<Stop> stop_;  // null where nothing stops it
  std::unique_ptr<Operation> operation_;
  std::vector<Input> inputs_;
  std::vector<Conversion> conversions_;              // of them, and to operands of the operation
  std::vector<std::optional<ResultPlace>> outputs_;  // as many as results, or none
  std::vector<bool> direct_;                         // whether the operation writes to it
  std::vector<ResultBlock> blocks_;                  // in host memory, of each result that has no other place
};

}  // namespace

std::unique_ptr<LaneWorker> make_operation_worker(Napi::Env env, std::shared_ptr<Device> device,
                                                  std::shared_ptr<LanePool> pool, const std::string& name,
                                                  const Napi::Object& request) {
  return std::make_unique<OperationWorker>(env, std::move(device), std::move(pool), name, request);
}

}  // namespace tensorlane
