// Whatever a model's bytes are, its graph is read and its rows are followed, or it is refused as malformed: nothing else is thrown,
// nothing outside of the bytes is read, and it ends.
//
// Built and run by `npm run fuzz` (scripts/test/fuzz.mjs), with libFuzzer. Bytes that are changed anywhere are mostly no model any more,
// because every length before them is wrong: half of the time a field is changed and the lengths are written anew.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "onnx/graph/digest.h"
#include "onnx/graph/graph.h"
#include "onnx/graph/wire.h"
#include "onnx/rows/follow.h"

// libFuzzer's own.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

using Bytes = std::vector<std::uint8_t>;
using tensorlane::graph::ModelGraph;

// What is known of the inputs when requests come: of every tensor, its dims with 3 for what is free, and ones for small integers.
tensorlane::rows::Known known_of(const ModelGraph& model) {
  tensorlane::rows::Known known;
  for (const auto& input : model.graph.inputs) {
    if (!input.shape || input.shape->size() > 8) continue;
    tensorlane::rows::Given given;
    std::int64_t count = 1;
    for (const auto& dim : *input.shape) {
      given.dims.push_back(dim.size < 0 ? 3 : dim.size);
      count = count > 64 ? count : count * (given.dims.back() > 64 ? 65 : given.dims.back());
    }
    if (count <= 64) given.elements = std::vector<std::int64_t>(static_cast<std::size_t>(count), 1);
    known[input.name] = std::move(given);
  }
  return known;
}

std::uint64_t read_varint(const Bytes& from, std::size_t& at, bool& good) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (at == from.size()) break;
    const std::uint8_t byte = from[at++];
    value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if (byte < 0x80U) return value;
  }
  good = false;
  return 0;
}

void write_varint(Bytes& to, std::uint64_t value) {
  for (; value > 0x7fU; value >>= 7U) to.push_back(static_cast<std::uint8_t>(value | 0x80U));
  to.push_back(static_cast<std::uint8_t>(value));
}

struct Field {
  std::uint64_t tag;
  std::uint64_t number = 0;  // of wire type 0
  Bytes bytes;
};

// None where it is no message.
std::optional<std::vector<Field>> parse(const Bytes& from) {
  std::vector<Field> fields;
  bool good = true;
  for (std::size_t at = 0; good && at < from.size();) {
    Field field{read_varint(from, at, good), 0, {}};
    const std::uint64_t wire = field.tag & 7U;
    std::uint64_t size = wire == 1 ? 8 : wire == 5 ? 4 : 0;
    if (wire == 0) field.number = read_varint(from, at, good);
    if (wire == 2) size = read_varint(from, at, good);
    if (!good || wire == 3 || wire == 4 || wire > 5 || field.tag < 8 || size > from.size() - at) return std::nullopt;
    const auto begin = from.begin() + static_cast<std::ptrdiff_t>(at);
    field.bytes.assign(begin, begin + static_cast<std::ptrdiff_t>(size));
    at += size;
    fields.push_back(std::move(field));
  }
  if (!good) return std::nullopt;
  return fields;
}

Bytes written(const std::vector<Field>& fields) {
  Bytes bytes;
  for (const Field& field : fields) {
    write_varint(bytes, field.tag);
    if ((field.tag & 7U) == 0) write_varint(bytes, field.number);
    if ((field.tag & 7U) == 2) write_varint(bytes, field.bytes.size());
    bytes.insert(bytes.end(), field.bytes.begin(), field.bytes.end());
  }
  return bytes;
}

class Mutation {
 public:
  explicit Mutation(unsigned seed) : random_(seed) {}

  // Changes one field, of the message or of one inside of it.
  Bytes operator()(const Bytes& message, int depth = 0) {
    auto fields = parse(message);
    if (!fields || fields->empty()) return changed(message);
    const std::size_t at = below(fields->size());
    Field& field = (*fields)[at];
    const bool inside = (field.tag & 7U) == 2 && depth < 12 && below(4) != 0;
    if (inside) {
      field.bytes = (*this)(field.bytes, depth + 1);
      return written(*fields);
    }
    switch (below(5)) {
      case 0:
        fields->erase(fields->begin() + static_cast<std::ptrdiff_t>(at));
        break;
      case 1:
        fields->insert(fields->begin() + static_cast<std::ptrdiff_t>(below(fields->size() + 1)), Field(field));
        break;
      case 2:
        std::swap(field, (*fields)[below(fields->size())]);
        break;
      case 3:
        field.tag = (field.tag & 7U) | ((1 + below(26)) << 3U);
        break;
      default:
        if ((field.tag & 7U) == 0)
          field.number = number();
        else
          field.bytes = changed(field.bytes);
    }
    return written(*fields);
  }

 private:
  std::size_t below(std::size_t bound) { return random_() % bound; }

  // Sizes, axes and types: small ones, and those at the ends.
  std::uint64_t number() {
    const std::uint64_t small = below(40);
    switch (below(4)) {
      case 0:
        return ~small;
      case 1:
        return (std::uint64_t{1} << below(64)) - below(2);
      default:
        return small;
    }
  }

  static Bytes changed(Bytes bytes) {
    const std::size_t size = bytes.size();
    bytes.resize(size + 16);
    bytes.resize(LLVMFuzzerMutate(bytes.data(), size, bytes.size()));
    return bytes;
  }

  std::mt19937 random_;
};

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  if (seed % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
  const Bytes mutant = Mutation(seed)(Bytes(data, data + size));
  if (mutant.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::copy(mutant.begin(), mutant.end(), data);
  return mutant.size();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const ModelGraph model = tensorlane::graph::read_model(bytes);
    tensorlane::graph::digest(model);
    tensorlane::rows::follow_rows(model, {}, {});
    tensorlane::rows::follow_rows(model, {}, {}, known_of(model));
    tensorlane::rows::Axes axes;
    for (const auto& input : model.graph.inputs) {
      const std::size_t index = axes.size();
      axes[input.name] = index % 3 == 2 ? std::nullopt : std::optional<std::size_t>(index % 3 == 0 ? 1 : 0);
    }
    tensorlane::rows::follow_rows(model, axes, {});
  } catch (const tensorlane::graph::Malformed&) {
    // As it should be.
  }
  return 0;
}
