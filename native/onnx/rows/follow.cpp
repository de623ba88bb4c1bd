#include "onnx/rows/follow.h"

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "onnx/rows/ends.h"
#include "onnx/rows/loops.h"
#include "onnx/rows/rules.h"

namespace tensorlane::rows {
namespace {

using graph::Node;

// Functions may call each other, and graphs lie in graphs; deeper than any model.
constexpr int kMostDepth = 32;
// A body is followed until what goes round in it settles, and the bodies in it each time: loops in loops take as many times as that to the
// power of their depth. No model has so many.
constexpr std::size_t kMostGraphs = 2000;

Fact fact_of(const graph::Tensor& tensor) {
  Fact fact = Fact::shared(Sizes(tensor.dims.begin(), tensor.dims.end()));
  // What is computed of narrower integers wraps, and nothing that is known of a value says of what type it is.
  constexpr std::array<std::int32_t, 3> kWide{6, 7, 9};  // int32, int64, bool
  const bool is_wide = std::ranges::find(kWide, tensor.type) != kWide.end();
  if (is_wide && tensor.elements.has_value()) fact.elements = Sizes(tensor.elements->begin(), tensor.elements->end());
  fact.reals = tensor.reals;
  return fact;
}

// Dropout does where it trains, which nobody has a use for with what is the same for all rows.
bool may_draw(const Node& node) {
  const Rule* rule = find_rule(node.domain, node.op);
  return rule != nullptr && (rule->apply == random || (rule->apply == dropout && node.inputs.size() > 2));
}

// The values of a graph, and of those that it lies in.
struct Scope {
  const Scope* around = nullptr;
  std::unordered_map<std::string, Fact> facts;

  [[nodiscard]] const Fact* find(const std::string& name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->around) {
      if (const auto at = scope->facts.find(name); at != scope->facts.end()) return &at->second;
    }
    return nullptr;
  }
};

class Follower {
 public:
  explicit Follower(const graph::ModelGraph& model, const Visit* visit = nullptr) : model_(model), visit_(visit) {}

  Symbols& symbols() noexcept { return symbols_; }

  // Whether an If was met of which it is not known which way it goes.
  [[nodiscard]] bool undecided() const noexcept { return undecided_; }

  // Whether rows were found to be mixed by what is done with a value that is in doubt.
  [[nodiscard]] bool from_doubt() const noexcept { return from_doubt_; }

  void run(const std::vector<Node>& nodes, Scope& scope, const graph::Opsets& opsets, int depth) {
    for (const Node& node : nodes) {
      const std::size_t graphs_before = graphs_run_;
      std::vector<Fact> outputs = outputs_of(node, scope, opsets, depth);
      if (visit_ != nullptr && graphs_run_ == graphs_before) look_into(node, scope, opsets, depth);
      for (std::size_t i = 0; i < node.outputs.size(); ++i) scope.facts[node.outputs[i]] = std::move(outputs[i]);
    }
  }

 private:
  std::vector<Fact> outputs_of(const Node& node, Scope& scope, const graph::Opsets& opsets, int depth) {
    if (node.outputs.empty()) return {};  // nothing comes of it
    std::vector<const Fact*> inputs;
    for (const std::string& name : node.inputs) inputs.push_back(name.empty() ? nullptr : scope.find(name));
    if (visit_ != nullptr) (*visit_)(node, inputs, unsure_ == 0);
    Step step(node, inputs, version(opsets, node.domain), symbols_);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] == nullptr && !node.inputs[i].empty())
        step.doubts("takes '" + node.inputs[i] + "', which nothing makes");
    }
    const auto unclear = [](const Fact* fact, Kind kind) { return fact != nullptr && fact->is(kind); };
    for (const Kind kind : {Kind::Mixed, Kind::Doubtful}) {
      const auto at = std::ranges::find_if(inputs, [&](const Fact* fact) { return unclear(fact, kind); });
      if (at == inputs.end()) continue;
      if (kind == Kind::Doubtful && decides_for_all(node, inputs)) {
        step.mixes("decides for all rows together, by what is not known");
        from_doubt_ = true;
        return step.outputs();
      }
      return kind == Kind::Mixed ? std::vector<Fact>(node.outputs.size(), **at) : suppose(step, inputs, **at);
    }
    if (std::ranges::any_of(step.outputs(), [](const Fact& fact) { return fact.is(Kind::Doubtful); }))
      return step.outputs();
    if (const graph::Function* function = function_of(node)) return call(*function, step, inputs, depth);
    const bool has_graph = std::ranges::any_of(node.attributes, [](const auto& one) { return one.graph != nullptr; });
    if (has_graph && graphs_run_ > kMostGraphs) {
      step.doubts("lies in graphs that take too long to follow");
      return step.outputs();
    }
    if (has_graph && node.domain.empty() && node.op == "If") return branch(step, inputs, scope, opsets, depth);
    if (has_graph && node.domain.empty() && (node.op == "Loop" || node.op == "Scan")) {
      const RunBody run_body = [&](const graph::Graph& body, const std::vector<Fact>& given) {
        ++unsure_;
        std::vector<Fact> facts = run_graph(body, given, scope, opsets, depth);
        --unsure_;
        return facts;
      };
      if (depth >= kMostDepth) {
        step.doubts("lies in graphs without end");
      } else if (node.op == "Loop") {
        follow_loop(step, run_body);
      } else {
        follow_scan(step, run_body);
      }
      return step.outputs();
    }
    if (has_graph) {
      const Rule* rule = find_rule(node.domain, node.op);
      if (captures_only_shared(node, inputs, scope)) return step.outputs();
      if (rule != nullptr && rule->apply == mixing) {
        mixing(step);
      } else {
        step.doubts("repeats a graph for the rows");
      }
      return step.outputs();
    }
    apply(step, inputs);
    return step.outputs();
  }

  // By its nature, or by the way that it takes: a trial would show only what comes of the trial's rows.
  [[nodiscard]] bool decides_for_all(const Node& node, const std::vector<const Fact*>& inputs) const {
    if (function_of(node) != nullptr) return false;
    const Rule* rule = find_rule(node.domain, node.op);
    if (rule != nullptr && (rule->apply == mixing || rule->apply == random)) return true;
    const std::size_t conditions = !node.domain.empty() ? 0 : node.op == "If" ? 1 : node.op == "Loop" ? 2 : 0;
    const std::span first(inputs.data(), std::min(conditions, inputs.size()));
    return std::ranges::any_of(first, [](const Fact* fact) { return fact != nullptr && fact->is(Kind::Doubtful); });
  }

  // What comes of a value that is in doubt: mixed rows, where they are mixed even if they lie as is supposed; else the doubt goes on. A
  // trial would show only what comes of the trial's rows.
  std::vector<Fact> suppose(const Step& step, const std::vector<const Fact*>& inputs, const Fact& doubt) {
    const Node& node = step.node();
    std::vector<Fact> outputs(node.outputs.size(), doubt);
    const Rule* rule = find_rule(node.domain, node.op);
    if (rule == nullptr || function_of(node) != nullptr) return outputs;
    std::vector<Fact> rows;
    rows.reserve(inputs.size());
    std::vector<const Fact*> supposed = inputs;
    for (const Fact*& fact : supposed) {
      if (fact == nullptr || fact->is(Kind::Shared) || fact->is_rows()) continue;
      if (!fact->supposed.has_value()) return outputs;
      fact = &rows.emplace_back(Fact::rows(Fact{}, *fact->supposed, std::nullopt));
    }
    for (std::size_t i = 0; i < rule->inputs; ++i) {
      if (i >= supposed.size() || supposed[i] == nullptr) return outputs;
    }
    Step trial(node, supposed, step.opset(), symbols_);
    rule->apply(trial);
    constexpr std::array kKeep{&elementwise, &same, &quantize, &dropout, &last_axes, &softmax, &matmul};
    const bool keeps = std::ranges::find(kKeep, rule->apply) != kKeep.end();
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const Fact& made = trial.outputs()[i];
      if (made.is(Kind::Mixed)) {
        outputs[i] = made;
        from_doubt_ = true;
      } else if (made.is_rows()) {
        outputs[i].supposed = made.axis;
      } else if (made.is(Kind::Doubtful) && made.supposed.has_value()) {
        outputs[i].supposed = made.supposed;
      } else if (!keeps) {
        outputs[i].supposed.reset();
      }
    }
    return outputs;
  }

  static void apply(Step& step, const std::vector<const Fact*>& inputs) {
    const Node& node = step.node();
    if (follow_numbers(step)) return;
    const Rule* rule = find_rule(node.domain, node.op);
    const bool counts =
        std::ranges::any_of(inputs, [](const Fact* fact) { return fact != nullptr && counts_rows(*fact); });
    const bool constant = !counts && step.others_shared({});
    bool enough = rule != nullptr && inputs.size() >= rule->inputs;
    for (std::size_t i = 0; enough && i < rule->inputs; ++i) enough = inputs[i] != nullptr;
    if (!enough) {
      // What an operator of somebody else's does with constants need not be the same twice.
      const bool ours = node.domain.empty() || node.domain == "ai.onnx.ml" || node.domain == graph::kMicrosoft;
      if (constant && ours) return;
      step.doubts(rule == nullptr ? "is an operator that is not known" : "lacks an input");
      const auto rows =
          std::ranges::find_if(inputs, [](const Fact* fact) { return fact != nullptr && fact->is_rows(); });
      if (rows == inputs.end()) return;
      for (Fact& output : step.outputs()) output.supposed = (*rows)->axis;
      return;
    }
    rule->apply(step);
    keep_bounds(step);
    const bool draws = may_draw(step.node());
    for (Fact& output : step.outputs()) {
      // What all is the same for all rows makes nothing else, whatever a rule that was made for rows says of it.
      if (constant && !draws && !output.is(Kind::Shared)) output = Fact::shared();
      // What was computed of the number of rows is only known as long as its elements are.
      if (counts && output.is(Kind::Shared) && !output.elements.has_value()) {
        step.mixes("computes with the number of rows");
        return;
      }
    }
  }

  // The way that the condition says; or both, where that is not known: it must be the same for all rows.
  std::vector<Fact> branch(Step& step, const std::vector<const Fact*>& inputs, Scope& scope,
                           const graph::Opsets& opsets, int depth) {
    const Fact* condition = inputs.empty() ? nullptr : inputs.front();
    const graph::Attribute* ways[] = {step.attribute("then_branch"), step.attribute("else_branch")};
    const auto has_graph = [](const graph::Attribute* way) { return way != nullptr && way->graph != nullptr; };
    if (condition == nullptr || !std::ranges::all_of(ways, has_graph) || depth >= kMostDepth) {
      step.doubts("has no condition or no branches");
      return step.outputs();
    }
    if (!condition->is(Kind::Shared) || counts_rows(*condition)) {
      step.mixes("takes one way for all rows, by what is in them or by their number");
      return step.outputs();
    }
    const auto known = step.integers(0);
    const std::size_t count = step.outputs().size();
    const auto take = [&](std::size_t way) {
      std::vector<Fact> facts = run_graph(*ways[way]->graph, {}, scope, opsets, depth);
      facts.resize(count, Fact::doubtful("an If has fewer outputs than are taken"));
      return facts;
    };
    if (known.has_value() && known->size() == 1) return take(known->front() != 0 ? 0 : 1);
    undecided_ = true;
    ++unsure_;
    const std::vector<Fact> one = take(0);
    const std::vector<Fact> other = take(1);
    --unsure_;
    for (std::size_t i = 0; i < count; ++i) step.set(i, either(one[i], other[i], symbols_));
    return step.outputs();
  }

  // Visits the nodes of graphs that were not followed, as nothing is known of what these take, but for what lies around them.
  void look_into(const Node& node, const Scope& scope, const graph::Opsets& opsets, int depth) {
    if (depth >= kMostDepth) return;
    ++unsure_;
    for (const graph::Attribute& attribute : node.attributes) {
      if (attribute.graph == nullptr) continue;
      run_graph(*attribute.graph, std::vector<Fact>(attribute.graph->inputs.size(), Fact::shared()), scope, opsets,
                depth);
    }
    --unsure_;
  }

  // The facts of a graph's outputs, whose inputs these are.
  std::vector<Fact> run_graph(const graph::Graph& graph, const std::vector<Fact>& inputs, const Scope& scope,
                              const graph::Opsets& opsets, int depth) {
    ++graphs_run_;
    Scope inner{.around = &scope, .facts = {}};
    for (std::size_t i = 0; i < inputs.size(); ++i) inner.facts[graph.inputs.at(i).name] = inputs[i];
    add_constants(graph, inner);
    run(graph.nodes, inner, opsets, depth + 1);
    std::vector<Fact> facts;
    for (const graph::Value& output : graph.outputs) {
      const Fact* fact = inner.find(output.name);
      facts.push_back(fact == nullptr ? Fact::doubtful("a graph in a node has an output that nothing makes") : *fact);
    }
    return facts;
  }

  // A loop, say, over what has nothing to do with the rows.
  bool captures_only_shared(const Node& node, const std::vector<const Fact*>& inputs, const Scope& scope) const {
    const auto is_shared = [](const Fact* fact) {
      return fact == nullptr || (fact->is(Kind::Shared) && !counts_rows(*fact));
    };
    if (!std::ranges::all_of(inputs, is_shared)) return false;
    std::set<std::string> names;
    for (const graph::Attribute& attribute : node.attributes) {
      if (attribute.graph != nullptr && !collect(*attribute.graph, names)) return false;
    }
    return std::ranges::all_of(names, [&](const std::string& name) { return is_shared(scope.find(name)); });
  }

  // All names that the nodes of a graph take; false where one of them draws random numbers, or might.
  bool collect(const graph::Graph& graph, std::set<std::string>& names) const {
    for (const Node& node : graph.nodes) {
      if (may_draw(node)) return false;
      if (function_of(node) != nullptr) return false;
      names.insert(node.inputs.begin(), node.inputs.end());
      for (const graph::Attribute& attribute : node.attributes) {
        if (attribute.graph != nullptr && !collect(*attribute.graph, names)) return false;
      }
    }
    for (const graph::Value& output : graph.outputs) names.insert(output.name);
    return true;
  }

  std::vector<Fact> call(const graph::Function& function, Step& step, const std::vector<const Fact*>& inputs,
                         int depth) {
    if (depth >= kMostDepth) {
      step.doubts("calls functions in functions without end");
      return step.outputs();
    }
    Scope scope;
    for (std::size_t i = 0; i < function.inputs.size() && i < inputs.size(); ++i) {
      if (inputs[i] != nullptr) scope.facts[function.inputs[i]] = *inputs[i];
    }
    std::vector<Node> nodes = function.nodes;
    for (Node& node : nodes) resolve(node, function, step, scope);
    run(nodes, scope, function.opsets, depth + 1);
    for (std::size_t i = 0; i < step.outputs().size(); ++i) {
      const Fact* fact = i < function.outputs.size() ? scope.find(function.outputs[i]) : nullptr;
      step.set(i, fact == nullptr ? Fact::doubtful("a function has fewer outputs than are taken") : *fact);
    }
    return step.outputs();
  }

  // Puts the caller's attributes, or their defaults, in the place of references to them, in graphs within as well; and leaves out the inputs
  // that the caller leaves out.
  static void resolve(Node& node, const graph::Function& function, const Step& step, const Scope& scope) {
    for (std::string& name : node.inputs) {
      const bool left_out =
          std::ranges::find(function.inputs, name) != function.inputs.end() && scope.find(name) == nullptr;
      if (left_out) name.clear();
    }
    std::vector<graph::Attribute> attributes;
    for (graph::Attribute& attribute : node.attributes) {
      if (attribute.graph != nullptr) {
        auto graph = std::make_shared<graph::Graph>(*attribute.graph);
        for (Node& inner : graph->nodes) resolve(inner, function, step, scope);
        attribute.graph = std::move(graph);
      }
      if (attribute.refers_to.empty()) {
        attributes.push_back(std::move(attribute));
        continue;
      }
      const graph::Attribute* given = step.attribute(attribute.refers_to);
      if (given == nullptr) {
        const auto at = std::ranges::find(function.defaults, attribute.refers_to, &graph::Attribute::name);
        given = at == function.defaults.end() ? nullptr : &*at;
      }
      if (given == nullptr) continue;
      attributes.push_back(*given);
      attributes.back().name = attribute.name;
    }
    node.attributes = std::move(attributes);
  }

  // Where a function has the name of an operator that ONNX Runtime has, it runs its own.
  [[nodiscard]] const graph::Function* function_of(const Node& node) const {
    if (find_rule(node.domain, node.op) != nullptr) return nullptr;
    const auto at = std::ranges::find_if(model_.functions, [&](const graph::Function& function) {
      return function.name == node.op && function.domain == node.domain && function.overload == node.overload;
    });
    return at == model_.functions.end() ? nullptr : &*at;
  }

  static std::int64_t version(const graph::Opsets& opsets, const std::string& domain) {
    const auto at = opsets.find(domain);
    return at == opsets.end() ? 1 : at->second;
  }

 public:
  static void add_constants(const graph::Graph& graph, Scope& scope) {
    for (const graph::Tensor& tensor : graph.initializers) scope.facts[tensor.name] = fact_of(tensor);
  }

 private:
  const graph::ModelGraph& model_;
  const Visit* visit_;  // null: nobody
  int unsure_ = 0;      // how many graphs lie around a node that may not run
  std::size_t graphs_run_ = 0;
  Symbols symbols_;
  bool undecided_ = false;
  bool from_doubt_ = false;
};

Finding judge_all(const std::vector<graph::Value>& outputs, const Scope& scope, const Axes& axes) {
  Finding doubt;
  for (const graph::Value& output : outputs) {
    Finding finding = judge(output, scope.find(output.name), axis_of(axes, output.name));
    if (finding.verdict == Verdict::Mixed) return finding;
    if (finding.verdict == Verdict::Doubtful && doubt.verdict == Verdict::Independent) doubt = std::move(finding);
  }
  return doubt;
}

}  // namespace

Finding follow_rows(const graph::ModelGraph& model, const Axes& inputs, const Axes& outputs, const Known& known) {
  Follower follower(model);
  Scope scope;
  const auto names = batch_names(model, inputs);
  bool all_known = true;
  for (const graph::Value& input : model.graph.inputs) {
    const auto axis = axis_of(inputs, input.name);
    const auto at = known.find(input.name);
    const bool is_known = at != known.end() && input.is_tensor;
    scope.facts[input.name] = is_known ? fact_of(at->second, axis) : declared(input, axis, names, follower.symbols());
    all_known = all_known && is_known;
  }
  Follower::add_constants(model.graph, scope);
  follower.run(model.graph.nodes, scope, model.opsets, 0);
  Finding finding = judge_all(model.graph.outputs, scope, outputs);
  // The doubt may go where the inputs are known.
  if (known.empty() && finding.verdict == Verdict::Mixed && follower.from_doubt()) finding.verdict = Verdict::Doubtful;
  const bool hangs_on_inputs = finding.verdict == Verdict::Doubtful || follower.undecided();
  finding.may_change = finding.verdict != Verdict::Independent && !all_known && hangs_on_inputs;
  return finding;
}

void follow_shapes(const graph::ModelGraph& model, const Known& known, const Visit& visit) {
  Follower follower(model, &visit);
  Scope scope;
  Follower::add_constants(model.graph, scope);
  for (const graph::Value& input : model.graph.inputs) {
    const auto at = known.find(input.name);
    // What the model holds for it may be given otherwise, as long as nothing is.
    if (at == known.end() && !known.empty() && scope.facts.contains(input.name)) continue;
    scope.facts[input.name] = at != known.end() && input.is_tensor
                                  ? fact_of(at->second, std::nullopt)
                                  : declared(input, std::nullopt, {}, follower.symbols());
  }
  follower.run(model.graph.nodes, scope, model.opsets, 0);
}

}  // namespace tensorlane::rows
