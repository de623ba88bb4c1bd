#include <algorithm>

#include "onnx/rows/rules.h"

namespace tensorlane::rows {
namespace {

constexpr const char* kNotLeading =
    "takes another axis than the leading one for the batch, and the rows do not lie along that";

// What an operator of [N, C, ...] can do with its first input: rows along the leading axis, or a picture that all share.
bool has_pictures(Step& step) {
  const Fact& x = *step.input(0);
  if (counts_rows(x)) {
    step.mixes("computes with the number of rows");
    return false;
  }
  if (x.is_rows() && x.axis != 0) {
    step.mixes(kNotLeading);
    return false;
  }
  return true;
}

void set_pictures(Step& step, std::optional<Sizes> shape) {
  const Fact& x = *step.input(0);
  if (x.is_rows() && shape.has_value())
    shape->front() = x.shape.has_value() ? x.shape->front() : step.symbols().fresh();
  step.set_all(x.is_rows() ? Fact::rows(x, 0, std::move(shape)) : Fact::shared(std::move(shape)));
}

// A window's places along one spatial axis.
Size places(Step& step, const Size& size, std::size_t axis, std::size_t axes, std::int64_t window) {
  const graph::Attribute* automatic = step.attribute("auto_pad");
  const std::string how = automatic == nullptr ? "" : automatic->text;
  const auto of = [&](const char* name, std::size_t at, std::int64_t otherwise) {
    const auto list = step.list(name);
    return list.has_value() && at < list->size() ? (*list)[at] : otherwise;
  };
  const std::int64_t stride = of("strides", axis, 1);
  if (!size.is_number() || window < 1 || stride < 1) return step.symbols().fresh();
  if (how.starts_with("SAME")) return (size.number() + stride - 1) / stride;
  const bool padded = how.empty() || how == "NOTSET";
  const std::int64_t padding = padded ? of("pads", axis, 0) + of("pads", axis + axes, 0) : 0;
  const std::int64_t rest = size.number() + padding - of("dilations", axis, 1) * (window - 1) - 1;
  // Rounded up, the last window may be dropped where it begins in the padding: then the size is not said here.
  if (step.integer("ceil_mode", 0) != 0 && rest % stride != 0) return step.symbols().fresh();
  return rest < 0 ? step.symbols().fresh() : Size(rest / stride + 1);
}

}  // namespace

void convolution(Step& step) {
  if (!has_pictures(step)) return;
  if (!step.others_shared({0})) return step.mixes("takes its weights from the rows");
  const Fact& x = *step.input(0);
  const std::string& op = step.node().op;
  const Fact* weights = step.input(op == "QLinearConv" ? 3 : 1);
  if (!x.shape.has_value() || x.shape->size() < 3) return set_pictures(step, std::nullopt);
  const std::size_t rank = x.shape->size();
  Sizes shape = step.symbols().fresh_list(rank);
  if (weights != nullptr && weights->rank() == rank && op != "ConvTranspose" && op != "DeformConv") {
    shape[1] = weights->shape->front();
    for (std::size_t i = 2; i < rank; ++i) {
      const Size& window = (*weights->shape)[i];
      shape[i] = places(step, (*x.shape)[i], i - 2, rank - 2, window.is_number() ? window.number() : 0);
    }
  } else if (weights != nullptr && weights->rank() == rank && op == "ConvTranspose") {
    const auto channels = multiply((*weights->shape)[1], step.integer("group", 1));
    if (channels.has_value()) shape[1] = *channels;
  }
  set_pictures(step, std::move(shape));
}

void pooling(Step& step) {
  if (!has_pictures(step)) return;
  const Fact& x = *step.input(0);
  const auto windows = step.list("kernel_shape");
  if (!x.shape.has_value() || x.shape->size() < 3) {
    set_pictures(step, std::nullopt);
  } else {
    const std::size_t rank = x.shape->size();
    Sizes shape = *x.shape;
    for (std::size_t i = 2; i < rank; ++i) {
      const bool known = windows.has_value() && i - 2 < windows->size();
      shape[i] = places(step, (*x.shape)[i], i - 2, rank - 2, known ? (*windows)[i - 2] : 0);
    }
    set_pictures(step, std::move(shape));
  }
  // The second output of MaxPool counts elements from the first picture on.
  if (!x.is_rows()) return;
  for (std::size_t i = 1; i < step.outputs().size(); ++i) {
    if (step.node().outputs[i].empty()) continue;
    step.set(i, Fact::mixed(step.node().op + " '" + step.node().outputs[i] + "' gives places in the whole batch"));
  }
}

void global_pooling(Step& step) {
  if (!has_pictures(step)) return;
  const Fact& x = *step.input(0);
  if (!x.shape.has_value()) return set_pictures(step, std::nullopt);
  Sizes shape = *x.shape;
  for (std::size_t i = 2; i < shape.size(); ++i) shape[i] = 1;
  set_pictures(step, std::move(shape));
}

void pictures(Step& step) {
  if (!has_pictures(step)) return;
  const Fact& x = *step.input(0);
  for (std::size_t i = 1; i < step.inputs(); ++i) {
    const Fact* other = step.input(i);
    if (other == nullptr) continue;
    const bool follows =
        other->is_rows() && x.is_rows() && other->axis == 0 && other->outer == x.outer && other->inner == x.inner;
    // A constant here has one part for each picture.
    if (x.is_rows() && !follows && other->rank() != std::size_t{0} && other->rank() != std::size_t{1})
      return step.mixes(kNotLeading);
    if (!x.is_rows() && other->is_rows()) return step.mixes(kNotLeading);
  }
  set_pictures(step, x.shape.has_value() ? std::optional(step.symbols().fresh_list(x.shape->size())) : std::nullopt);
}

void same_pictures(Step& step) {
  if (!has_pictures(step)) return;
  if (!step.others_shared({0})) return step.mixes("takes its scale from the rows");
  set_pictures(step, step.input(0)->shape);
}

// The second axis is that of the channels, which each have their numbers.
void batch_normalization(Step& step) {
  const Fact& x = *step.input(0);
  const bool trains = step.integer("training_mode", 0) != 0 || (step.opset() < 14 && step.outputs().size() > 1);
  if (trains) return step.mixes("is in training mode");
  if (!step.others_shared({0})) return step.mixes("takes its scale from the rows");
  if (x.is_rows() && x.axis == 1) return step.mixes("has a scale for each row");
  Fact fact = x;
  fact.elements.reset();
  fact.reals.reset();
  step.set_all(fact);
}

// x, and sizes or scales of all axes, or of some.
void resize(Step& step) {
  const Fact& x = *step.input(0);
  if (counts_rows(x)) return step.mixes("computes with the number of rows");
  if (!x.is_rows()) return step.set_all(Fact::shared());
  if (!x.shape.has_value()) return step.doubts(kUnknownRank);
  const std::size_t rank = x.shape->size();
  std::vector<std::size_t> axes;
  if (const auto given = step.list("axes")) {
    for (const std::int64_t axis : *given) {
      const auto at = from_start(axis, rank);
      if (!at.has_value()) return step.doubts("has an axis that is not there");
      axes.push_back(*at);
    }
  } else {
    for (std::size_t i = 0; i < rank; ++i) axes.push_back(i);
  }
  Sizes shape = *x.shape;
  for (const std::size_t axis : axes) {
    if (axis != x.axis) shape[axis] = step.symbols().fresh();
  }
  const auto at = std::ranges::find(axes, x.axis);
  const auto text = [&](const char* name) {
    const graph::Attribute* given = step.attribute(name);
    return given == nullptr ? std::string() : given->text;
  };
  // One scale for all axes, and a region of them: neither leaves the batch as it is because its size stays.
  const std::string policy = text("keep_aspect_ratio_policy");
  const bool keeps_ratio = !policy.empty() && policy != "stretch";
  if (at != axes.end() && (keeps_ratio || text("coordinate_transformation_mode") == "tf_crop_and_resize")) {
    return step.doubts("may scale the batch with the other axes");
  }
  if (keeps_ratio) {
    // What comes out is not of the sizes that are asked for.
    if (!step.others_shared({0})) return step.mixes("takes its sizes from the rows, or from their number");
    return step.set_all(Fact::rows(x, x.axis, std::move(shape)));
  }
  const auto place = static_cast<std::size_t>(at - axes.begin());
  const graph::Attribute* attribute = step.attribute("scales");
  for (std::size_t i = 1; i < step.inputs(); ++i) {
    const Fact* input = step.input(i);
    if (input == nullptr) continue;
    if (!input->is(Kind::Shared)) return step.mixes("takes its sizes from the rows");
    if (at == axes.end()) {
      if (counts_rows(*input)) return step.mixes("resizes by the number of rows");
      continue;
    }
    // The number of rows as a size, or 1 as a scale.
    if (input->elements.has_value() && place < input->elements->size()) {
      if (!((*input->elements)[place] == (*x.shape)[x.axis])) return step.mixes("resizes the batch");
      for (std::size_t k = 0; k < input->elements->size(); ++k) {
        if (k != place && (*input->elements)[k].batches() != 0) return step.mixes("resizes by the number of rows");
      }
      for (std::size_t k = 0; k < axes.size() && k < input->elements->size(); ++k) {
        if (axes[k] != x.axis) shape[axes[k]] = (*input->elements)[k];
      }
      return step.set_all(Fact::rows(x, x.axis, std::move(shape)));
    }
    const bool scales = input->reals.has_value() && input->reals->size() == axes.size();
    if (scales && (*input->reals)[place] == 1.0F) return step.set_all(Fact::rows(x, x.axis, std::move(shape)));
    if (scales) return step.mixes("resizes the batch");
  }
  if (at == axes.end()) return step.set_all(Fact::rows(x, x.axis, std::move(shape)));
  const bool scales = attribute != nullptr && attribute->reals.size() == axes.size();
  if (scales && attribute->reals[place] == 1.0F) return step.set_all(Fact::rows(x, x.axis, std::move(shape)));
  step.doubts("has a size that is not known");
}

}  // namespace tensorlane::rows
