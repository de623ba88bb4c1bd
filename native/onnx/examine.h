// Whether a model keeps the rows of a batch apart, by its graph, which is read beside ONNX Runtime.
#pragma once

#include "onnx/rows/follow.h"
#include "onnx/session.h"

namespace tensorlane {

// A graph that cannot be read (in ONNX Runtime's own format, say) leaves it in doubt.
rows::Finding examine(const ModelSource& source, const rows::Axes& inputs, const rows::Axes& outputs);

}  // namespace tensorlane
