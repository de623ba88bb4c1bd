"""Times numpy.linalg.svd for the benchmarks, in turns with other libraries.

Speaks JSON, one object a line. On start it says who it is. Then, for each request {"file", "n", "repeat", "warmup"}, it
decomposes the n x n float64 matrix in the file and answers with the seconds that each repeat took and with the singular
values. It ends with its input.
"""

import ctypes
import json
import sys
import time


def say(message):
    print(json.dumps(message), flush=True)


def loaded_blas():
    """The BLAS library this process has mapped; OpenBLAS where there is one, for a libblas may only point to it."""
    try:
        with open("/proc/self/maps", encoding="utf8") as maps:
            files = {line.split()[-1] for line in maps if ".so" in line}
    except OSError:
        return None
    found = sorted(file for file in files if "blas" in file.rsplit("/", 1)[-1])
    openblas = [file for file in found if "openblas" in file.rsplit("/", 1)[-1]]
    return (openblas or found or [None])[0]


def call(library, name, result_type, *arguments):
    """Calls OpenBLAS's `name` under any of the spellings that builds of it use; None where it has none."""
    for spelling in (name, name + "64_", "scipy_" + name, "scipy_" + name + "64_"):
        function = getattr(library, spelling, None)
        if function is not None:
            function.restype = result_type
            return function(*arguments)
    return None


def main():
    try:
        import numpy
    except ImportError:
        say({"executable": sys.executable, "error": "has no numpy"})
        return

    numpy.linalg.svd(numpy.eye(2))  # Loads what is loaded on first use.
    threads = int(sys.argv[1])
    file = loaded_blas()
    config = None
    if file is not None:
        library = ctypes.CDLL(file)
        call(library, "openblas_set_num_threads", None, threads)
        config = call(library, "openblas_get_config", ctypes.c_char_p)
        threads = call(library, "openblas_get_num_threads", ctypes.c_int)
    say(
        {
            "executable": sys.executable,
            "python": sys.version.split()[0],
            "numpy": numpy.__version__,
            "blas": file,
            "config": None if config is None else config.decode().strip(),
            "threads": threads,
        }
    )

    for line in sys.stdin:
        request = json.loads(line)
        n = request["n"]
        matrix = numpy.fromfile(request["file"], dtype=numpy.float64).reshape(n, n)
        seconds = []
        for i in range(request["warmup"] + request["repeat"]):
            start = time.perf_counter()
            _, s, _ = numpy.linalg.svd(matrix, full_matrices=False)
            if i >= request["warmup"]:
                seconds.append(time.perf_counter() - start)
        say({"seconds": seconds, "s": s.tolist()})


if __name__ == "__main__":
    main()
