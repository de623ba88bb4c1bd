// Any order of the axes, as a sequence of transposes of matrices. Each brings the axis that is to come next to its
// place in front of those that are still to be placed: [placed, some, next and others] to [placed, next and others,
// some]. Axes that stay together count as one, so most orders take one transpose, and none takes more than there are
// axes.
#include "cuda/kernels/transpose.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "cuda/ops/ops.h"
#include "cuda/runtime/batch.h"
#include "cuda/runtime/errors.h"

namespace tensorlane::cuda {
namespace {

// Axes of the operand that follow one another in the result, too: the first of them, and the elements along them all.
struct Group {
  std::int64_t axis, size;
};

struct Step {
  std::int64_t batch, rows, columns;
};

struct Plan {
  std::int64_t batch = 1;  // the leading group where it stays in front, of which the steps know nothing
  std::int64_t elements = 1;
  std::vector<Step> steps;
};

// In the order of the result.
std::vector<Group> groups_of(const TransposeArgs& args) {
  std::vector<std::int64_t> axes;
  for (const std::int64_t axis : args.axes) {
    if (args.dims[static_cast<std::size_t>(axis)] != 1) axes.push_back(axis);
  }
  const auto follows = [&](std::int64_t axis, std::int64_t other) {
    for (std::int64_t between = axis + 1; between < other; ++between) {
      if (args.dims[static_cast<std::size_t>(between)] != 1) return false;
    }
    return axis < other;
  };
  std::vector<Group> groups;
  std::int64_t last = 0;
  for (const std::int64_t axis : axes) {
    const std::int64_t size = args.dims[static_cast<std::size_t>(axis)];
    if (!groups.empty() && follows(last, axis)) {
      groups.back().size *= size;
    } else {
      groups.push_back({axis, size});
    }
    last = axis;
  }
  return groups;
}

std::int64_t elements_of(std::vector<Group>::const_iterator first, std::vector<Group>::const_iterator last) {
  std::int64_t elements = 1;
  for (; first != last; ++first) elements *= first->size;
  return elements;
}

Plan plan_of(const TransposeArgs& args) {
  const std::vector<Group> wanted = groups_of(args);
  std::vector<Group> now = wanted;
  std::ranges::sort(now, {}, &Group::axis);
  Plan plan;
  std::size_t placed = 0;
  if (!now.empty() && now[0].axis == wanted[0].axis) {
    plan.batch = now[0].size;
    placed = 1;
  }
  const auto start = now.begin() + static_cast<std::ptrdiff_t>(placed);
  plan.elements = elements_of(start, now.end());
  for (; placed < now.size(); ++placed) {
    const auto place = now.begin() + static_cast<std::ptrdiff_t>(placed);
    const auto next = std::ranges::find(place, now.end(), wanted[placed].axis, &Group::axis);
    if (next == place) continue;
    plan.steps.push_back({elements_of(start, place), elements_of(place, next), elements_of(next, now.end())});
    std::rotate(place, next, now.end());
  }
  return plan;
}

}  // namespace

void transpose(CudaLane& lane, const TransposeArgs& args) {
  const Plan plan = plan_of(args);
  if (plan.elements == 0) return;
  const std::size_t item_bytes = args.element_bytes * static_cast<std::size_t>(plan.elements);
  const std::array inputs{BatchOperand{&args.a, item_bytes}};
  const std::array outputs{BatchOperand{&args.result, item_bytes}};
  run_batch(lane, plan.batch, inputs, outputs, [&](const Chunk& chunk) {
    const std::size_t bytes = item_bytes * static_cast<std::size_t>(chunk.count);
    if (plan.steps.empty()) {
      check(cudaMemcpyAsync(chunk.outputs[0], chunk.inputs[0], bytes, cudaMemcpyDeviceToDevice, lane.stream()),
            "cudaMemcpyAsync");
      return;
    }
    // Back and forth between the result and memory beside it, so that the last step writes the result.
    const Temporary beside = plan.steps.size() > 1 ? lane.temporary(bytes) : Temporary();
    const void* from = chunk.inputs[0];
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
      const Step& step = plan.steps[i];
      void* to = (plan.steps.size() - i) % 2 == 1 ? chunk.outputs[0] : beside.as();
      transpose(lane.stream(), args.element_bytes, from, to, step.batch * chunk.count, step.rows, step.columns);
      from = to;
    }
  });
}

}  // namespace tensorlane::cuda
