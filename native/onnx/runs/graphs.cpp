#include "onnx/runs/graphs.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "core/error.h"
#include "onnx/runs/bound_outputs.h"
#include "onnx/values/input_bytes.h"

namespace tensorlane {
namespace {

constexpr const char* kCapturing = "recording a CUDA graph";
constexpr std::byte kUnwritten{0xA5};  // what outputs are full of before the graph is tried
constexpr double kFar = 1e-2;          // of the largest number of an output

// Whether what the graph gave is what the model gives: no element is as it was before, and numbers are near. They need not be the same, as some
// kernels add in any order.
template <typename Number>
bool is_near(const std::byte* given, const std::byte* wanted, std::size_t count) {
  const auto number = [](const std::byte* from, std::size_t i) {
    Number value = 0;
    std::memcpy(&value, from + i * sizeof(Number), sizeof(Number));
    return static_cast<double>(value);
  };
  double largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (std::isfinite(number(wanted, i))) largest = std::max(largest, std::abs(number(wanted, i)));
  }
  for (std::size_t i = 0; i < count; ++i) {
    const double is = number(given, i);
    const double should = number(wanted, i);
    const bool same = is == should || (std::isnan(is) && std::isnan(should));
    if (!same && !(std::abs(is - should) <= kFar * largest)) return false;
  }
  return true;
}

bool is_made(DType type, const std::byte* given, const std::byte* wanted, std::size_t bytes) {
  if (bytes == 0 || std::memcmp(given, wanted, bytes) == 0) return true;
  if (type == DType::Float32) return is_near<float>(given, wanted, bytes / sizeof(float));
  if (type == DType::Float64) return is_near<double>(given, wanted, bytes / sizeof(double));
  const std::size_t size = std::max<std::size_t>(byte_size(type, 1), 1);
  const std::vector<std::byte> unwritten(size, kUnwritten);
  for (std::size_t at = 0; at + size <= bytes; at += size) {
    if (std::memcmp(given + at, unwritten.data(), size) == 0 && std::memcmp(wanted + at, unwritten.data(), size) != 0)
      return false;
  }
  return true;
}

}  // namespace

ort::OwnedValue Graphs::value_of(const Place& place) const {
  const ort::Attempt running(runtime_, kCapturing);
  ort::OwnedValue value(runtime_.api);
  running(runtime_.api.CreateTensorWithDataAsOrtValue(
      runtime_.api.EpDevice_MemoryInfo(provider_, ort::kDeviceMemoryDefault), place.elements.data, place.elements.bytes,
      place.dims.data(), place.dims.size(), static_cast<int>(place.type), value.out()));
  return value;
}

void Graphs::run(ModelRun& work, Runs& runs, const RunLog& log, const ort::IoBinding* binding, int id) const {
  const ort::Attempt running(runtime_, ort::kRunning);
  ort::Status* status = nullptr;
  {
    const Runs::Run run(runs, log, id);
    status = runtime_.api.RunWithBinding(session_.get(), run.options(), binding);
    // What it began may still use what the caller gives back.
    if (status != nullptr) work.await_device();
  }
  running(status);
}

// Where they always lie, with the last row once more for each that is missing; they are there when it returns.
void Graphs::bring(ModelRun& work, std::span<const InputParts> inputs, const Graph& graph) const {
  std::vector<std::byte> bools;  // read before work.bring() returns
  std::vector<std::pair<const std::byte*, std::size_t>> brought;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    std::vector<Operand> parts = inputs[i].parts;
    if (graph.inputs[i].type == DType::Bool) normalize_bools(parts, bools);
    brought.emplace_back(work.bring(parts), total_bytes(parts));
  }
  work.join();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Operand& place = graph.inputs[i].elements;
    const auto [from, bytes] = brought[i];
    work.copy(place.data, from, bytes);
    if (!graph.inputs[i].has_rows || bytes == 0) continue;
    // As many as there are, each time.
    const std::size_t row = bytes / static_cast<std::size_t>(inputs[i].dims.front());
    const std::byte* last = place.data + bytes - row;
    for (std::size_t have = bytes, copies = row; have < place.bytes; have += copies, copies = have - (bytes - row)) {
      copies = std::min(copies, place.bytes - have);
      work.copy(place.data + have, last, copies);
    }
  }
  work.await();
}

std::vector<const std::byte*> Graphs::try_plain(ModelRun& work, Runs& runs, Graph& graph) const {
  const ort::Api& api = runtime_.api;
  const ort::Attempt running(runtime_, kCapturing);
  ort::OwnedIoBinding binding(api);
  running(api.CreateIoBinding(session_.get(), binding.out()));
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    const ort::OwnedValue value = value_of(graph.inputs[i]);
    running(api.BindInput(binding.get(), session_.inputs()[i].name.c_str(), value.get()));
  }
  const ort::MemoryInfo* memory = api.EpDevice_MemoryInfo(provider_, ort::kDeviceMemoryDefault);
  for (const ValueInfo& info : session_.outputs()) {
    running(api.BindOutputToDevice(binding.get(), info.name.c_str(), memory));
  }
  run(work, runs, {}, binding.get(), Runs::kNoGraph);
  work.join();
  auto values = std::make_shared<BoundOutputs>(runtime_, binding.get());
  std::vector<const std::byte*> made;
  for (std::size_t i = 0; i < values->values().size(); ++i) {
    const Output output = read_in_place(runtime_, values->values()[i]);
    graph.outputs[i].type = output.type;
    graph.outputs[i].dims = output.dims;
    made.push_back(work.fetch(output.elements.data, output.elements.bytes));
  }
  work.hold(std::move(values));
  return made;
}

void Graphs::capture(Lane& lane, ModelRun& work, Runs& runs, std::span<const InputParts> inputs, const Rows& rows) {
  const ort::Api& api = runtime_.api;
  const ort::Attempt capturing(runtime_, kCapturing);
  auto graph = std::make_shared<std::unique_ptr<Graph>>(std::make_unique<Graph>(api));
  Graph& made = **graph;
  made.id = next_id_.fetch_add(1);
  capturing(api.CreateIoBinding(session_.get(), made.binding.out()));
  const auto settle = [&](Place& place) {
    place.elements = work.room(byte_size(place.type, element_count(place.dims)), true);
  };
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Place& place = made.inputs.emplace_back();
    place.type = session_.inputs()[i].type;
    place.dims = inputs[i].dims;
    place.has_rows = rows.inputs.at(i);
    if (place.has_rows) made.rows = place.dims.at(0);
    settle(place);
    const ort::OwnedValue value = value_of(place);
    capturing(api.BindInput(made.binding.get(), session_.inputs()[i].name.c_str(), value.get()));
  }
  bring(work, inputs, made);
  made.outputs.resize(session_.outputs().size());
  std::vector<const std::byte*> wanted = try_plain(work, runs, made);
  std::size_t most = 1;
  for (std::size_t i = 0; i < made.outputs.size(); ++i) {
    Place& place = made.outputs[i];
    const std::string& name = session_.outputs()[i].name;
    place.has_rows = rows.outputs.at(i);
    if (place.has_rows && (place.dims.empty() || place.dims[0] != made.rows)) {
      throw Error(Code::Model, "output '" + name + "' has not as many rows as went in");
    }
    settle(place);
    most = std::max(most, place.elements.bytes);
    const ort::OwnedValue value = value_of(place);
    capturing(api.BindOutput(made.binding.get(), name.c_str(), value.get()));
  }
  work.join();
  work.await();
  run(work, runs, {}, made.binding.get(), made.id);
  // A provider that records on another stream than it computes on has recorded nothing.
  const std::vector<std::byte> unwritten(most, kUnwritten);
  const std::vector<Operand> parts{{const_cast<std::byte*>(unwritten.data()), most, nullptr}};
  const std::byte* from = work.bring(parts);
  work.join();
  for (const Place& place : made.outputs) work.copy(place.elements.data, from, place.elements.bytes);
  work.await();
  run(work, runs, {}, made.binding.get(), made.id);
  work.join();
  std::vector<const std::byte*> given;
  for (const Place& place : made.outputs) given.push_back(work.fetch(place.elements.data, place.elements.bytes));
  work.defer([this, graph, index = lane.index(), wanted = std::move(wanted), given = std::move(given)] {
    const std::vector<Place>& outputs = (*graph)->outputs;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (is_made(outputs[i].type, given[i], wanted[i], outputs[i].elements.bytes)) continue;
      throw Error(Code::Model, "recorded as a CUDA graph the model gives another output '" +
                                   session_.outputs()[i].name + "' than it gives without one");
    }
    const std::lock_guard lock(mutex_);
    OfLane& all = lanes_[index];
    const auto larger = std::ranges::upper_bound(all, (*graph)->rows, {}, &Graph::rows);
    all.insert(larger, std::move(*graph));
  });
}

const Graphs::Graph* Graphs::find(const Lane& lane, std::span<const InputParts> inputs, bool pads) const {
  const OfLane* all = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto found = lanes_.find(lane.index());
    if (found == lanes_.end()) return nullptr;
    all = &found->second;
  }
  const auto fits = [&](const std::unique_ptr<Graph>& graph) {
    if (inputs.size() != graph->inputs.size()) return false;
    std::int64_t rows = -1;  // of all that have some
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Place& place = graph->inputs[i];
      const std::vector<std::int64_t>& dims = inputs[i].dims;
      if (inputs[i].form != ValueForm::Tensor || dims.size() != place.dims.size()) return false;
      const std::size_t from = place.has_rows ? 1 : 0;
      if (!std::equal(dims.begin() + from, dims.end(), place.dims.begin() + from, place.dims.end())) return false;
      if (!place.has_rows) continue;
      if (dims[0] < 1 || dims[0] > graph->rows || (rows != -1 && rows != dims[0])) return false;
      if (dims[0] != graph->rows && !pads) return false;
      rows = dims[0];
    }
    return true;
  };
  const auto found = std::ranges::find_if(*all, fits);
  return found == all->end() ? nullptr : found->get();
}

std::vector<Output> Graphs::replay(const Lane& lane, ModelRun& work, Runs& runs, const RunLog& log,
                                   std::span<const InputParts> inputs, std::span<const std::size_t> wanted, bool pads,
                                   bool stay) {
  const Graph* graph = find(lane, inputs, pads);
  if (graph == nullptr) {
    plain_.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  std::int64_t rows = graph->rows;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (graph->inputs[i].has_rows) rows = inputs[i].dims[0];
  }
  std::vector<Output> outputs;
  for (const std::size_t index : wanted) {
    const Place& place = graph->outputs.at(index);
    Output& output = outputs.emplace_back();
    output.type = place.type;
    output.dims = place.dims;
    if (place.has_rows) output.dims[0] = rows;
    output.elements = work.room(byte_size(place.type, element_count(output.dims)), stay);
  }
  bring(work, inputs, *graph);
  run(work, runs, log, graph->binding.get(), graph->id);
  work.join();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const Operand& to = outputs[i].elements;
    work.copy(to.data, graph->outputs[wanted[i]].elements.data, to.bytes);
  }
  work.operated();
  replayed_.fetch_add(1, std::memory_order_relaxed);
  padded_rows_.fetch_add(static_cast<std::uint64_t>(graph->rows - rows), std::memory_order_relaxed);
  return outputs;
}

}  // namespace tensorlane
