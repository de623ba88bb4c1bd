#include "onnx/independence/trial.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>
#include <span>

#include "core/error.h"
#include "cpu/ops/half.h"

namespace tensorlane {
namespace {

// What a row of a trial is made of.
enum class TrialRow {
  Own,     // the one that is compared
  Turned,  // its elements, moved on by one: as plausible, and another (see bytes_of)
  Zero,
  Huge,
  Least,  // as far below zero
  Tiny,
  Infinite,
  NotANumber,
  Large,     // of integers: 1000, or the most that there is
  Negative,  // and -1000, or the least
};

// The bits of a floating-point type's extremes, and how exactly two sums of the same numbers agree in it.
struct Floats {
  DType type;
  std::size_t bytes;
  std::uint64_t huge, tiny, infinite, nan;
  double rounding;
  double
      share;  // of the largest element, to which sums that cancel out are as exact; small ones beside it are their own measure
};

constexpr std::array kFloats{
    Floats{DType::Float32, 4, 0x7F7FFFFF, 1, 0x7F800000, 0x7FC00000, 1e-4, 0.1},
    Floats{DType::Float64, 8, 0x7FEFFFFFFFFFFFFF, 1, 0x7FF0000000000000, 0x7FF8000000000000, 1e-12, 0.1},
    Floats{DType::Float16, 2, 0x7BFF, 1, 0x7C00, 0x7E00, 1e-2, 1},
    Floats{DType::BFloat16, 2, 0x7F7F, 1, 0x7F80, 0x7FC0, 5e-2, 1},
};

const Floats* find_floats(DType type) {
  const auto* const at = std::ranges::find(kFloats, type, &Floats::type);
  return at == kFloats.end() ? nullptr : at;
}

// Numbers between -1 and 1, each of them unlike the next.
std::vector<std::byte> varied(const Floats& floats, std::size_t bytes, std::size_t shift) {
  constexpr std::array<std::uint16_t, 4> kHalves{0, 0x3400, 0x3800, 0x3A00};  // 0, 1/4, 1/2 and 3/4 in float16
  std::vector<std::byte> result(bytes);
  for (std::size_t i = 0; (i + 1) * floats.bytes <= bytes; ++i) {
    const int quarters = static_cast<int>((i + shift) % 7) - 3;
    const float value = static_cast<float>(quarters) / 4;
    std::uint64_t bits = std::bit_cast<std::uint32_t>(value);
    if (floats.type == DType::Float64) bits = std::bit_cast<std::uint64_t>(double{value});
    if (floats.type == DType::BFloat16) bits >>= 16U;
    if (floats.type == DType::Float16) {
      bits = kHalves[static_cast<std::size_t>(std::abs(quarters))] | (quarters < 0 ? 0x8000U : 0U);
    }
    std::memcpy(result.data() + i * floats.bytes, &bits, floats.bytes);  // little-endian
  }
  return result;
}

// What a row is made of that shows something: numbers, not all the same, where a request had others. NaN is what it is whatever is done with
// it, and of what is all alike no order shows.
std::vector<std::byte> telling(DType type, const std::vector<std::byte>& own) {
  const Floats* floats = find_floats(type);
  if (floats == nullptr || own.size() < floats->bytes) return own;
  bool finite = true;
  bool alike = own.size() > floats->bytes;
  for (std::size_t at = 0; at + floats->bytes <= own.size(); at += floats->bytes) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, own.data() + at, floats->bytes);
    finite = finite && (bits & floats->infinite) != floats->infinite;
    alike = alike && std::memcmp(own.data() + at, own.data(), floats->bytes) == 0;
  }
  return finite && !alike ? own : varied(*floats, own.size(), 0);
}

bool is_integer(DType type) {
  constexpr std::array kIntegers{DType::Int8,  DType::Int16,  DType::Int32,  DType::Int64,
                                 DType::UInt8, DType::UInt16, DType::UInt32, DType::UInt64};
  return std::ranges::find(kIntegers, type) != kIntegers.end();
}

// Half of each integer, which is still an index where that one is; 1 for 0, and 0 for what is negative. The other one of a bool.
std::vector<std::byte> halved(DType type, std::vector<std::byte> bytes) {
  const std::size_t size = std::max<std::size_t>(byte_size(type, 1), 1);
  for (std::size_t at = 0; at + size <= bytes.size(); at += size) {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data() + at, size);  // little-endian, as every machine is that this runs on
    const bool negative = (value >> (8 * size - 1)) != 0;
    value = value == 0 ? 1 : type == DType::Bool || negative ? 0 : value / 2;
    std::memcpy(bytes.data() + at, &value, size);
  }
  return bytes;
}

// Numbers that have extremes get them. Others (token numbers, say) may only be what the model has a use for: they are moved on;
// and where that changes nothing, halved, for rows that are all alike show nothing.
std::vector<std::byte> bytes_of(TrialRow row, DType type, const std::vector<std::byte>& own) {
  std::vector<std::byte> bytes = own;
  const Floats* floats = find_floats(type);
  if (row == TrialRow::Own) return bytes;
  if (row == TrialRow::Large || row == TrialRow::Negative) {
    if (!is_integer(type)) return bytes_of(row == TrialRow::Large ? TrialRow::Huge : TrialRow::Least, type, own);
    const std::size_t size = byte_size(type, 1);
    const bool is_signed = type == DType::Int8 || type == DType::Int16 || type == DType::Int32 || type == DType::Int64;
    const std::int64_t most = size > 1 ? 1000 : is_signed ? 127 : 255;
    const std::int64_t value = row == TrialRow::Large ? most : is_signed ? -most : 0;
    for (std::size_t at = 0; at + size <= bytes.size(); at += size) std::memcpy(bytes.data() + at, &value, size);
    return bytes;
  }
  if (row == TrialRow::Turned || floats == nullptr) {
    const std::size_t element = floats != nullptr ? floats->bytes : byte_size(type, 1);
    if (bytes.size() > element) {
      std::rotate(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(element), bytes.end());
    }
    if (bytes != own) return bytes;
    return floats == nullptr ? halved(type, std::move(bytes)) : varied(*floats, own.size(), 1);
  }
  const std::uint64_t sign = std::uint64_t{1} << (8 * floats->bytes - 1);
  const std::uint64_t bits = row == TrialRow::Huge         ? floats->huge
                             : row == TrialRow::Least      ? floats->huge | sign
                             : row == TrialRow::Tiny       ? floats->tiny
                             : row == TrialRow::Infinite   ? floats->infinite
                             : row == TrialRow::NotANumber ? floats->nan
                                                           : 0;
  for (std::size_t at = 0; at + floats->bytes <= bytes.size(); at += floats->bytes) {
    std::memcpy(bytes.data() + at, &bits, floats->bytes);  // little-endian, as every machine is that this runs on
  }
  return bytes;
}

// Strings, moved on by one; where that changes nothing, each of them twice.
std::vector<std::string> turned(const std::vector<std::string>& own) {
  std::vector<std::string> strings = own;
  if (strings.size() > 1) std::rotate(strings.begin(), strings.begin() + 1, strings.end());
  if (strings != own) return strings;
  for (std::string& text : strings) text += " " + text;
  return strings;
}

// The rows side by side along an axis: `outer` times a piece of each.
template <typename T>
std::vector<T> interleaved(const std::vector<std::vector<T>>& rows, std::size_t outer) {
  std::vector<T> all;
  for (std::size_t o = 0; o < outer; ++o) {
    for (const std::vector<T>& row : rows) {
      const std::size_t piece = row.size() / outer;
      const auto begin = row.begin() + static_cast<std::ptrdiff_t>(o * piece);
      all.insert(all.end(), begin, begin + static_cast<std::ptrdiff_t>(piece));
    }
  }
  return all;
}

std::vector<TrialInput> after_steps(const ModelSteps& steps, Lane& lane, const std::vector<TrialInput>& inputs) {
  std::vector<TrialInput> own = inputs;
  std::vector<InputParts> given(inputs.size());
  for (std::size_t i = 0; i < own.size(); ++i) {
    given[i].dims = own[i].dims;
    given[i].parts = {{own[i].bytes.data(), own[i].bytes.size(), nullptr}};
  }
  const std::vector<InputParts> made = steps.before_on_host(lane, given);
  for (std::size_t i = 0; i < own.size(); ++i) {
    if (!steps.changes(i)) continue;
    const Operand& elements = made[i].parts.front();
    own[i].dims = made[i].dims;
    own[i].bytes.assign(elements.data, elements.data + elements.bytes);
  }
  return own;
}

class Trial {
 public:
  Trial(Model& model, Lane& lane, const std::vector<TrialInput>& inputs,
        const std::vector<std::optional<std::size_t>>& axes)
      : model_(model), lane_(lane), inputs_(inputs), axes_(axes), wanted_(model.own_outputs().size()) {
    std::iota(wanted_.begin(), wanted_.end(), std::size_t{0});
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const bool has_rows = inputs[i].axis.has_value();
      own_.push_back(has_rows ? telling(model.own_inputs()[i].type, inputs[i].bytes) : inputs[i].bytes);
    }
  }

  // What is wrong; empty where nothing is.
  std::string run() {
    const std::vector<Output> own = outputs_of({TrialRow::Own});
    const std::vector<Output> turned = outputs_of({TrialRow::Turned});
    const std::vector<std::vector<TrialRow>> batches{
        {TrialRow::Own, TrialRow::Turned, TrialRow::Zero},
        {TrialRow::Turned, TrialRow::Own},
        {TrialRow::Huge, TrialRow::Own, TrialRow::Tiny, TrialRow::NotANumber},
        {TrialRow::Infinite, TrialRow::Zero, TrialRow::Turned, TrialRow::Own},
        // As many that what is done by fours or fives shows; and what is only seen where a sum is far below zero.
        {TrialRow::Least, TrialRow::Turned, TrialRow::Own, TrialRow::Zero, TrialRow::Turned, TrialRow::Own,
         TrialRow::Least, TrialRow::Own, TrialRow::Turned},
    };
    // Integers that a model may have no use for: what fails of them shows nothing.
    const std::vector<std::vector<TrialRow>> bold{
        {TrialRow::Large, TrialRow::Own, TrialRow::Negative, TrialRow::Turned},
        {TrialRow::Own, TrialRow::Negative, TrialRow::Turned},
    };
    const bool has_some = has_integers();
    for (std::size_t i = 0; has_some && i < bold.size(); ++i) {
      try {
        std::string problem = compare(bold[i], own, turned);
        if (!problem.empty()) return problem;
      } catch (const Error& error) {
        if (error.code() == Code::Disposed) throw;
      }
    }
    for (const std::vector<TrialRow>& batch : batches) {
      std::string problem = compare(batch, own, turned);
      if (!problem.empty()) return problem;
    }
    return {};
  }

 private:
  [[nodiscard]] bool has_integers() const {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (inputs_[i].axis.has_value() && is_integer(model_.own_inputs()[i].type)) return true;
    }
    return false;
  }

  std::string compare(const std::vector<TrialRow>& batch, const std::vector<Output>& own,
                      const std::vector<Output>& turned) {
    const std::vector<Output> together = outputs_of(batch);
    for (std::size_t row = 0; row < batch.size(); ++row) {
      if (batch[row] != TrialRow::Own && batch[row] != TrialRow::Turned) continue;
      const std::vector<Output>& alone = batch[row] == TrialRow::Own ? own : turned;
      for (std::size_t i = 0; i < alone.size(); ++i) {
        if (same(alone[i], together[i], axes_[i], row, batch.size())) continue;
        return "output '" + model_.own_outputs()[i].name + "' of a row was another in a batch of " +
               std::to_string(batch.size()) + " than alone";
      }
    }
    return {};
  }

  std::vector<Output> outputs_of(const std::vector<TrialRow>& batch) {
    std::vector<InputParts> parts;
    std::vector<std::vector<std::byte>> memory;  // what the parts refer to
    memory.reserve(inputs_.size());
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const TrialInput& input = inputs_[i];
      const DType type = model_.own_inputs()[i].type;
      const std::size_t rows = input.axis.has_value() ? batch.size() : 1;
      const std::size_t outer = input.axis.has_value() ? element_count(std::span(input.dims).first(*input.axis)) : 1;
      InputParts& made = parts.emplace_back();
      made.dims = input.dims;
      if (input.axis.has_value()) made.dims[*input.axis] = static_cast<std::int64_t>(rows);
      if (type == DType::String) {
        std::vector<std::vector<std::string>> lists;
        for (std::size_t row = 0; row < rows; ++row) {
          lists.push_back(input.strings);
          if (input.axis.has_value() && batch[row] != TrialRow::Own) lists.back() = turned(input.strings);
        }
        made.strings = interleaved(lists, outer);
        continue;
      }
      std::vector<std::vector<std::byte>> lists;
      for (std::size_t row = 0; row < rows; ++row) {
        lists.push_back(input.axis.has_value() ? bytes_of(batch[row], type, own_[i]) : own_[i]);
      }
      memory.push_back(interleaved(lists, outer));
      made.parts.push_back({memory.back().data(), memory.back().size(), nullptr});
    }
    return model_.run_own(lane_, parts, wanted_);
  }

  // Whether a row of `together` is what `alone` is.
  static bool same(const Output& alone, const Output& together, std::optional<std::size_t> axis, std::size_t row,
                   std::size_t rows) {
    std::vector<std::int64_t> dims = alone.dims;
    if (axis.has_value()) {
      if (*axis >= dims.size() || dims[*axis] != 1) return false;
      dims[*axis] = static_cast<std::int64_t>(rows);
    }
    if (dims != together.dims) return false;
    const std::size_t outer = axis.has_value() ? element_count(std::span(dims).first(*axis)) : 1;
    const std::size_t inner =
        axis.has_value() ? element_count(std::span(dims).subspan(*axis + 1)) : element_count(dims);
    const std::size_t count = axis.has_value() ? rows : 1;
    const std::size_t at = axis.has_value() ? row : 0;
    if (alone.type == DType::String) {
      for (std::size_t o = 0; o < outer; ++o) {
        for (std::size_t i = 0; i < inner; ++i) {
          if (alone.strings[o * inner + i] != together.strings[(o * count + at) * inner + i]) return false;
        }
      }
      return true;
    }
    const std::size_t piece = byte_size(alone.type, inner);
    const double largest = magnitude(alone);
    for (std::size_t o = 0; o < outer; ++o) {
      const std::byte* a = alone.elements.data + o * piece;
      const std::byte* b = together.elements.data + (o * count + at) * piece;
      if (std::memcmp(a, b, piece) == 0) continue;
      const Floats* floats = find_floats(alone.type);
      if (floats == nullptr) return false;
      for (std::size_t i = 0; i < inner; ++i) {
        const double x = number(alone.type, a + i * floats->bytes);
        const double y = number(alone.type, b + i * floats->bytes);
        const bool equal = x == y || (std::isnan(x) && std::isnan(y));
        if (!equal && !(std::abs(x - y) <= floats->rounding * (std::abs(x) + floats->share * largest))) return false;
      }
    }
    return true;
  }

  // Of the largest finite element.
  static double magnitude(const Output& output) {
    const Floats* floats = find_floats(output.type);
    if (floats == nullptr) return 0;
    double largest = 0;
    for (std::size_t at = 0; at + floats->bytes <= output.elements.bytes; at += floats->bytes) {
      const double value = std::abs(number(output.type, output.elements.data + at));
      if (std::isfinite(value)) largest = std::max(largest, value);
    }
    return largest;
  }

  static double number(DType type, const std::byte* at) {
    if (type == DType::Float64) {
      double value = 0;
      std::memcpy(&value, at, sizeof value);
      return value;
    }
    if (type == DType::Float32) {
      float value = 0;
      std::memcpy(&value, at, sizeof value);
      return value;
    }
    if (type == DType::Float16) {
      cpu::Half value{};
      std::memcpy(&value, at, sizeof value);
      return cpu::widen(value);
    }
    cpu::BFloat16 value{};
    std::memcpy(&value, at, sizeof value);
    return cpu::widen(value);
  }

  Model& model_;
  Lane& lane_;
  const std::vector<TrialInput>& inputs_;
  const std::vector<std::optional<std::size_t>>& axes_;
  std::vector<std::vector<std::byte>> own_;  // of each input
  std::vector<std::size_t> wanted_;
};

}  // namespace

rows::Finding try_rows(Model& model, Lane& lane, const std::vector<TrialInput>& inputs,
                       const std::vector<std::optional<std::size_t>>& axes) {
  try {
    // Steps keep rows apart: what is tried is the model's own.
    const std::vector<TrialInput> own = model.steps() == nullptr ? inputs : after_steps(*model.steps(), lane, inputs);
    const std::string problem = Trial(model, lane, own, axes).run();
    if (problem.empty()) return {};
    return {rows::Verdict::Mixed, problem};
  } catch (const Error& error) {
    if (error.code() == Code::Disposed) throw;
    return {rows::Verdict::Doubtful, std::string("a trial with other rows failed: ") + error.what()};
  }
}

}  // namespace tensorlane
