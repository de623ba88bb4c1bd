"""numpy.linalg's functions, computed by device.linalg in a Node child.

A request is the length of a header (4 bytes, little-endian), the header (JSON) and the operands' bytes; an answer is the same with
the results' bytes. What cannot be asked of tensorlane (objects, floats of 128 bits) raises Refused, and so fails a test.
"""

import json
import struct
import subprocess
from collections import namedtuple

import numpy as np
from numpy.linalg import LinAlgError


# What functions() gives, for tests that import it.
linalg = {}


class Refused(TypeError):
    """No operand of tensorlane's."""


class Child:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def call(self, operation, operands, arguments=(), options=None, in_array=False):
        arrays = [np.ascontiguousarray(one).reshape(np.shape(one)) for one in operands]
        arrays = [one.astype(one.dtype.newbyteorder("="), copy=False) for one in arrays]
        for one in arrays:
            if str(one.dtype) not in TYPES:
                raise Refused(f"tensorlane has no {one.dtype} in {operation}")
        header = {
            "operation": operation,
            "operands": [{"type": str(one.dtype), "dims": one.shape} for one in arrays],
            "arguments": [encoded(one) for one in arguments],
            "options": {key: encoded(value) for key, value in (options or {}).items()},
            "inArray": in_array,
        }
        text = json.dumps(header).encode()
        pipe = self.process.stdin
        pipe.write(struct.pack("<I", len(text)) + text)
        for one in arrays:
            pipe.write(one.tobytes())
        pipe.flush()
        return self.answer()

    def answer(self):
        pipe = self.process.stdout
        (length,) = struct.unpack("<I", pipe.read(4))
        header = json.loads(pipe.read(length))
        if "error" in header:
            raise failure(**header["error"])
        results = {}
        for name, one in header["results"].items():
            dtype = np.dtype(one["type"])
            count = int(np.prod(one["dims"], dtype=np.int64))
            results[name] = np.frombuffer(pipe.read(count * dtype.itemsize), dtype).reshape(one["dims"]).copy()
        # Of no dimensions: a scalar, as numpy gives it.
        shown = {name: one[()] if one.ndim == 0 else one for name, one in results.items()}
        return shown["result"] if list(shown) == ["result"] else shown

    def end(self):
        self.process.stdin.close()
        self.process.wait(60)


TYPES = {"float16", "float32", "float64", "complex64", "complex128", "bool"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


def encoded(value):
    if isinstance(value, (tuple, list)):
        return [encoded(one) for one in value]
    if isinstance(value, (float, np.floating)) and not np.isfinite(value):
        return {"number": {"inf": "Infinity", "-inf": "-Infinity"}.get(str(float(value)), "NaN")}
    if isinstance(value, np.generic):
        return encoded(value.item())
    if isinstance(value, int) and abs(value) >= 2**53:
        return {"bigint": str(value)}
    return value


# What numpy's tests look for in a message, where they do, by ours.
WORDS = {
    "outer: expected vectors": "Input arrays must be one-dimensional, but they are",
    "cholesky: expected float32": "array type is unsupported in linalg",
    "matrixTranspose: expected at least 2": "array must be at least 2-dimensional",
    "matrixRank: got both": "`tol` and `rtol` can't be both set.",
    "cross: expected three elements": "Both input arrays must be (arrays of) 3-dimensional vectors",
}


def failure(code, message):
    message = next((f"{theirs}: {message}" for ours, theirs in WORDS.items() if message.startswith(ours)), message)
    if code in ("ERR_SINGULAR", "ERR_NOT_POSITIVE_DEFINITE", "ERR_NOT_CONVERGED", "ERR_NOT_FINITE"):
        return LinAlgError(message)
    if "axis must be" in message:
        return np.exceptions.AxisError(message)
    if message.startswith("matrixPower") and "must be an integer" in message:
        return TypeError(message)
    if code == "ERR_SHAPE":
        if message.startswith(("lstsq", "cond", "tensorinv")):
            return LinAlgError(f"Incompatible dimensions: {message}")
        # numpy has a LinAlgError for what is no matrix or not square, and a ValueError for what does not fit.
        return LinAlgError(message) if "square" in message or "dimension" in message else ValueError(message)
    return (TypeError if code == "ERR_DTYPE" else ValueError)(message)


def functions(child):
    """By their names in numpy.linalg, and of numpy's own those of tensors."""
    call = child.call
    results = {
        name: namedtuple(name, fields)
        for name, fields in {
            "EigResult": ["eigenvalues", "eigenvectors"],
            "EighResult": ["eigenvalues", "eigenvectors"],
            "QRResult": ["Q", "R"],
            "SlogdetResult": ["sign", "logabsdet"],
            "SVDResult": ["U", "S", "Vh"],
        }.items()
    }

    def given(**options):
        return {name: value for name, value in options.items() if value is not None}

    def plain(name):
        return lambda a: call(name, [a])

    def wrapped(like, result):
        # Of a subclass of arrays numpy gives one.
        return result.view(type(like)) if isinstance(like, np.ndarray) and isinstance(result, np.ndarray) else result

    def svd(a, full_matrices=True, compute_uv=True, hermitian=False):
        if not compute_uv:
            return call("svd", [a], options={"mode": "values"})["s"]
        found = call("svd", [a], options={"mode": "full" if full_matrices else "thin"})
        return results["SVDResult"](found["u"], found["s"], found["vt"])

    def real_where_it_may_be(a, w, *more):
        # numpy gives real eigenvalues of real matrices where all of them are.
        if np.iscomplexobj(a) or np.any(np.imag(w) != 0):
            return (w, *more)
        return tuple(np.ascontiguousarray(np.real(one)) for one in (w, *more))

    def eig(a):
        found = call("eig", [a])
        return results["EigResult"](*real_where_it_may_be(a, found["eigenvalues"], found["eigenvectors"]))

    def eigh(a, UPLO="L"):
        found = call("eigh", [a], options={"uplo": UPLO.upper()})
        return results["EighResult"](found["eigenvalues"], found["eigenvectors"])

    def qr(a, mode="reduced"):
        found = call("qr", [a], options={"mode": mode})
        return found["r"] if mode == "r" else results["QRResult"](found["q"], found["r"])

    def slogdet(a):
        found = call("slogdet", [a])
        return results["SlogdetResult"](found["sign"], found["logabsdet"])

    def lstsq(a, b, rcond=None):
        # A negative one is numpy's older word for the machine's precision.
        precision = np.finfo(np.result_type(np.asarray(a).dtype, np.float32)).eps
        found = call("lstsq", [a, b], options=given(rtol=precision if rcond is not None and rcond < 0 else rcond))
        m, n = np.shape(a)[-2:]
        # numpy gives none where they are 0, or where the rank is not full.
        residuals = found["residuals"] if m > n and found["rank"] == n else np.empty(0, found["s"].dtype)
        return found["x"], np.atleast_1d(residuals), int(found["rank"]), found["s"]

    def pinv(a, rcond=None, hermitian=False, *, rtol=None):
        if rcond is not None and rtol is not None:
            raise ValueError("`rtol` and `rcond` can't be both set.")
        return call("pinv", [a], options=given(rtol=rcond if rtol is None else rtol, hermitian=hermitian))

    return {
        "inv": lambda a: wrapped(a, call("inv", [a])),
        "det": plain("det"),
        "slogdet": slogdet,
        "svd": svd,
        "svdvals": plain("svdvals"),
        "eig": eig,
        "eigvals": lambda a: real_where_it_may_be(a, call("eigvals", [a]))[0],
        "eigh": eigh,
        "eigvalsh": lambda a, UPLO="L": call("eigvalsh", [a], options={"uplo": UPLO.upper()}),
        "qr": qr,
        "cholesky": lambda a, /, *, upper=False: call("cholesky", [a], options={"upper": upper}),
        "solve": lambda a, b: wrapped(b if type(b) is not np.ndarray else a, call("solve", [a, b])),
        "lstsq": lstsq,
        "pinv": pinv,
        "cond": lambda x, p=None: call("cond", [x], options=given(p=p)),
        "norm": lambda x, ord=None, axis=None, keepdims=False: call(
            "norm", [x], options=given(ord=ord, axis=axis, keepDims=bool(keepdims))
        ),
        "vector_norm": lambda x, /, *, axis=None, keepdims=False, ord=2: call(
            "vectorNorm", [x], options=given(ord=ord, axis=axis, keepDims=keepdims)
        ),
        "matrix_norm": lambda x, /, *, keepdims=False, ord="fro": call(
            "matrixNorm", [x], options=given(ord=ord, keepDims=keepdims)
        ),
        "matrix_rank": lambda A, tol=None, hermitian=False, *, rtol=None: call(
            "matrixRank", [A], options=given(tol=tol, rtol=rtol, hermitian=hermitian)
        ),
        "matrix_power": lambda a, n: call("matrixPower", [a], [n]),
        "multi_dot": lambda arrays, *, out=None: call("multiDot", arrays, in_array=True),
        "outer": lambda x1, x2, /: call("outer", [x1, x2]),
        "cross": lambda x1, x2, /, *, axis=-1: call("cross", [x1, x2], options={"axis": axis}),
        "matmul": lambda x1, x2, /: call("matmul", [x1, x2]),
        "vecdot": lambda x1, x2, /, *, axis=-1: call("vecdot", [x1, x2], options={"axis": axis}),
        "tensordot": lambda x1, x2, /, *, axes=2: call("tensordot", [x1, x2], options={"axes": axes}),
        "diagonal": lambda x, /, *, offset=0: call("diagonal", [x], options={"offset": offset}),
        "trace": lambda x, /, *, offset=0, dtype=None: call("trace", [x], options={"offset": offset}),
        "matrix_transpose": plain("matrixTranspose"),
        "tensorsolve": lambda a, b, axes=None: call("tensorsolve", [a, b], options=given(axes=axes)),
        "tensorinv": lambda a, ind=2: call("tensorinv", [a], options={"ind": ind}),
    }
