"""What numpy and scipy give, for test/linalg/vectors.test.ts: python3 test/linalg/vectors/generate.py > test/linalg/vectors/vectors.jsonl

Each case is an operation of device.linalg, its operands and options, and what it must come to.
"""

import json
import sys

import numpy as np
import scipy
import scipy.linalg as sl

random = np.random.default_rng(15)
cases = []


def encoded(value, exact):
    if isinstance(value, (list, tuple)):
        return [encoded(one, exact) for one in value]
    if isinstance(value, dict):
        return {key: encoded(one, exact) for key, one in value.items()}
    a = np.asarray(value)
    data = [x.item() if a.dtype.kind in "iu" else float(str(x)) if exact else float(f"{x:.{6 if a.dtype == np.float32 else 12}g}") for x in a.ravel()]
    shown = [x if np.isfinite(x) else {"inf": "Infinity", "-inf": "-Infinity"}.get(str(x), "NaN") for x in data]
    return {"type": str(a.dtype), "dims": list(a.shape), "data": shown}


def case(operation, operands, expected, options=None, arguments=()):
    """`arguments` are neither tensors nor options, and come before the tensors where they are texts."""
    cases.append(
        {
            "operation": operation,
            "operands": encoded(list(operands), True),
            "arguments": list(arguments),
            "options": options or {},
            "expected": encoded(expected, False),
        }
    )


def shown(x):
    return {"inf": "Infinity", "-inf": "-Infinity"}.get(str(x), x)


def some(*dims, dtype="float64"):
    if np.dtype(dtype).kind in "iu":
        return random.integers(-5, 6, dims).astype(dtype)
    # Short decimals, so that the file stays small.
    return np.round(random.normal(size=dims), 3).astype(dtype)


def regular(*dims, dtype="float64"):
    n = dims[-1]
    return (some(*dims) + n * np.eye(n)).astype(dtype)


def symmetric(*dims, dtype="float64"):
    a = some(*dims)
    return (a + np.swapaxes(a, -1, -2)).astype(dtype)


for dtype in ("float64", "float32"):
    v, a, b = some(5, dtype=dtype), some(3, 4, dtype=dtype), some(2, 3, 4, dtype=dtype)
    for ord in (None, 0, 1, 2, 3, 0.5, -1, -2, -1.5, np.inf, -np.inf):
        option = {} if ord is None else {"ord": shown(ord)}
        case("norm", [v], np.linalg.norm(v, ord), option)
        plain = {} if ord is None else {"ord": ord}
        case("vectorNorm", [b], np.linalg.vector_norm(b, axis=1, keepdims=True, **plain), {**option, "axis": 1, "keepDims": True})
        case("vectorNorm", [b], np.linalg.vector_norm(b, axis=(0, 2), **plain), {**option, "axis": [0, 2]})
    for ord in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
        case("norm", [a], np.linalg.norm(a, ord), {"ord": shown(ord)})
        case("matrixNorm", [b], np.linalg.matrix_norm(b, ord=ord), {"ord": shown(ord)})
        case("norm", [b], np.linalg.norm(b, ord, axis=(2, 0), keepdims=True), {"ord": shown(ord), "axis": [2, 0], "keepDims": True})
    case("norm", [b], np.linalg.norm(b))
    case("norm", [b], np.linalg.norm(b, axis=-1), {"axis": -1})
    case("norm", [b], np.linalg.norm(b, axis=(0, 1)), {"axis": [0, 1]})
    case("vectorNorm", [b], np.linalg.vector_norm(b, keepdims=True), {"keepDims": True})
    square = regular(2, 3, 3, dtype=dtype)
    for p in (2, -2):
        case("cond", [b], np.linalg.cond(b, p), {"p": p})
    for p in ("fro", "nuc", 1, -1, np.inf, -np.inf):
        case("cond", [square], np.linalg.cond(square, p), {"p": shown(p)})
    product = (some(3, 2) @ some(2, 4)).astype(dtype)
    case("matrixRank", [product], np.linalg.matrix_rank(product))
    case("matrixRank", [b], np.linalg.matrix_rank(b))
    case("matrixRank", [b], np.linalg.matrix_rank(b, rtol=0.5), {"rtol": 0.5})
    case("matrixRank", [b], np.linalg.matrix_rank(b, tol=1.5), {"tol": 1.5})
    flat = (some(4, 2) @ np.eye(2)).astype(dtype)
    gram = flat @ flat.T
    case("matrixRank", [gram], np.linalg.matrix_rank(gram, hermitian=True), {"hermitian": True})
    case("matrixRank", [v], np.linalg.matrix_rank(v))
    case("matrixRank", [np.zeros(3, dtype)], np.linalg.matrix_rank(np.zeros(3, dtype)))
    case("pinv", [b], np.linalg.pinv(b, rtol=None))
    case("pinv", [a.T.copy()], np.linalg.pinv(a.T, rtol=None))
    case("pinv", [b], np.linalg.pinv(b, rtol=0.4), {"rtol": 0.4})
    both = symmetric(2, 4, 4, dtype=dtype)
    case("pinv", [both], np.linalg.pinv(both, rtol=None, hermitian=True), {"hermitian": True})
    for power in (0, 1, 2, 3, 5, -1, -2):
        case("matrixPower", [square], np.linalg.matrix_power(square, power), arguments=[power])
    case("outer", [v, a[0]], np.linalg.outer(v, a[0]))
    case("kron", [a, square[0]], np.kron(a, square[0]))
    case("kron", [v, a], np.kron(v, a))
    c, u = some(4, 3, dtype=dtype), some(3, dtype=dtype)
    case("cross", [c, u], np.linalg.cross(c, u))
    d, e = some(3, 2, dtype=dtype), some(3, 2, dtype=dtype)
    case("cross", [d, e], np.linalg.cross(d, e, axis=0), {"axis": 0})
    case("vecdot", [b, a], np.linalg.vecdot(b, a))
    case("vecdot", [b, b], np.linalg.vecdot(b, b, axis=1), {"axis": 1})
    case("vecdot", [v, v], np.linalg.vecdot(v, v))
    t = some(4, 3, 2, dtype=dtype)
    case("tensordot", [b, t], np.tensordot(b, t, axes=([1, 2], [1, 0])), {"axes": [[1, 2], [1, 0]]})
    q = some(3, 4, 2, dtype=dtype)
    case("tensordot", [b, q], np.tensordot(b, q))
    case("tensordot", [a, v], np.tensordot(a, v, axes=0), {"axes": 0})
    case("tensordot", [b, t], np.tensordot(b, t, axes=1), {"axes": 1})
    for offset in (0, 1, -1, 3, -2, 9):
        case("diagonal", [b], np.linalg.diagonal(b, offset=offset), {"offset": offset})
    case("matrixTranspose", [b], np.linalg.matrix_transpose(b))
    wide, flatb = regular(6, 6, dtype=dtype).reshape(2, 3, 6), some(2, 3, dtype=dtype)
    case("tensorinv", [wide], np.linalg.tensorinv(wide))
    inner = wide.reshape(6, 2, 3)
    case("tensorinv", [inner], np.linalg.tensorinv(inner, ind=1), {"ind": 1})
    case("tensorsolve", [wide, flatb], np.linalg.tensorsolve(wide, flatb))
    turned = np.moveaxis(regular(6, 6, dtype=dtype).reshape(2, 3, 6), 2, 1).copy()
    case("tensorsolve", [turned, flatb], np.linalg.tensorsolve(turned, flatb, axes=(1,)), {"axes": [1]})
    tall, sides = some(5, 3, dtype=dtype), some(5, 2, dtype=dtype)
    for right in (sides, sides[:, 0].copy()):
        x, residuals, rank, s = np.linalg.lstsq(tall, right, rcond=None)
        case("lstsq", [tall, right], {"x": x, "residuals": residuals.reshape(right.shape[1:]), "rank": np.int64(rank), "s": s})
    case("expm", [square], sl.expm(square))
    plain = a[:, :3].copy()
    case("expm", [plain], sl.expm(plain))
    nilpotent = np.array([[0, 1e4, 1], [0, 0, 1e4], [0, 0, 0]], dtype)
    case("expm", [nilpotent], sl.expm(nilpotent.astype("float64")).astype(dtype))
    large = np.array([[-40.0, 30.0], [12.0, -35.0]], dtype)
    case("expm", [np.stack([large, np.zeros((2, 2), dtype), np.diag([1.0, 2.0]).astype(dtype)])], sl.expm(np.stack([large.astype("float64"), np.zeros((2, 2)), np.diag([1.0, 2.0])])).astype(dtype))
    for side in ("right", "left"):
        uu, p = sl.polar(square[0], side=side)
        case("polar", [square[0]], {"u": uu, "p": p}, {"side": side})
        uu, p = sl.polar(tall, side=side)
        case("polar", [tall], {"u": uu, "p": p}, {"side": side})
    spd = np.round(square @ np.swapaxes(square, -1, -2), 3).astype(dtype)
    case("cholesky", [spd], np.linalg.cholesky(spd, upper=True), {"upper": True})
    triangle = some(2, 3, 3, dtype=dtype)
    case("eigvalsh", [triangle], np.linalg.eigvalsh(triangle, UPLO="U"), {"uplo": "U"})
    case("svdvals", [b], np.linalg.svdvals(b))

    chain = [some(4, 2, dtype=dtype), some(2, 6, dtype=dtype), some(6, 3, dtype=dtype), some(3, 1, dtype=dtype)]
    case("multiDot", chain, np.linalg.multi_dot(chain))
    ends = [some(4, dtype=dtype), *chain, some(1, dtype=dtype)]
    case("multiDot", ends, np.linalg.multi_dot(ends))

    cube = some(2, 2, 3, dtype=dtype)
    for subscripts, operands in [
        ("ij,jk->ik", (a, a.T.copy())),
        ("ij,jk", (a, a.T.copy())),
        ("ij->ji", (a,)),
        ("ba", (a,)),
        ("ij->", (a,)),
        ("ij->j", (a,)),
        ("ii", (square[0],)),
        ("ii->i", (square[0],)),
        ("iij->j", (cube,)),
        ("...ii->...", (square,)),
        ("...ij,...jk->...ik", (b, some(4, 2, dtype=dtype))),
        ("...ij,...ij", (b, a)),
        ("i,j", (v, a[0])),
        ("i,i", (v, v)),
        ("ij,ij->i", (a, a)),
        ("bij,bij->bi", (b, b)),
        ("i,ij,j->", (some(3, dtype=dtype), a, some(4, dtype=dtype))),
        ("ij,jk,kl,li->", (a, a.T.copy(), a, a.T.copy())),
        ("ab,bc,ad,ce->de", (some(2, 3, dtype=dtype), some(3, 4, dtype=dtype), some(2, 5, dtype=dtype), some(4, 2, dtype=dtype))),
        ("ij,k->ikj", (a, v)),
        ("ij,ij->ij", (some(3, 1, dtype=dtype), a)),
        (" i j , j k -> k i ", (a, a.T.copy())),
        ("bhqd,bhkd->bhqk", (some(2, 2, 3, 4, dtype=dtype), some(2, 2, 5, 4, dtype=dtype))),
        ("...,...->...", (b, a)),
        ("i...,j...->ij...", (some(2, 3, dtype=dtype), some(4, 3, dtype=dtype))),
    ]:
        case("einsum", operands, np.einsum(subscripts, *operands), arguments=[subscripts])

# Integers, and two types.
ints, more = some(3, 3, dtype="int32"), some(3, dtype="int64")
case("norm", [ints], np.linalg.norm(ints))
case("norm", [ints], np.linalg.norm(ints, 1), {"ord": 1})
case("vectorNorm", [ints], np.linalg.vector_norm(ints, ord=0, axis=0), {"ord": 0, "axis": 0})
case("outer", [ints[0], more], np.linalg.outer(ints[0], more))
k = some(2, dtype="int32")
case("kron", [ints, k], np.kron(ints, k))
case("cross", [ints, more], np.linalg.cross(ints, more))
case("diagonal", [ints.astype("int8")], np.linalg.diagonal(ints.astype("int8"), offset=1), {"offset": 1})
case("matrixTranspose", [ints.astype("uint8")], ints.astype("uint8").T)
matrix = np.array([[2, 1], [1, 3]], "int64")
case("matrixPower", [matrix], np.linalg.matrix_power(matrix, 3), arguments=[3])
case("pinv", [matrix], np.linalg.pinv(matrix))
case("matrixRank", [np.array([[1, 2], [2, 4]], "int32")], np.linalg.matrix_rank(np.array([[1, 2], [2, 4]])))
f, w = some(4, dtype="float32"), some(4, dtype="int8")
case("vecdot", [f, w], np.linalg.vecdot(f, w))
f, w = some(2, 3, dtype="float32"), some(3, dtype="float64")
case("tensordot", [f, w], np.tensordot(f, w, axes=1), {"axes": 1})
case("einsum", [f, w], np.einsum("ij,j", f, w), arguments=["ij,j"])

# Where there is nothing, or what is singular or infinite.
case("norm", [np.zeros((0, 3))], np.float64(0))
case("vectorNorm", [np.zeros((2, 0))], np.zeros(2), {"ord": "Infinity", "axis": 1})
case("matrixNorm", [np.zeros((2, 0, 3))], np.zeros(2), {"ord": 2})
case("norm", [np.array([1.0, np.inf])], np.linalg.norm([1.0, np.inf], 3), {"ord": 3})
case("norm", [np.array([1.0, np.nan])], np.linalg.norm([1.0, np.nan], 1), {"ord": 1})
case("norm", [np.array([3e200, 4e200])], np.float64(np.cbrt(91) * 1e200), {"ord": 3})
case("norm", [np.array([0.0, 2.0])], np.linalg.norm([0.0, 2.0], -3), {"ord": -3})
case("cond", [np.array([[[1.0, 2], [2, 4]], [[1, 0], [0, 2]]])], np.array([np.inf, 2.0]), {"p": 1})
case("cond", [np.zeros((2, 2))], np.float64(np.inf))
case("pinv", [np.zeros((2, 3))], np.zeros((3, 2)))
case("pinv", [np.zeros((0, 3))], np.zeros((3, 0)))
case("matrixPower", [np.zeros((2, 0, 0))], np.zeros((2, 0, 0)), arguments=[3])
case("multiDot", [np.zeros((3, 0)), np.zeros((0, 2))], np.zeros((3, 2)))
case("tensordot", [np.zeros((2, 0)), np.zeros((0, 3))], np.zeros((2, 3)), {"axes": 1})
case("einsum", [np.zeros((2, 0)), np.zeros((0, 3))], np.zeros((2, 3)), arguments=["ij,jk"])
case("einsum", [np.zeros((0, 3))], np.zeros(3), arguments=["ij->j"])
case("lstsq", [np.array([[1.0, 1], [1, 1], [1, 1]]), np.array([1.0, 2, 3])], {"x": np.ones(2), "residuals": np.float64(2), "rank": np.int64(1), "s": np.array([np.sqrt(6), 0])})
case("expm", [np.zeros((0, 2, 2))], np.zeros((0, 2, 2)))

for one in [{"numpy": np.__version__, "scipy": scipy.__version__}, *cases]:
    json.dump(one, sys.stdout, separators=(",", ":"))
    print()
