#include "binding/workers/run_worker.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "binding/values/pin.h"
#include "binding/values/run_input.h"
#include "binding/values/run_output.h"

namespace tensorlane {
namespace {

RunLog to_run_log(const Napi::Object& given) {
  RunLog log;
  const auto level = [&](const char* name, std::optional<int>& to) {
    if (const Napi::Value value = given.Get(name); !value.IsUndefined()) to = static_cast<int>(to_int(value, name));
  };
  level("severityLevel", log.severity_level);
  level("verbosityLevel", log.verbosity_level);
  if (const Napi::Value tag = given.Get("tag"); !tag.IsUndefined()) log.tag = tag.ToString();
  return log;
}

class RunWorker final : public LaneWorker {
 public:
  RunWorker(Napi::Env env, std::shared_ptr<Model> model, std::shared_ptr<LanePool> pool, const Napi::Object& request)
      : LaneWorker(env),
        model_(std::move(model)),
        pool_(std::move(pool)),
        inputs_(to_array(request.Get("inputs"), "inputs"), model_->inputs()),
        resident_(request.Get("resident").ToBoolean()),
        alone_(request.Get("alone").ToBoolean()),
        pads_(request.Get("pads").ToBoolean()) {
    if (const Napi::Value log = request.Get("log"); !log.IsUndefined()) log_ = to_run_log(to_object(log, "log"));
    if (inputs_.values().size() < model_->overridable_from()) {
      throw Error(Code::Argument, "every input is needed, in order");
    }
    for (UseOrder* order : inputs_.orders()) uses(*order, false);
    for (const std::int64_t index : to_ints(request.Get("outputs"), "outputs")) {
      if (static_cast<std::size_t>(index) >= model_->outputs().size()) throw Error(Code::Argument, "no such output");
      wanted_.push_back(static_cast<std::size_t>(index));
    }
    rows_ = to_ints(request.Get("rows"), "rows");
    const Napi::Array staging = to_array(request.Get("staging"), "staging");
    staging_.resize(wanted_.size());
    for (std::uint32_t i = 0; i < std::min<std::size_t>(staging.Length(), wanted_.size()); ++i) {
      if (const Napi::Value buffer = staging.Get(i); !buffer.IsUndefined()) staging_[i] = Pin::own(buffer);
    }
    there_ = model_->runs_there(inputs_.values(), wanted_);
  }

 private:
  // What runs in the device's memory is handed to the device, and the lane goes on.
  [[nodiscard]] bool pipelines() const noexcept override { return there_; }

  void Execute(Lane& lane) override {
    const auto start = std::chrono::steady_clock::now();
    if (there_) {
      model_->run_there(
          lane, inputs_.values(), wanted_, resident_,
          [this, &lane, start](std::vector<Output> outputs) { deliver(lane, std::move(outputs), start); }, log_, pads_);
    } else {
      deliver(lane, model_->run(lane, inputs_.values(), wanted_, alone_, log_), start);
    }
  }

  // On the lane, once the outputs are there.
  void deliver(Lane& lane, std::vector<Output> outputs, std::chrono::steady_clock::time_point start) {
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const auto shared = [&](const Output& output) { return is_shared(output, lane.workspace()); };
      const Destination to{rows_, &staging_[i], resident_};
      deliveries_.push_back(std::make_unique<Delivery>(std::move(outputs[i]), to, shared));
    }
    microseconds_ = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
  }

  // Of an output that is the next to be delivered.
  [[nodiscard]] bool is_shared(const Output& output, Workspace& workspace) const {
    if (output.elements.buffer == nullptr) return true;  // lent for the moment
    if (within(output, workspace.take(0), workspace.capacity())) return true;
    if (std::ranges::any_of(inputs_.values(), [&](const InputParts& input) { return is_of(output, input); }))
      return true;
    return std::ranges::any_of(deliveries_, [&](const std::unique_ptr<Delivery>& other) {
      return other->output().elements.data == output.elements.data;
    });
  }

  static bool within(const Output& output, const std::byte* begin, std::size_t bytes) {
    return output.elements.data >= begin && output.elements.data < begin + bytes;
  }

  static bool is_of(const Output& output, const InputParts& input) {
    return std::ranges::any_of(input.parts,
                               [&](const Operand& part) { return within(output, part.data, part.bytes); }) ||
           std::ranges::any_of(input.items, [&](const InputParts& item) { return is_of(output, item); });
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Array outputs = Napi::Array::New(env, deliveries_.size());
    for (std::uint32_t i = 0; i < deliveries_.size(); ++i) {
      outputs.Set(i, Delivery::to_js(env, std::move(deliveries_[i]), pool_));
    }
    Napi::Object result = Napi::Object::New(env);
    result.Set("outputs", outputs);
    result.Set("microseconds", microseconds_);
    return result;
  }

  std::shared_ptr<Model> model_;
  std::shared_ptr<LanePool> pool_;
  RunInputs inputs_;
  bool resident_;       // outputs stay on the device
  bool there_ = false;  // it runs in the memory of the device
  bool alone_;          // shared threads do not help
  bool pads_;           // a graph of more rows will do
  RunLog log_;
  std::vector<std::size_t> wanted_;
  std::vector<std::int64_t> rows_;
  std::vector<std::optional<Pin>> staging_;
  std::vector<std::unique_ptr<Delivery>> deliveries_;
  double microseconds_ = 0;
};

}  // namespace

std::unique_ptr<LaneWorker> make_run_worker(Napi::Env env, std::shared_ptr<Model> model, std::shared_ptr<LanePool> pool,
                                            const Napi::Object& request) {
  return std::make_unique<RunWorker>(env, std::move(model), std::move(pool), request);
}

}  // namespace tensorlane
