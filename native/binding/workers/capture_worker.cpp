#include "binding/workers/capture_worker.h"

#include <utility>
#include <vector>

#include "binding/values/convert.h"
#include "binding/values/run_input.h"

namespace tensorlane {
namespace {

std::vector<bool> to_flags(const Napi::Value& given, std::size_t count) {
  const Napi::Array array = to_array(given, "rows");
  if (array.Length() < count) throw Error(Code::Argument, "what has rows is needed of each, in order");
  std::vector<bool> flags;
  for (std::uint32_t i = 0; i < count; ++i) flags.push_back(array.Get(i).ToBoolean());
  return flags;
}

class CaptureWorker final : public LaneWorker {
 public:
  CaptureWorker(Napi::Env env, std::shared_ptr<Model> model, const Napi::Object& request)
      : LaneWorker(env),
        model_(std::move(model)),
        inputs_(to_array(request.Get("inputs"), "inputs"), model_->inputs()),
        rows_{to_flags(request.Get("inputRows"), model_->overridable_from()),
              to_flags(request.Get("outputRows"), model_->own_outputs().size())} {
    if (inputs_.values().size() != model_->overridable_from()) {
      throw Error(Code::Argument, "every input is needed, in order");
    }
  }

 private:
  // It waits for the device, and leaves it a few copies.
  [[nodiscard]] bool pipelines() const noexcept override { return true; }

  void Execute(Lane& lane) override { model_->capture(lane, inputs_.values(), rows_); }

  std::shared_ptr<Model> model_;
  RunInputs inputs_;
  Graphs::Rows rows_;
};

}  // namespace

std::unique_ptr<LaneWorker> make_capture_worker(Napi::Env env, std::shared_ptr<Model> model,
                                                const Napi::Object& request) {
  return std::make_unique<CaptureWorker>(env, std::move(model), request);
}

}  // namespace tensorlane
