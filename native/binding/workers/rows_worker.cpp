#include "binding/workers/rows_worker.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "binding/values/pin.h"
#include "binding/workers/one_off_worker.h"
#include "device/request.h"
#include "onnx/independence/trial.h"

namespace tensorlane {
namespace {

class ExamineWorker final : public OneOffWorker {
 public:
  ExamineWorker(Napi::Env env, std::shared_ptr<const Examination> examination, const Model& model,
                const Napi::Object& known)
      : OneOffWorker(env), examination_(std::move(examination)) {
    const Napi::Array names = known.GetPropertyNames();
    for (std::uint32_t i = 0; i < names.Length(); ++i) {
      const Napi::Object given = to_object(known.Get(names.Get(i)), "an input");
      rows::Given& to = known_[names.Get(i).ToString()];
      to.dims = to_ints(given.Get("dims"), "dims");
      if (const Napi::Value elements = given.Get("elements"); !elements.IsUndefined()) {
        const Napi::Array array = to_array(elements, "elements");
        to.elements.emplace();
        for (std::uint32_t e = 0; e < array.Length(); ++e) {
          to.elements->push_back(to_integer(array.Get(e), "an element"));
        }
      }
    }
    for (std::size_t i = 0; model.steps() != nullptr && i < model.overridable_from(); ++i) {
      const auto found = known_.find(model.inputs()[i].name);
      if (found == known_.end() || !model.steps()->changes(i)) continue;
      found->second.dims = model.steps()->own_dims(i, std::move(found->second.dims));
      found->second.elements.reset();
    }
  }

 private:
  void Work() override { finding_ = examination_->of(known_); }
  Napi::Value Result(Napi::Env env) override { return to_js(env, finding_); }

  std::shared_ptr<const Examination> examination_;
  rows::Known known_;
  rows::Finding finding_;
};

std::optional<std::size_t> to_axis(const Napi::Value& value) {
  if (value.IsNull()) return std::nullopt;
  return static_cast<std::size_t>(to_int(value, "an axis"));
}

class TrialWorker final : public LaneWorker {
 public:
  TrialWorker(Napi::Env env, std::shared_ptr<Model> model, const Napi::Object& request)
      : LaneWorker(env), model_(std::move(model)) {
    const Napi::Array inputs = to_array(request.Get("inputs"), "inputs");
    if (inputs.Length() != model_->overridable_from()) throw Error(Code::Argument, "every input is needed, in order");
    for (std::uint32_t i = 0; i < inputs.Length(); ++i) {
      inputs_.push_back(to_input(to_object(inputs.Get(i), "an input"), model_->inputs()[i]));
    }
    const Napi::Array axes = to_array(request.Get("outputs"), "outputs");
    if (axes.Length() != model_->outputs().size()) throw Error(Code::Argument, "every output is needed, in order");
    for (std::uint32_t i = 0; i < axes.Length(); ++i) axes_.push_back(to_axis(axes.Get(i)));
  }

 private:
  static TrialInput to_input(const Napi::Object& given, const ValueInfo& info) {
    TrialInput input;
    input.dims = to_ints(given.Get("dims"), "dims");
    input.axis = to_axis(given.Get("axis"));
    if (input.axis.has_value() && (*input.axis >= input.dims.size() || input.dims[*input.axis] != 1)) {
      throw Error(Code::Shape, "one row of input '" + info.name + "' is needed");
    }
    std::int64_t elements = 1;
    for (const std::int64_t dim : input.dims) elements = checked_product({elements, dim});
    if (info.type == DType::String) {
      const Napi::Array strings = to_array(given.Get("data"), "data");
      for (std::uint32_t i = 0; i < strings.Length(); ++i) input.strings.emplace_back(strings.Get(i).ToString());
      if (static_cast<std::size_t>(elements) != input.strings.size()) throw Error(Code::Shape, "strings are missing");
      return input;
    }
    const Pin pin = Pin::input(given.Get("data"));
    input.bytes.assign(pin.bytes().begin(), pin.bytes().end());
    if (input.bytes.size() != byte_size(info.type, static_cast<std::size_t>(elements))) {
      throw Error(Code::Shape, "input '" + info.name + "' has other bytes than its dims say");
    }
    return input;
  }

  void Execute(Lane& lane) override { finding_ = try_rows(*model_, lane, inputs_, axes_); }
  Napi::Value Result(Napi::Env env) override { return to_js(env, finding_); }

  std::shared_ptr<Model> model_;
  std::vector<TrialInput> inputs_;
  std::vector<std::optional<std::size_t>> axes_;
  rows::Finding finding_;
};

}  // namespace

Napi::Object to_js(Napi::Env env, const rows::Finding& finding) {
  constexpr std::array kVerdicts{"independent", "mixed", "doubtful"};
  Napi::Object object = Napi::Object::New(env);
  object.Set("verdict", kVerdicts.at(static_cast<std::size_t>(finding.verdict)));
  object.Set("reason", finding.reason);
  object.Set("mayChange", finding.may_change);
  return object;
}

Napi::Promise queue_examination(Napi::Env env, std::shared_ptr<const Examination> examination, const Model& model,
                                const Napi::Object& known) {
  return OneOffWorker::queue(std::make_unique<ExamineWorker>(env, std::move(examination), model, known));
}

std::unique_ptr<LaneWorker> make_trial_worker(Napi::Env env, std::shared_ptr<Model> model,
                                              const Napi::Object& request) {
  return std::make_unique<TrialWorker>(env, std::move(model), request);
}

}  // namespace tensorlane
