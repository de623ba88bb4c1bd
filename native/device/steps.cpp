#include "device/steps.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <span>
#include <utility>

#include "core/error.h"
#include "device/tensor_operations.h"

namespace tensorlane {
namespace {

constexpr std::int64_t kFree = -1;

std::string shown(const std::vector<std::int64_t>& dims) {
  std::string text;
  for (const std::int64_t dim : dims) text += (text.empty() ? "" : ", ") + (dim == kFree ? "?" : std::to_string(dim));
  return "[" + text + "]";
}

std::string shown(const Form& form) {
  return std::string(dtype_name(form.type)) + (form.ranked ? " " + shown(form.dims) : "");
}

std::int64_t product(std::span<const std::int64_t> dims) {
  std::int64_t all = 1;
  for (const std::int64_t dim : dims) all = checked_product({all, dim});
  return all;
}

// What stands before each message.
std::string of(const std::string& what, const Step& step) {
  return what + ": " + std::string(word_of(step.kind)) + ": ";
}

// As CastArgs has it, but for complex ones: not strings, 8-bit floats and packed ones.
bool casts(DType type) {
  switch (type) {
    case DType::Float32:
    case DType::Float64:
    case DType::Float16:
    case DType::BFloat16:
    case DType::Bool:
    case DType::Int8:
    case DType::Int16:
    case DType::Int32:
    case DType::Int64:
    case DType::UInt8:
    case DType::UInt16:
    case DType::UInt32:
    case DType::UInt64:
      return true;
    default:
      return false;
  }
}

// Of all channels, from what is given for all or for each. Errors: Argument.
std::array<float, ImageToTensorArgs::kMostChannels> of_channels(const std::string& what, const char* name,
                                                                const std::vector<float>& given,
                                                                std::int64_t channels) {
  std::array<float, ImageToTensorArgs::kMostChannels> all{};
  if (given.size() == 1) {
    all.fill(given.front());
  } else if (std::cmp_equal(given.size(), channels)) {
    std::ranges::copy(given, all.begin());
  } else {
    throw Error(Code::Argument, what + name + " must be a number, or one for each of the " + std::to_string(channels) +
                                    " channels, got " + std::to_string(given.size()) + " numbers");
  }
  return all;
}

// What can be known of it before there are images.
void check_image(const std::string& what, const Step& step, std::int64_t channels) {
  if (channels == kFree) return;
  if (channels < 1 || channels > ImageToTensorArgs::kMostChannels) {
    throw Error(Code::Shape, what + "images have 1 to " + std::to_string(ImageToTensorArgs::kMostChannels) +
                                 " channels, got " + std::to_string(channels));
  }
  if (step.swap_red_blue && channels < 3) {
    throw Error(Code::Argument,
                what + "swapRedBlue needs images of at least 3 channels, got " + std::to_string(channels));
  }
  static_cast<void>(of_channels(what, "mean", step.mean, channels));
  static_cast<void>(of_channels(what, "std", step.deviation, channels));
}

Form image_form(const std::string& what, const Step& step, const Form& given) {
  if (given.type != DType::UInt8 || !given.ranked || given.dims.size() != 4) {
    throw Error(Code::Shape, what + "expected images, uint8 [n, h, w, c], got " + shown(given));
  }
  const std::int64_t channels = given.dims[3];
  check_image(what, step, channels);
  for (const std::int64_t side : {given.dims[1], given.dims[2]}) {
    if (side == kFree || (side >= 1 && side <= ImageToTensorArgs::kMostSide)) continue;
    throw Error(Code::Shape, what + "an image's side must be at least 1, got dims " + shown(given.dims));
  }
  const std::int64_t height = step.height == 0 ? given.dims[1] : step.height;
  const std::int64_t width = step.width == 0 ? given.dims[2] : step.width;
  return {DType::Float32, true, {given.dims[0], channels, height, width}};
}

// Along the last dimension, of float32 or float64.
void check_rows(const std::string& what, const Form& given) {
  if (!is_float(given.type)) {
    throw Error(Code::DType, what + "expected float32 or float64, got " + std::string(dtype_name(given.type)) +
                                 "; a cast before it makes one");
  }
  if (given.ranked && given.dims.size() < 2) {
    throw Error(Code::Shape, what + "expected rows, of at least two dimensions, got " + shown(given));
  }
}

std::vector<Form> form_after(const std::string& of_value, const Step& step, const Form& given) {
  const std::string what = of(of_value, step);
  switch (step.kind) {
    case StepKind::ImageToTensor:
      return {image_form(what, step, given)};
    case StepKind::Cast: {
      if (step.from.has_value() && *step.from != given.type) {
        throw Error(Code::DType, what + "it is from " + std::string(dtype_name(*step.from)) + ", but there is " +
                                     std::string(dtype_name(given.type)));
      }
      Form made = given;
      made.type = step.to.value_or(given.type);
      for (const DType type : {given.type, made.type}) {
        if (!casts(type)) throw Error(Code::DType, what + "there is none of " + std::string(dtype_name(type)));
      }
      return {made};
    }
    case StepKind::Softmax:
    case StepKind::L2Normalize:
      check_rows(what, given);
      return {given};
    case StepKind::TopK: {
      check_rows(what, given);
      Form values = given;
      if (given.ranked) {
        std::int64_t& columns = values.dims.back();
        if (columns != kFree && step.k > columns) {
          throw Error(Code::Shape, what + "k is " + std::to_string(step.k) + ", but a row has " +
                                       std::to_string(columns) + " elements");
        }
        columns = step.k;
      }
      Form indices = values;
      indices.type = DType::Int64;
      return {values, indices};
    }
  }
  return {};
}

// Rows and columns of what check_rows() has passed.
struct Rows {
  explicit Rows(const Form& form)
      : count(product(std::span(form.dims).first(form.dims.size() - 1))), length(form.dims.back()) {}
  std::int64_t count;
  std::int64_t length;
};

// x / max(norm(x), the smallest that float32 divides by with certainty), as torch's normalize: rows of zeros stay zeros.
void l2_normalize(TensorOperations& operations, Lane& lane, const Made& given, const Operand& result,
                  const TakeMemory& take) {
  constexpr double kLeast = 1e-12;
  const DType type = given.form.type;
  const Rows rows(given.form);
  if (rows.count == 0 || rows.length == 0) return;
  const std::size_t bytes = byte_size(type, static_cast<std::size_t>(rows.count));
  ReduceArgs norm;
  norm.type = type;
  norm.reduction = Reduction::Norm;
  norm.dims = {rows.count, rows.length, 1};
  norm.a = given.elements;
  norm.result = take(bytes);
  operations.reduce(lane, norm);
  ClipArgs clip;
  clip.type = type;
  clip.count = rows.count;
  clip.a = norm.result;
  clip.result = take(bytes);
  const auto set = [&]<typename T>(T least) {
    const T most = std::numeric_limits<T>::infinity();
    std::memcpy(clip.low.data(), &least, sizeof least);
    std::memcpy(clip.high.data(), &most, sizeof most);
  };
  if (type == DType::Float32) {
    set(static_cast<float>(kLeast));
  } else {
    set(kLeast);
  }
  operations.clip(lane, clip);
  BinaryArgs divide;
  divide.type = type;
  divide.op = BinaryOp::Div;
  divide.walk.total = checked_product({rows.count, rows.length});
  divide.walk.counts = {divide.walk.total, rows.count};
  divide.walk.axes = {{rows.count, {rows.length, 1}}, {rows.length, {1, 0}}};
  divide.a = given.elements;
  divide.b = clip.result;
  divide.result = result;
  operations.binary(lane, divide);
}

void image_to_tensor(TensorOperations& operations, Lane& lane, const std::string& what, const Step& step,
                     const Made& given, const Form& made, const Operand& result) {
  ImageToTensorArgs args;
  args.batch = given.form.dims[0];
  args.height = given.form.dims[1];
  args.width = given.form.dims[2];
  args.channels = static_cast<int>(given.form.dims[3]);
  args.to_height = made.dims[2];
  args.to_width = made.dims[3];
  args.scale = step.scale;
  args.mean = of_channels(what, "mean", step.mean, args.channels);
  args.deviation = of_channels(what, "std", step.deviation, args.channels);
  args.swap_red_blue = step.swap_red_blue;
  args.a = given.elements;
  args.result = result;
  operations.image_to_tensor(lane, args);
}

}  // namespace

std::size_t Form::bytes() const {
  // Once more with the bytes of an element, as a size that is not counted would be a wild write.
  const std::int64_t count = product(dims);
  return checked_bytes(type, {count});
}

Form form_before(const std::string& what, std::vector<Step>& steps, const Form& taken) {
  Form given = taken;
  Step& first = steps.front();
  if (first.kind == StepKind::ImageToTensor) {
    if (!taken.ranked || taken.dims.size() != 4) {
      throw Error(Code::Argument, of(what, first) + "the model takes no images [n, c, h, w], but " + shown(taken));
    }
    if (first.height == 0) first.height = std::max<std::int64_t>(taken.dims[2], 0);
    if (first.width == 0) first.width = std::max<std::int64_t>(taken.dims[3], 0);
    given.type = DType::UInt8;
    given.dims = {taken.dims[0], kFree, kFree, taken.dims[1]};
  } else if (first.kind == StepKind::Cast) {
    if (!first.from.has_value()) {
      throw Error(Code::Argument, of(what, first) + "from is needed, as it is what is given first");
    }
    given.type = *first.from;
  }
  if (Step& last = steps.back(); last.kind == StepKind::Cast && !last.to.has_value()) last.to = taken.type;
  const std::vector<Form> made = forms_after(what, steps, given);
  const bool fits = made.size() == 1 && made.front().type == taken.type &&
                    std::ranges::equal(made.front().dims, taken.dims, [](std::int64_t a, std::int64_t b) {
                      return a == b || a == kFree || b == kFree;
                    });
  if (!fits) {
    throw Error(Code::Argument,
                what + ": the steps make " + shown(made.front()) + ", but the model takes " + shown(taken));
  }
  return given;
}

std::vector<Form> forms_after(const std::string& what, const std::vector<Step>& steps, const Form& given) {
  std::vector<Form> made{given};
  for (const Step& step : steps) made = form_after(what, step, made.front());
  return made;
}

std::vector<Made> run_steps(TensorOperations& operations, Lane& lane, const std::string& what,
                            const std::vector<Step>& steps, Made given, const TakeMemory& take) {
  std::vector<Made> made{std::move(given)};
  for (const Step& step : steps) {
    const Made& from = made.front();
    std::vector<Made> next;
    for (Form& form : form_after(what, step, from.form)) {
      // Before the braces: GCC 12 destroys twice what stands in them before something that throws.
      Operand elements = take(form.bytes());
      next.push_back({std::move(form), std::move(elements)});
    }
    Made& to = next.front();
    switch (step.kind) {
      case StepKind::ImageToTensor:
        image_to_tensor(operations, lane, of(what, step), step, from, to.form, to.elements);
        break;
      case StepKind::Cast:
        operations.cast(lane, {from.form.type, to.form.type, product(from.form.dims), from.elements, to.elements});
        break;
      case StepKind::Softmax: {
        const Rows rows(from.form);
        operations.softmax(lane, {from.form.type, {rows.count, rows.length, 1}, from.elements, to.elements});
        break;
      }
      case StepKind::L2Normalize:
        l2_normalize(operations, lane, from, to.elements, take);
        break;
      case StepKind::TopK: {
        const Rows rows(from.form);
        TopKArgs args;
        args.type = from.form.type;
        args.rows = rows.count;
        args.columns = rows.length;
        args.k = step.k;
        args.a = from.elements;
        args.values = to.elements;
        args.indices = next.back().elements;
        operations.top_k(lane, args);
        break;
      }
    }
    made = std::move(next);
  }
  return made;
}

}  // namespace tensorlane
