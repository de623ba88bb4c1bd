"""Matrices to judge linear algebra by, and the judge, for bench/accuracy/main.ts.

    accuracy.py make FOLDER     writes each case's operands, and cases.json
    accuracy.py judge FOLDER    reads the results that lie beside them, computes numpy's, and prints the errors of both

Errors are judged in numpy.longdouble, which has 64 bits of mantissa on x86: with no more digits than the results have, the judge's own
rounding would be most of what it finds.
"""

import json
import os
import sys

import numpy

COUNT = 8
SIZES = [4, 16, 32, 64]
TYPES = ["float32", "float64"]
exact = numpy.longdouble


def orthogonal(rng, n):
    return numpy.linalg.qr(rng.standard_normal((COUNT, n, n)))[0]


def with_spectrum(rng, values):
    n = len(values)
    return orthogonal(rng, n) * values @ orthogonal(rng, n)


def matrices(rng, n, dtype):
    """By kind. What is ill-conditioned is so to the last digit but one of the type."""
    digits = 6 if dtype == "float32" else 14
    epsilon = numpy.finfo(dtype).eps
    scale = 1e-30 if dtype == "float32" else 1e-290
    return {
        "random": rng.standard_normal((COUNT, n, n)),
        "ill-conditioned": with_spectrum(rng, numpy.logspace(0, -digits, n)),
        "graded columns": rng.standard_normal((COUNT, n, n)) * rng.permutation(numpy.logspace(0, -digits, n)),
        "equal to the last bits": with_spectrum(rng, 1 + epsilon * numpy.arange(n)),
        "tiny": rng.standard_normal((COUNT, n, n)) * scale,
    }


def symmetric(rng, n, dtype):
    digits = 6 if dtype == "float32" else 14
    q = orthogonal(rng, n)
    values = numpy.logspace(0, -digits, n) * numpy.where(numpy.arange(n) % 2, -1, 1)
    random = rng.standard_normal((COUNT, n, n))
    return {"random": random + random.swapaxes(1, 2), "ill-conditioned": q * values @ q.swapaxes(1, 2)}


def positive(rng, n, dtype):
    digits = 5 if dtype == "float32" else 13
    q = orthogonal(rng, n)
    return {
        "random": q * rng.uniform(1, 2, n) @ q.swapaxes(1, 2),
        "ill-conditioned": q * numpy.logspace(0, -digits, n) @ q.swapaxes(1, 2),
    }


def make(folder):
    rng = numpy.random.default_rng(20)
    cases = []
    for dtype in TYPES:
        for n in SIZES:
            general, even, definite = (kinds(rng, n, dtype) for kinds in (matrices, symmetric, positive))
            tall = {"random": rng.standard_normal((COUNT, 2 * n, n))}
            tall["ill-conditioned"] = numpy.concatenate([general["ill-conditioned"], general["ill-conditioned"][::-1]], 1)
            solvable = {kind: a for kind, a in general.items() if kind != "tiny"}
            operations = {"svd": general, "qr": general, "eigh": even, "cholesky": definite}
            operations |= {"solve": solvable, "inv": solvable, "lstsq": tall}
            for operation, kinds in operations.items():
                for kind, a in kinds.items():
                    name = f"{operation}-{kind.replace(' ', '-')}-{n}-{dtype}"
                    if operation in ("eigh", "cholesky"):
                        a = (a + a.swapaxes(1, 2)) / 2
                    a.astype(dtype).tofile(os.path.join(folder, f"{name}.a"))
                    dims = list(a.shape)
                    sides = None
                    if operation in ("solve", "lstsq"):
                        sides = [COUNT, dims[1], 2]
                        rng.standard_normal(sides).astype(dtype).tofile(os.path.join(folder, f"{name}.b"))
                    cases.append({"name": name, "operation": operation, "kind": kind, "n": n, "type": dtype, "dims": dims, "sides": sides})
    with open(os.path.join(folder, "cases.json"), "w", encoding="utf-8") as file:
        json.dump(cases, file)


def size(x):
    """The 1-norm of each matrix."""
    return numpy.abs(x).sum(axis=-2).max(axis=-1)


def transposed(x):
    return x.swapaxes(-1, -2)


def from_one(q):
    """How far the columns are from orthonormal."""
    return size(transposed(q) @ q - numpy.eye(q.shape[-1], dtype=exact))


def singular_values(a):
    """One-sided Jacobi on the columns, in all digits that there are (Demmel and Veselic, SIAM J. Matrix Anal. Appl. 13, 1992)."""
    a = a.copy()
    n = a.shape[-1]
    for _ in range(40):
        worst = exact(0)
        for p in range(n - 1):
            for q in range(p + 1, n):
                x, y = a[:, :, p], a[:, :, q]
                alpha, beta, gamma = (x * x).sum(1), (y * y).sum(1), (x * y).sum(1)
                with numpy.errstate(divide="ignore", invalid="ignore"):
                    angle = numpy.where(gamma == 0, 0, numpy.abs(gamma) / numpy.sqrt(alpha * beta))
                    zeta = (beta - alpha) / (2 * gamma)
                    t = numpy.where(zeta < 0, -1, 1) / (numpy.abs(zeta) + numpy.sqrt(1 + zeta * zeta))
                t = numpy.where(gamma == 0, 0, t)
                c = 1 / numpy.sqrt(1 + t * t)
                a[:, :, p], a[:, :, q] = (c[:, None] * (x - t[:, None] * y), c[:, None] * (t[:, None] * x + y))
                worst = max(worst, angle.max())
        if worst < 1e-18:
            break
    return numpy.sort(numpy.sqrt((a * a).sum(1)), axis=-1)[:, ::-1]


def errors(case, a, b, results, true_values):
    """By measure, in units of what rounding once is times the matrix' size: LAPACK's own tests allow 30."""
    operation = case["operation"]
    unit = exact(numpy.finfo(case["type"]).eps) * max(case["dims"][1:])
    norm = size(a)
    x = [result.astype(exact) for result in results]
    if operation == "svd":
        u, s, vt = x
        found = {
            "A - U S Vt": size(a - u * s[:, None, :] @ vt) / norm,
            "U, V from orthogonal": numpy.maximum(from_one(u), from_one(transposed(vt))),
        }
        if true_values is not None:
            found["each singular value"] = (numpy.abs(s - true_values) / true_values).max(axis=-1)
    elif operation == "eigh":
        w, v = x
        found = {"A - V W Vt": size(a - v * w[:, None, :] @ transposed(v)) / norm, "V from orthogonal": from_one(v)}
    elif operation == "qr":
        q, r = x
        found = {"A - Q R": size(a - q @ r) / norm, "Q from orthogonal": from_one(q)}
    elif operation == "cholesky":
        found = {"A - L Lt": size(a - x[0] @ transposed(x[0])) / norm}
    elif operation == "solve":
        found = {"B - A X": size(b - a @ x[0]) / (norm * size(x[0]))}
    elif operation == "inv":
        found = {"A X - 1": size(a @ x[0] - numpy.eye(case["n"], dtype=exact)) / (norm * size(x[0]))}
    else:
        residual = b - a @ x[0]
        found = {"At (B - A X)": size(transposed(a) @ residual) / (size(transposed(a)) * (norm * size(x[0]) + size(b)))}
    return {measure: float((error / unit).max()) for measure, error in found.items()}


def numpys(operation, a, b):
    linalg = numpy.linalg
    if operation == "svd":
        return linalg.svd(a, full_matrices=False)
    if operation == "solve":
        return [linalg.solve(a, b)]
    if operation == "lstsq":
        return [numpy.stack([linalg.lstsq(one, side, rcond=None)[0] for one, side in zip(a, b)])]
    result = getattr(linalg, operation)(a)
    return list(result) if operation in ("eigh", "qr") else [result]


def read(folder, name, dtype, dims):
    return numpy.fromfile(os.path.join(folder, name), dtype=dtype).reshape(dims)


def judge(folder):
    with open(os.path.join(folder, "cases.json"), encoding="utf-8") as file:
        cases = json.load(file)
    for case in cases:
        name, dtype, operation = case["name"], case["type"], case["operation"]
        a = read(folder, f"{name}.a", dtype, case["dims"])
        b = None if case["sides"] is None else read(folder, f"{name}.b", dtype, case["sides"])
        theirs = numpys(operation, a, b)
        ours = [read(folder, f"{name}.{i}", dtype, result.shape) for i, result in enumerate(theirs)]
        in_all_digits = [None if x is None else x.astype(exact) for x in (a, b)]
        # Beyond, no singular value but the largest is promised its own digits.
        graded = operation == "svd" and case["kind"] == "graded columns" and case["n"] <= 32
        true_values = singular_values(in_all_digits[0]) if graded else None
        told = {"case": case}
        for who, results in (("tensorlane", ours), ("numpy", theirs)):
            told[who] = errors(case, *in_all_digits, results, true_values)
            if graded and case["n"] == 16:
                relative = numpy.abs(results[1].astype(exact) - true_values) / true_values
                told[f"{who} values"] = [float(x) for x in relative.max(axis=0)]
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    {"make": make, "judge": judge}[sys.argv[1]](sys.argv[2])
