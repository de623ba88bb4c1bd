// The operators by the way they treat rows. Each rule says, for one kind of operator, where a node leaves the rows that come in, or
// that it mixes them; rules.cpp lists which operator is of which kind. Where a rule is not sure, it doubts.
//
// Semantics: the operators' reference, https://onnx.ai/onnx/operators/.
#pragma once

#include "onnx/rows/step.h"

namespace tensorlane::rows {

// Why rows are mixed or not known, of nodes of many kinds.
inline constexpr const char* kMixesAlongBatch = "works along the batch";
inline constexpr const char* kUnknownRank = "takes a value of unknown rank";

// elements.cpp: each element by itself, or with those in its place
void same(Step& step);         // the elements stay what they are
void cast_like(Step& step);    // the same, in another type
void elementwise(Step& step);  // any number of operands, broadcast
void quantize(Step& step);
void dropout(Step& step);

// axes.cpp: along some axes
void reduce(Step& step);
void reduce_one(Step& step);  // ArgMax
void softmax(Step& step);
void last_axes(Step& step);  // LayerNormalization
void one_axis(Step& step);   // LpNormalization
void cumulate(Step& step);
void top_k(Step& step);
void mean_variance(Step& step);
void reverse(Step& step);
void triangle(Step& step);

// layout.cpp: the same elements in other places
void transpose(Step& step);
void reshape(Step& step);
void flatten(Step& step);
void squeeze(Step& step);
void unsqueeze(Step& step);
void concat(Step& step);
void split(Step& step);
void slice(Step& step);
void pad(Step& step);

// spreading.cpp: the same elements several times
void tile(Step& step);
void expand(Step& step);

// picking.cpp: elements by index
void gather(Step& step);
void gather_elements(Step& step);
void scatter_elements(Step& step);
void gather_nd(Step& step);
void one_hot(Step& step);

// shapes.cpp: sizes as values
void shape_of(Step& step);
void size_of(Step& step);
void constant(Step& step);
void constant_of_shape(Step& step);
void range(Step& step);

// numbers.cpp: what is made of the numbers of rows. False where it has nothing to do with them: then other rules hold.
bool follow_numbers(Step& step);
// Bounds of shared integers that go through a node which changes only their places.
void keep_bounds(Step& step);

// products.cpp
void matmul(Step& step);
void gemm(Step& step);
void einsum(Step& step);
void recurrent(Step& step);

// images.cpp: [N, C, ...], pictures by their leading axis
void convolution(Step& step);
void pooling(Step& step);
void global_pooling(Step& step);
void pictures(Step& step);       // all operands have the leading axis, or are shared; sizes change
void same_pictures(Step& step);  // the same, and none does
void batch_normalization(Step& step);
void resize(Step& step);

// rules.cpp
void mixing(Step& step);
void random(Step& step);
void leading_axis(Step& step);  // classical models: [N, features]
void attention(Step& step);     // [N, positions, ...]: mixes along all axes but the leading one

}  // namespace tensorlane::rows
