"""The linear algebra of the array API standard (2025.12): what it says of the shapes and types of results, and what holds between them,
as tests of our own, on stacks that hypothesis makes up. Nothing here is compared with another library's results."""

import bridge
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

DTYPES = ("float32", "float64", "complex64", "complex128")
stacks = st.lists(st.integers(0, 3), max_size=2).map(tuple)
sizes = st.integers(0, 5)
dtypes = st.sampled_from(DTYPES)
seeds = st.integers(0, 2**32 - 1)
# The same each time, and never judged by the clock.
checked = settings(max_examples=30, deadline=None, derandomize=True)


def op(name):
    return bridge.linalg[name]


def array(shape, dtype, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if dtype.startswith("complex"):
        x = x + 1j * rng.standard_normal(shape)
    return np.asarray(x, dtype)


def real(dtype):
    return np.empty(0, dtype).real.dtype


def adjoint(x):
    return np.conj(np.swapaxes(x, -1, -2))


def close(x, y, dtype, scale=1.0):
    x, y = np.asarray(x), np.asarray(y)
    assert x.shape == y.shape
    most = max(1.0, scale, float(np.max(np.abs(y), initial=0)))
    assert np.max(np.abs(x - y), initial=0) <= 2000 * np.finfo(dtype).eps * most


def is_like(x, shape, dtype):
    assert (np.shape(x), np.asarray(x).dtype) == (tuple(shape), np.dtype(dtype))


def each(x, result, function, dtype, scale=1.0):
    """That of a stack each matrix has what it has alone."""
    for index in np.ndindex(x.shape[:-2]):
        close(result[index], function(x[index]), dtype, scale)


def regular(shape, dtype, seed):
    """Well-conditioned square matrices: unitary ones with singular values from 1 to 2."""
    n = shape[-1]
    q = np.linalg.qr(array(shape, dtype, seed))[0] if n else array(shape, dtype, seed)
    return (q * np.linspace(1, 2, n)).astype(dtype)


@given(stacks, sizes, dtypes, seeds, st.booleans())
@checked
def test_cholesky(stack, n, dtype, seed, upper):
    a = array((*stack, n, n), dtype, seed)
    x = (a @ adjoint(a) + (n + 1) * np.eye(n)).astype(dtype)
    factor = op("cholesky")(x, upper=upper)
    is_like(factor, x.shape, dtype)
    assert np.array_equal(factor, np.triu(factor) if upper else np.tril(factor))
    close(adjoint(factor) @ factor if upper else factor @ adjoint(factor), x, dtype)
    each(x, factor, lambda one: op("cholesky")(one, upper=upper), dtype)


@given(stacks, st.integers(-4, 4), dtypes, seeds)
@checked
def test_cross(stack, axis, dtype, seed):
    rank = len(stack) + 1
    axis = axis % (2 * rank) - rank
    shape = list(stack)
    shape.insert(axis % rank, 3)
    x, y = array(shape, dtype, seed), array(shape, dtype, seed + 1)
    found = op("cross")(x, y, axis=axis)
    is_like(found, shape, dtype)
    (a, b, c), (d, e, f) = np.moveaxis(x, axis, 0), np.moveaxis(y, axis, 0)
    close(found, np.moveaxis(np.stack([b * f - c * e, c * d - a * f, a * e - b * d]), 0, axis), dtype)


@given(stacks, sizes, dtypes, seeds)
@checked
def test_det_and_slogdet(stack, n, dtype, seed):
    x = regular((*stack, n, n), dtype, seed)
    det = op("det")(x)
    is_like(det, stack, dtype)
    found = op("slogdet")(x)
    is_like(found.sign, stack, dtype)
    is_like(found.logabsdet, stack, real(dtype))
    close(found.sign * np.exp(found.logabsdet), det, dtype)
    close(np.abs(found.sign), np.ones(stack), dtype)
    close(np.abs(det), np.full(stack, np.prod(np.linspace(1, 2, n))), dtype)
    each(x, np.asarray(det), op("det"), dtype)


@given(stacks, sizes, sizes, st.integers(-6, 6), st.sampled_from((*DTYPES, "int8", "bool", "uint64")), seeds)
@checked
def test_diagonal_transpose_and_trace(stack, m, n, offset, dtype, seed):
    x = (array((*stack, m, n), "float64", seed) * 10).astype(dtype)
    diagonal = op("diagonal")(x, offset=offset)
    rows = [i for i in range(m) if 0 <= i + offset < n]
    is_like(diagonal, (*stack, len(rows)), dtype)
    for k, i in enumerate(rows):
        assert np.array_equal(diagonal[..., k], x[..., i, i + offset])
    transposed = op("matrix_transpose")(x)
    is_like(transposed, (*stack, n, m), dtype)
    assert all(np.array_equal(transposed[..., j, i], x[..., i, j]) for i in range(m) for j in range(n))
    trace = op("trace")(x, offset=offset)
    assert np.shape(trace) == stack
    if dtype in DTYPES:
        is_like(trace, stack, dtype)
        close(trace, np.sum(diagonal, axis=-1), dtype)


@given(stacks, sizes, dtypes, seeds)
@checked
def test_eigh_and_eigvalsh(stack, n, dtype, seed):
    a = array((*stack, n, n), dtype, seed)
    x = (a + adjoint(a)).astype(dtype)
    w, v = op("eigh")(x)
    is_like(w, (*stack, n), real(dtype))
    is_like(v, x.shape, dtype)
    assert np.all(np.diff(w) >= 0)
    close(x @ v, v * w[..., None, :], dtype, 10)
    close(adjoint(v) @ v, np.broadcast_to(np.eye(n), x.shape), dtype)
    values = op("eigvalsh")(x)
    is_like(values, (*stack, n), real(dtype))
    close(values, w, dtype, 10)
    each(x, values[..., None], lambda one: op("eigvalsh")(one)[..., None], dtype, 10)


@given(stacks, sizes, dtypes, seeds)
@checked
def test_eig_and_eigvals(stack, n, dtype, seed):
    x = array((*stack, n, n), dtype, seed)
    w, v = op("eig")(x)
    assert (w.shape, v.shape) == ((*stack, n), x.shape)
    close(x @ v, v * w[..., None, :], dtype, 10)
    close(np.linalg.vector_norm(v, axis=-2), np.ones((*stack, n)), dtype)
    values = op("eigvals")(x)
    close(np.sum(values, axis=-1), np.trace(x, axis1=-2, axis2=-1), dtype, 10)


@given(stacks, sizes, dtypes, seeds)
@checked
def test_inv(stack, n, dtype, seed):
    x = regular((*stack, n, n), dtype, seed)
    inverse = op("inv")(x)
    is_like(inverse, x.shape, dtype)
    close(x @ inverse, np.broadcast_to(np.eye(n), x.shape), dtype)
    each(x, inverse, op("inv"), dtype)


@given(stacks, sizes, sizes, sizes, dtypes, dtypes, seeds, st.sampled_from(("stacks", "broadcast", "left", "right", "both")))
@checked
def test_matmul(stack, m, k, n, first, second, seed, kind):
    x = array((k,) if kind in ("left", "both") else (*stack, m, k), first, seed)
    y = array((k,) if kind in ("right", "both") else (k, n) if kind == "broadcast" else (*stack, k, n), second, seed + 1)
    left = "k" if x.ndim == 1 else "...mk"
    right = "k" if y.ndim == 1 else "...kn"
    out = "..." + ("m" if x.ndim > 1 else "") + ("n" if y.ndim > 1 else "")
    wanted = np.einsum(f"{left},{right}->{out}", x.astype("complex128"), y.astype("complex128"))
    found = op("matmul")(x, y)
    is_like(found, wanted.shape, np.result_type(x, y))
    close(found, wanted, min((x.dtype, y.dtype), key=lambda one: -np.finfo(one).eps), 10)


@given(stacks, st.integers(1, 5), st.integers(1, 5), dtypes, seeds, st.booleans())
@checked
def test_matrix_norm(stack, m, n, dtype, seed, keep):
    x = array((*stack, m, n), dtype, seed)
    size, s = np.abs(x).astype("float64"), op("svdvals")(x)
    wanted = {
        "fro": np.sqrt((size**2).sum((-1, -2))),
        "nuc": s.sum(-1),
        1: size.sum(-2).max(-1),
        -1: size.sum(-2).min(-1),
        2: s[..., 0],
        -2: s[..., -1],
        np.inf: size.sum(-1).max(-1),
        -np.inf: size.sum(-1).min(-1),
    }
    for order, value in wanted.items():
        found = op("matrix_norm")(x, ord=order, keepdims=keep)
        is_like(found, (*stack, 1, 1) if keep else stack, real(dtype))
        close(np.reshape(found, stack), value, dtype, 10)


@given(stacks, sizes, st.integers(-3, 5), dtypes, seeds)
@checked
def test_matrix_power(stack, n, power, dtype, seed):
    x = regular((*stack, n, n), dtype, seed)
    found = op("matrix_power")(x, power)
    is_like(found, x.shape, dtype)
    factor = op("inv")(x) if power < 0 else x
    wanted = np.broadcast_to(np.eye(n, dtype=dtype), x.shape)
    for _ in range(abs(power)):
        wanted = wanted @ factor
    close(found, wanted, dtype, 100)


@given(stacks, st.integers(1, 5), st.integers(1, 5), st.integers(0, 5), dtypes, seeds)
@checked
def test_matrix_rank(stack, m, n, rank, dtype, seed):
    rank = min(m, n, rank)
    left, _ = np.linalg.qr(array((*stack, m, rank), dtype, seed))
    right, _ = np.linalg.qr(array((*stack, n, rank), dtype, seed + 1))
    x = (left @ adjoint(right)).astype(dtype)
    found = op("matrix_rank")(x)
    is_like(found, stack, "int64")
    assert np.all(np.asarray(found) == rank)
    assert np.all(np.asarray(op("matrix_rank")(x, rtol=2.0)) == 0)


@given(sizes, sizes, dtypes, dtypes, seeds)
@checked
def test_outer(m, n, first, second, seed):
    x, y = array((m,), first, seed), array((n,), second, seed + 1)
    found = op("outer")(x, y)
    is_like(found, (m, n), np.result_type(x, y))
    close(found, x[:, None] * y, found.dtype)


@given(stacks, st.integers(1, 5), st.integers(1, 5), dtypes, seeds)
@checked
def test_pinv(stack, m, n, dtype, seed):
    left, _ = np.linalg.qr(array((*stack, m, min(m, n)), dtype, seed))
    right, _ = np.linalg.qr(array((*stack, n, min(m, n)), dtype, seed + 1))
    s = np.linspace(1, 2, min(m, n)) * (np.arange(min(m, n)) != 1)  # of the rank of one less, where there are two
    x = ((left * s) @ adjoint(right)).astype(dtype)
    found = op("pinv")(x)
    is_like(found, (*stack, n, m), dtype)
    close(x @ found @ x, x, dtype)
    close(found @ x @ found, found, dtype)
    close(x @ found, adjoint(x @ found), dtype)
    close(found @ x, adjoint(found @ x), dtype)


@given(stacks, sizes, sizes, dtypes, seeds, st.sampled_from(("reduced", "complete")))
@checked
def test_qr(stack, m, n, dtype, seed, mode):
    x = array((*stack, m, n), dtype, seed)
    q, r = op("qr")(x, mode)
    k = m if mode == "complete" else min(m, n)
    is_like(q, (*stack, m, k), dtype)
    is_like(r, (*stack, k, n), dtype)
    close(q @ r, x, dtype)
    close(adjoint(q) @ q, np.broadcast_to(np.eye(k), (*stack, k, k)), dtype)
    assert np.array_equal(r, np.triu(r))


@given(stacks, stacks, sizes, sizes, dtypes, seeds, st.booleans())
@checked
def test_solve(stack, other, n, k, dtype, seed, is_vector):
    try:
        lead = np.broadcast_shapes(stack, () if is_vector else other)
    except ValueError:
        return
    x = regular((*stack, n, n), dtype, seed)
    b = array((n,) if is_vector else (*other, n, k), dtype, seed + 1)
    found = op("solve")(x, b)
    is_like(found, (*lead, n) if is_vector else (*lead, n, k), dtype)
    if is_vector:
        close((x @ found[..., None])[..., 0], np.broadcast_to(b, (*lead, n)), dtype, 10)
    else:
        close(x @ found, np.broadcast_to(b, (*lead, n, k)), dtype, 10)


@given(stacks, sizes, sizes, dtypes, seeds, st.booleans())
@checked
def test_svd_and_svdvals(stack, m, n, dtype, seed, full):
    x = array((*stack, m, n), dtype, seed)
    k = min(m, n)
    found = op("svd")(x, full_matrices=full)
    assert found._fields == ("U", "S", "Vh")
    u, s, vh = found
    is_like(u, (*stack, m, m if full else k), dtype)
    is_like(s, (*stack, k), real(dtype))
    is_like(vh, (*stack, n if full else k, n), dtype)
    assert np.all(s >= 0) and np.all(np.diff(s) <= 0)
    close((u[..., :k] * s[..., None, :]) @ vh[..., :k, :], x, dtype, 10)
    close(adjoint(u) @ u, np.broadcast_to(np.eye(u.shape[-1]), (*stack, u.shape[-1], u.shape[-1])), dtype)
    close(vh @ adjoint(vh), np.broadcast_to(np.eye(vh.shape[-2]), (*stack, vh.shape[-2], vh.shape[-2])), dtype)
    values = op("svdvals")(x)
    is_like(values, (*stack, k), real(dtype))
    close(values, s, dtype, 10)


@given(st.lists(sizes, max_size=2), st.lists(sizes, max_size=2), st.lists(sizes, max_size=2), dtypes, seeds, st.booleans())
@checked
def test_tensordot(before, summed, after, dtype, seed, named):
    x, y = array((*before, *summed), dtype, seed), array((*summed, *after), dtype, seed + 1)
    count = len(summed)
    axes = (tuple(range(len(before), x.ndim)), tuple(range(count))) if named else count
    found = op("tensordot")(x, y, axes=axes)
    letters = "abcdef"
    a, b, c = letters[: len(before)], letters[2 : 2 + count], letters[4 : 4 + len(after)]
    is_like(found, (*before, *after), dtype)
    close(found, np.einsum(f"{a}{b},{b}{c}->{a}{c}", x, y), dtype, 25)


@given(stacks, sizes, dtypes, dtypes, seeds, st.integers(-3, 2))
@checked
def test_vecdot(stack, n, first, second, seed, axis):
    rank = len(stack) + 1
    axis = axis % (2 * rank) - rank
    shape = list(stack)
    shape.insert(axis % rank, n)
    x, y = array(shape, first, seed), array(shape, second, seed + 1)
    found = op("vecdot")(x, y, axis=axis)
    is_like(found, stack, np.result_type(x, y))
    close(found, np.sum(np.conj(x.astype("complex128")) * y, axis=axis), max(first, second, key=lambda one: np.finfo(one).eps), 10)


@given(stacks, st.integers(1, 5), dtypes, seeds, st.booleans(), st.sampled_from((0, 1, 2, 3, 0.5, -1, -2.5, np.inf, -np.inf)))
@checked
def test_vector_norm(stack, n, dtype, seed, keep, order):
    x = array((*stack, n), dtype, seed)
    size = np.abs(x).astype("float64")
    for axis in (None, -1, tuple(range(x.ndim))):
        along = tuple(range(x.ndim)) if axis is None else axis
        if x.size == 0 and order == -np.inf and axis != -1:
            with pytest.raises(ValueError):
                op("vector_norm")(x, axis=axis, keepdims=keep, ord=order)
            continue
        with np.errstate(divide="ignore"):
            if order == np.inf:
                wanted = np.max(size, axis=along, keepdims=keep, initial=0)
            elif order == -np.inf:
                wanted = np.min(size, axis=along, keepdims=keep)
            elif order == 0:
                wanted = np.sum(size != 0, axis=along, keepdims=keep)
            else:
                wanted = np.sum(size**order, axis=along, keepdims=keep) ** (1 / order)
        found = op("vector_norm")(x, axis=axis, keepdims=keep, ord=order)
        is_like(found, np.shape(wanted), real(dtype))
        if np.all(np.isfinite(wanted)):
            close(found, wanted, dtype)
        else:
            assert np.array_equal(found, wanted)
