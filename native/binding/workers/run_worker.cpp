#include "binding/workers/run_worker.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "binding/values/pin.h"
#include "binding/values/result_block.h"
#include "device/request.h"

namespace tensorlane {
namespace {

// One output on its way to JS, in exactly one of four forms.
struct Delivery {
  explicit Delivery(Output result) : output(std::move(result)) {}

  Output output;
  bool staged = false;              // the bytes were written to the buffer that lib/ lent
  std::vector<ResultBlock> blocks;  // one for each caller; or the whole, as one block
  bool parted = false;
  // else: the elements of `output`, or its strings
};

class RunWorker final : public LaneWorker {
 public:
  RunWorker(Napi::Env env, std::shared_ptr<Model> model, const Napi::Object& request)
      : LaneWorker(env), model_(std::move(model)) {
    const Napi::Array inputs = to_array(request.Get("inputs"), "inputs");
    if (inputs.Length() != model_->inputs().size()) throw Error(Code::Argument, "every input is needed, in order");
    for (std::uint32_t i = 0; i < inputs.Length(); ++i) {
      add_input(to_object(inputs.Get(i), "an input"), model_->inputs()[i]);
    }
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
  }

 private:
  void add_input(const Napi::Object& input, const ValueInfo& info) {
    InputParts parts;
    parts.dims = to_ints(input.Get("dims"), "dims");
    const Napi::Array given = to_array(input.Get("parts"), "parts");
    std::int64_t elements = 1;
    for (const std::int64_t dim : parts.dims) elements = checked_product({elements, dim});
    if (info.type == DType::String) {
      for (std::uint32_t i = 0; i < given.Length(); ++i) parts.strings.emplace_back(given.Get(i).ToString());
      if (static_cast<std::size_t>(elements) != parts.strings.size()) throw Error(Code::Shape, "strings are missing");
    } else {
      std::size_t bytes = 0;
      for (std::uint32_t i = 0; i < given.Length(); ++i) {
        pins_.push_back(Pin::part(given.Get(i)));
        const std::span<std::byte> part = pins_.back().bytes();
        parts.parts.push_back({part.data(), part.size(), nullptr});
        bytes += part.size();
      }
      // The runtime takes more than it needs, which would push the rows of one caller into another's.
      if (bytes != byte_size(info.type, static_cast<std::size_t>(elements))) {
        throw Error(Code::Shape,
                    "input '" + info.name + "' has " + std::to_string(bytes) + " bytes, which its dims do not fit");
      }
    }
    inputs_.push_back(std::move(parts));
  }

  void Execute(Lane& lane) override {
    const auto start = std::chrono::steady_clock::now();
    std::vector<Output> outputs = model_->run(lane, inputs_, wanted_);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      deliveries_.push_back(std::make_unique<Delivery>(std::move(outputs[i])));
      deliver(*deliveries_.back(), i, lane.workspace());
    }
    microseconds_ = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
  }

  void deliver(Delivery& delivery, std::size_t index, Workspace& workspace) {
    const Output& output = delivery.output;
    if (output.type == DType::String) return;
    const std::size_t bytes = output.elements.bytes;
    const std::int64_t total = std::accumulate(rows_.begin(), rows_.end(), std::int64_t{0});
    const bool by_rows = rows_.size() > 1 && !output.dims.empty() && output.dims[0] == total && total > 0;
    if (by_rows && bytes / rows_.size() > Pin::kCopyUpTo) {
      const std::size_t row = bytes / static_cast<std::size_t>(total);
      const std::byte* from = output.elements.data;
      for (const std::int64_t rows : rows_) add_block(delivery, from, row * static_cast<std::size_t>(rows));
      delivery.parted = true;
      delivery.output.elements = {};
      return;
    }
    std::optional<Pin>& staging = staging_[index];
    if (staging.has_value() && bytes <= staging->bytes().size()) {
      std::copy_n(output.elements.data, bytes, staging->bytes().data());
      delivery.staged = true;
      delivery.output.elements = {};
      return;
    }
    // A graph may pass an input, or one value twice, straight through: that memory is not this output's alone.
    if (is_shared(output, index, workspace)) {
      const std::byte* from = output.elements.data;
      add_block(delivery, from, bytes);
    }
  }

  static void add_block(Delivery& delivery, const std::byte*& from, std::size_t bytes) {
    ResultBlock block(bytes);
    // Of nothing there may be no address, which memcpy forbids.
    std::copy_n(from, bytes, static_cast<std::byte*>(block.data()));
    from += bytes;
    delivery.blocks.push_back(std::move(block));
  }

  [[nodiscard]] bool is_shared(const Output& output, std::size_t index, Workspace& workspace) const {
    const auto within = [&output](const std::byte* begin, std::size_t bytes) {
      return output.elements.data >= begin && output.elements.data < begin + bytes;
    };
    if (within(workspace.take(0), workspace.capacity())) return true;
    for (const InputParts& input : inputs_) {
      for (const Operand& part : input.parts) {
        if (within(part.data, part.bytes)) return true;
      }
    }
    for (std::size_t i = 0; i < index; ++i) {
      if (deliveries_[i]->output.elements.data == output.elements.data) return true;
    }
    return false;
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Array outputs = Napi::Array::New(env, deliveries_.size());
    for (std::uint32_t i = 0; i < deliveries_.size(); ++i) {
      Napi::Object object = Napi::Object::New(env);
      object.Set("dims", from_ints(env, deliveries_[i]->output.dims));
      object.Set("data", data_of(env, std::move(deliveries_[i])));
      outputs.Set(i, object);
    }
    Napi::Object result = Napi::Object::New(env);
    result.Set("outputs", outputs);
    result.Set("microseconds", microseconds_);
    return result;
  }

  static Napi::Value data_of(Napi::Env env, std::unique_ptr<Delivery> delivery) {
    if (delivery->output.type == DType::String) {
      Napi::Array strings = Napi::Array::New(env, delivery->output.strings.size());
      for (std::uint32_t i = 0; i < delivery->output.strings.size(); ++i) {
        strings.Set(i, delivery->output.strings[i]);
      }
      return strings;
    }
    if (delivery->staged) return env.Undefined();
    if (!delivery->blocks.empty()) {
      Napi::Array parts = Napi::Array::New(env, delivery->blocks.size());
      for (std::uint32_t i = 0; i < delivery->blocks.size(); ++i) {
        parts.Set(i, give_to_js(env, std::move(delivery->blocks[i])));
      }
      return delivery->parted ? static_cast<Napi::Value>(parts) : parts.Get(std::uint32_t{0});
    }
    const std::byte* elements = delivery->output.elements.data;
    const std::size_t bytes = delivery->output.elements.bytes;
    return give_to_js(env, elements, bytes, std::move(delivery));
  }

  std::shared_ptr<Model> model_;
  std::vector<Pin> pins_;
  std::vector<InputParts> inputs_;
  std::vector<std::size_t> wanted_;
  std::vector<std::int64_t> rows_;
  std::vector<std::optional<Pin>> staging_;
  std::vector<std::unique_ptr<Delivery>> deliveries_;
  double microseconds_ = 0;
};

}  // namespace

std::unique_ptr<LaneWorker> make_run_worker(Napi::Env env, std::shared_ptr<Model> model, const Napi::Object& request) {
  return std::make_unique<RunWorker>(env, std::move(model), request);
}

}  // namespace tensorlane
