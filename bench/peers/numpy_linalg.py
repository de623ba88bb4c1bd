"""Times numpy's linear algebra for the benchmarks, in turns with other libraries.

Speaks JSON, one object a line. On start it says who it is. Then, for each request {"operation", "file", "type", "dims",
"repeat", "warmup"}, it computes with the matrices in the file and answers with the seconds that each repeat took and with the
sum of the absolute values of what was computed. It ends with its input.
"""

import ctypes
import json
import sys
import time

from numpy_svd import call, loaded_blas, say


def operations(numpy):
    linalg = numpy.linalg
    return {
        "svd": lambda a: linalg.svd(a, full_matrices=False),
        "eigh": linalg.eigh,
        "solve": lambda a: linalg.solve(a, a[..., :1] + 1),
        "inv": linalg.inv,
        "det": linalg.det,
        "cholesky": linalg.cholesky,
        "qr": linalg.qr,
        "matmul": lambda a: numpy.matmul(a, a),
        "pinv": linalg.pinv,
        "lstsq": lambda a: linalg.lstsq(a[0], a[0, :, :1] + 1, rcond=None)[0],
        "randomized": lambda a: randomized(a[0]),
    }


def randomized(a):
    """scikit-learn's, with its own defaults."""
    from sklearn.utils.extmath import randomized_svd

    return randomized_svd(a, n_components=32, random_state=0)


def sklearn_version():
    try:
        import sklearn
    except ImportError:
        return None
    return sklearn.__version__


def values(operation, result):
    """What of it does not depend on a choice of signs."""
    if operation in ("svd", "randomized"):
        return result[1]
    if operation == "eigh":
        return result[0]
    return result[1] if operation == "qr" else result


def main():
    try:
        import numpy
    except ImportError:
        say({"executable": sys.executable, "error": "has no numpy"})
        return

    numpy.linalg.svd(numpy.eye(2))  # Loads what is loaded on first use.
    file = loaded_blas()
    core = None
    if file is not None:
        library = ctypes.CDLL(file)
        call(library, "openblas_set_num_threads", None, int(sys.argv[1]))
        core = call(library, "openblas_get_corename", ctypes.c_char_p)
    say(
        {
            "executable": sys.executable,
            "numpy": numpy.__version__,
            "sklearn": sklearn_version(),
            "blas": file,
            "core": None if core is None else core.decode(),
        }
    )

    run = operations(numpy)
    for line in sys.stdin:
        request = json.loads(line)
        operation = request["operation"]
        a = numpy.fromfile(request["file"], dtype=request["type"]).reshape(request["dims"])
        seconds = []
        for i in range(request["warmup"] + request["repeat"]):
            start = time.perf_counter()
            result = run[operation](a)
            if i >= request["warmup"]:
                seconds.append(time.perf_counter() - start)
        total = numpy.abs(values(operation, result)).sum(dtype="float64")
        say({"seconds": seconds, "sum": float(total)})


if __name__ == "__main__":
    main()
