#include "binding/values/run_output.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "binding/objects/buffer_object.h"
#include "binding/values/convert.h"

namespace tensorlane {
namespace {

// A block as memory of the device, for a device whose memory host code can touch.
class BlockBuffer final : public Buffer {
 public:
  explicit BlockBuffer(ResultBlock block) : block_(std::move(block)) {}

  [[nodiscard]] std::byte* data() const noexcept override { return static_cast<std::byte*>(block_.data()); }
  [[nodiscard]] std::size_t bytes() const noexcept override { return block_.bytes(); }
  [[nodiscard]] bool host_accessible() const noexcept override { return true; }

 private:
  ResultBlock block_;
};

}  // namespace

Delivery::Delivery(Output output, const Destination& to, const IsShared& is_shared) : output_(std::move(output)) {
  if (output_.form == ValueForm::Tensor) {
    if (output_.type != DType::String) deliver(to, is_shared);
    return;
  }
  const IsShared never = [](const Output&) { return false; };  // they are copies, by the runtime
  for (Output& item : output_.items) {
    items_.push_back(std::make_unique<Delivery>(std::move(item), Destination{{}, nullptr, false}, never));
  }
  output_.items.clear();
}

void Delivery::deliver(const Destination& to, const IsShared& is_shared) {
  const std::size_t bytes = output_.elements.bytes;
  const std::byte* from = output_.elements.data;
  const std::int64_t total = std::accumulate(to.rows.begin(), to.rows.end(), std::int64_t{0});
  const bool by_rows = to.rows.size() > 1 && !output_.dims.empty() && output_.dims[0] == total && total > 0;
  resident_ = to.resident;
  if (by_rows && bytes / to.rows.size() > Pin::kCopyUpTo) {
    const std::size_t row = bytes / static_cast<std::size_t>(total);
    for (const std::int64_t rows : to.rows) add_block(from, row * static_cast<std::size_t>(rows));
    parted_ = true;
    output_.elements = {};
    return;
  }
  if (to.staging != nullptr && to.staging->has_value() && bytes <= (*to.staging)->bytes().size()) {
    std::copy_n(from, bytes, (*to.staging)->bytes().data());
    staged_ = true;
    output_.elements = {};
    return;
  }
  // A graph may pass an input, or one value twice, straight through.
  if (is_shared(output_)) add_block(from, bytes);
}

void Delivery::add_block(const std::byte*& from, std::size_t bytes) {
  ResultBlock block(bytes);
  // Of nothing there may be no address, which memcpy forbids.
  std::copy_n(from, bytes, static_cast<std::byte*>(block.data()));
  from += bytes;
  blocks_.push_back(std::move(block));
}

Napi::Value Delivery::to_js(Napi::Env env, std::unique_ptr<Delivery> delivery, const std::shared_ptr<LanePool>& pool) {
  const auto items_to_js = [&](std::size_t i) { return to_js(env, std::move(delivery->items_.at(i)), pool); };
  switch (delivery->output_.form) {
    case ValueForm::None:
      return env.Null();
    case ValueForm::Sequence: {
      Napi::Array items = Napi::Array::New(env, delivery->items_.size());
      for (std::uint32_t i = 0; i < delivery->items_.size(); ++i) {
        const Napi::HandleScope scope(env);
        items.Set(i, items_to_js(i));
      }
      Napi::Object object = Napi::Object::New(env);
      object.Set("sequence", items);
      return object;
    }
    case ValueForm::Map: {
      Napi::Object object = Napi::Object::New(env);
      object.Set("keys", items_to_js(0));
      object.Set("values", items_to_js(1));
      return object;
    }
    case ValueForm::Tensor:
      break;
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("dims", from_ints(env, delivery->output_.dims));
  object.Set("data", data_of(env, std::move(delivery), pool));
  return object;
}

Napi::Value Delivery::data_of(Napi::Env env, std::unique_ptr<Delivery> delivery,
                              const std::shared_ptr<LanePool>& pool) {
  if (delivery->output_.type == DType::String) {
    const std::vector<std::string>& texts = delivery->output_.strings;
    Napi::Array strings = Napi::Array::New(env, texts.size());
    for (std::uint32_t i = 0; i < texts.size(); ++i) strings.Set(i, string_to_js(env, texts[i]));
    return strings;
  }
  if (delivery->staged_) return env.Undefined();
  std::vector<ResultBlock>& blocks = delivery->blocks_;
  if (delivery->resident_) {
    std::shared_ptr<Buffer> buffer = std::move(delivery->output_.elements.buffer);
    if (!blocks.empty()) buffer = std::make_shared<BlockBuffer>(std::move(blocks.front()));
    return BufferObject::make(env, std::move(buffer), pool);
  }
  if (delivery->parted_) {
    Napi::Array parts = Napi::Array::New(env, blocks.size());
    for (std::uint32_t i = 0; i < blocks.size(); ++i) parts.Set(i, give_to_js(env, std::move(blocks[i])));
    return parts;
  }
  if (!blocks.empty()) return give_to_js(env, std::move(blocks.front()));
  const std::byte* elements = delivery->output_.elements.data;
  const std::size_t bytes = delivery->output_.elements.bytes;
  return give_to_js(env, elements, bytes, std::move(delivery));
}

}  // namespace tensorlane
