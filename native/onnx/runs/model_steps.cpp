#include "onnx/runs/model_steps.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/memory/host_block.h"
#include "core/memory/workspace.h"

namespace tensorlane {
namespace {

// Host memory for what a step makes.
class StepBuffer final : public Buffer {
 public:
  explicit StepBuffer(std::size_t bytes) : block_(bytes) {
    if (block_.data() == nullptr) {
      throw Error(Code::OutOfMemory, "no memory for a result of " + std::to_string(bytes) + " bytes");
    }
  }

  [[nodiscard]] std::byte* data() const noexcept override { return static_cast<std::byte*>(block_.data()); }
  [[nodiscard]] std::size_t bytes() const noexcept override { return block_.bytes(); }
  [[nodiscard]] bool host_accessible() const noexcept override { return true; }

 private:
  HostBlock block_;
};

Operand take_host(std::size_t bytes) {
  auto buffer = std::make_shared<StepBuffer>(bytes);
  std::byte* data = buffer->data();
  return {data, bytes, std::move(buffer)};
}

Operand join_host(std::span<const Operand> parts) {
  if (parts.size() == 1) return parts.front();
  std::size_t bytes = 0;
  for (const Operand& part : parts) bytes += part.bytes;
  Operand whole = take_host(bytes);
  std::byte* to = whole.data;
  for (const Operand& part : parts) to = std::copy_n(part.data, part.bytes, to);
  return whole;
}

Form form_of(const ValueInfo& info) { return {info.type, info.ranked, info.dims}; }

// Keeps the names of dims that stay what they are.
void set_form(ValueInfo& info, Form form) {
  for (std::size_t i = 0; i < form.dims.size(); ++i) {
    const bool stays = form.dims.size() == info.dims.size() && form.dims[i] == info.dims[i];
    if (!stays && i < info.dim_names.size()) info.dim_names[i].clear();
  }
  info.dim_names.resize(form.dims.size());
  info.type = form.type;
  info.ranked = form.ranked;
  info.dims = std::move(form.dims);
}

std::string names_of(std::span<const ValueInfo> infos) {
  std::string names;
  for (const ValueInfo& info : infos) names += (names.empty() ? "'" : ", '") + info.name + "'";
  return names;
}

// Errors: Argument where there is none, or it is no tensor of numbers.
std::size_t index_of(const std::string& option, std::span<const ValueInfo> infos, const std::string& name) {
  const auto found = std::ranges::find(infos, name, &ValueInfo::name);
  if (found == infos.end()) {
    throw Error(Code::Argument, option + ": the model has no '" + name + "'; it has " + names_of(infos));
  }
  if (found->kind != ValueKind::Tensor || found->type == DType::String) {
    throw Error(Code::Argument, option + "." + name + ": there are steps for tensors of numbers alone");
  }
  return static_cast<std::size_t>(found - infos.begin());
}

std::string what_before(const std::string& name) { return "preprocess." + name; }
std::string what_after(const std::string& name) { return "postprocess." + name; }

}  // namespace

ModelSteps::ModelSteps(const Session& session, StepsByName before, StepsByName after, const RunPlace& place)
    : inputs_(session.inputs()),
      outputs_(session.outputs()),
      before_(session.overridable_from()),
      after_(session.outputs().size()),
      host_operations_(place.host_operations),
      device_operations_(place.operations) {
  read_before(session, before);
  read_after(session, after);
}

void ModelSteps::read_before(const Session& session, StepsByName& before) {
  const std::span<const ValueInfo> taken = std::span(session.inputs()).first(session.overridable_from());
  for (auto& [name, steps] : before) {
    const std::size_t i = index_of("preprocess", taken, name);
    set_form(inputs_[i], form_before(what_before(name), steps, form_of(taken[i])));
    before_[i] = std::move(steps);
  }
}

void ModelSteps::read_after(const Session& session, StepsByName& after) {
  for (std::size_t i = 0; i < outputs_.size(); ++i) sources_.push_back({i, 0});
  const std::vector<ValueInfo>& given = session.outputs();
  for (auto& [name, steps] : after) {
    const std::size_t i = index_of("postprocess", given, name);
    std::vector<Form> made = forms_after(what_after(name), steps, form_of(given[i]));
    set_form(outputs_[i], std::move(made.front()));
    if (made.size() > 1) {
      ValueInfo indices = outputs_[i];
      indices.name = steps.back().indices;
      if (std::ranges::find(outputs_, indices.name, &ValueInfo::name) != outputs_.end()) {
        throw Error(Code::Argument, what_after(name) + ": topK: there is an output '" + indices.name +
                                        "' already; name the indices otherwise, by `indices`");
      }
      set_form(indices, std::move(made.back()));
      outputs_.push_back(std::move(indices));
      sources_.push_back({i, 1});
    }
    after_[i] = std::move(steps);
  }
}

std::vector<std::size_t> ModelSteps::own_outputs(std::span<const std::size_t> wanted) const {
  std::vector<std::size_t> own;
  for (const std::size_t index : wanted) {
    const std::size_t of = sources_.at(index).own;
    if (std::ranges::find(own, of) == own.end()) own.push_back(of);
  }
  return own;
}

std::vector<std::int64_t> ModelSteps::own_dims(std::size_t input, std::vector<std::int64_t> dims) const {
  if (!changes(input)) return dims;
  const ValueInfo& info = inputs_[input];
  return forms_after(what_before(info.name), before_[input], {info.type, true, std::move(dims)}).front().dims;
}

std::vector<InputParts> ModelSteps::before(Lane& lane, const Where& where, std::span<const InputParts> given) const {
  std::vector<InputParts> own(given.begin(), given.end());
  for (std::size_t i = 0; i < before_.size(); ++i) {
    if (before_[i].empty()) continue;
    InputParts& input = own.at(i);
    const ValueInfo& info = inputs_[i];
    Operand elements = where.join(input.parts);
    Made whole{{info.type, true, std::move(input.dims)}, std::move(elements)};
    Made made = std::move(
        run_steps(*where.operations, lane, what_before(info.name), before_[i], std::move(whole), where.take).front());
    input.dims = std::move(made.form.dims);
    input.parts = {std::move(made.elements)};
  }
  return own;
}

std::vector<Output> ModelSteps::after(Lane& lane, const Where& where, std::vector<Output> made,
                                      std::span<const std::size_t> wanted) const {
  const std::vector<std::size_t> own = own_outputs(wanted);
  std::map<std::size_t, std::vector<Made>> results;  // of the model's outputs that have steps
  for (std::size_t i = 0; i < own.size(); ++i) {
    Output& output = made.at(i);
    const std::vector<Step>& steps = after_[own[i]];
    if (steps.empty()) continue;
    const std::string what = what_after(outputs_[own[i]].name);
    if (output.form != ValueForm::Tensor) throw Error(Code::Model, what + ": the model made no value of it");
    Operand elements = where.join(std::span(&output.elements, 1));
    Made whole{{output.type, true, std::move(output.dims)}, std::move(elements)};
    results[own[i]] = run_steps(*where.operations, lane, what, steps, std::move(whole), where.take);
  }
  std::vector<Output> outputs;
  for (const std::size_t index : wanted) {
    const Source& source = sources_[index];
    const auto found = results.find(source.own);
    if (found == results.end()) {
      const auto at = std::ranges::find(own, source.own) - own.begin();
      outputs.push_back(std::move(made.at(static_cast<std::size_t>(at))));
      continue;
    }
    Made& result = found->second.at(source.made);
    Output& output = outputs.emplace_back();
    output.type = result.form.type;
    output.dims = std::move(result.form.dims);
    output.elements = std::move(result.elements);
  }
  return outputs;
}

std::vector<InputParts> ModelSteps::before_on_host(Lane& lane, std::span<const InputParts> given) const {
  return before(lane, {host_operations_.get(), join_host, take_host}, given);
}

std::vector<Output> ModelSteps::after_on_host(Lane& lane, std::vector<Output> made,
                                              std::span<const std::size_t> wanted) const {
  // What the model passes through lies where its inputs were staged, which the operations use.
  Workspace& workspace = lane.workspace();
  const std::byte* begin = workspace.take(0);
  const std::byte* end = begin + workspace.capacity();
  for (Output& output : made) {
    Operand& elements = output.elements;
    if (output.form != ValueForm::Tensor || elements.data < begin || elements.data >= end) continue;
    Operand copy = take_host(elements.bytes);
    std::copy_n(elements.data, elements.bytes, copy.data);
    elements = std::move(copy);
  }
  return after(lane, {host_operations_.get(), join_host, take_host}, std::move(made), wanted);
}

}  // namespace tensorlane
