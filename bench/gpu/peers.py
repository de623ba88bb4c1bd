"""torch and CuPy on the cases of main.ts, where python3 has them. Prints a row of JSON for each figure."""

import json
import statistics
import sys
import time

SHORT = "--short" in sys.argv


def measure(rounds, work, synchronize):
    work()
    synchronize()
    times = []
    for _ in range(1 if SHORT else rounds):
        start = time.perf_counter()
        work()
        synchronize()
        times.append((time.perf_counter() - start) * 1e6)
    return statistics.median(times)


CASES = (
    [("8 x 8 batch", (16, 8, 8))]
    if SHORT
    else [
        ("10000 of 16 x 16", (10_000, 16, 16)),
        ("10000 of 32 x 32", (10_000, 32, 32)),
        ("100 of 128 x 128", (100, 128, 128)),
        ("300 of 900 x 100", (300, 900, 100)),
        ("256 x 256", (256, 256)),
        ("512 x 512", (512, 512)),
        ("1024 x 1024", (1024, 1024)),
        ("2048 x 2048", (2048, 2048)),
        ("4096 x 4096", (4096, 4096)),
    ]
)


def add(name, contender, value):
    row = {"name": name, "contender": contender, "unit": "us", "value": value, "lower": True}
    print(json.dumps(row), flush=True)


def run(contender, random, svd, matmul, synchronize):
    # The largest last, where the time may run out.
    n = 128 if SHORT else 4096
    a = random((n, n), "float32")
    add(f"matmul, {n} x {n} f32", contender, measure(15, lambda: matmul(a, a), synchronize))
    for what, dims in CASES:
        for kind in ("float32", "float64"):
            a = random(dims, kind)
            rounds = 1 if a.size > 2**22 or dims[0] >= 10_000 else 3
            add(f"svd {kind}, {what}", contender, measure(rounds, lambda a=a: svd(a), synchronize))


def torch_peer():
    import torch

    if not torch.cuda.is_available():
        return f"torch {torch.__version__} sees no GPU"

    class Array:
        def __init__(self, tensor):
            self.tensor, self.size = tensor, tensor.numel()

    def random(dims, kind):
        return Array(torch.rand(dims, dtype=getattr(torch, kind), device="cuda") * 2 - 1)

    run(
        f"torch {torch.__version__}",
        random,
        lambda a: torch.linalg.svd(a.tensor, full_matrices=False),
        lambda a, b: a.tensor @ b.tensor,
        torch.cuda.synchronize,
    )
    return None


def cupy_peer():
    import cupy

    if cupy.cuda.runtime.getDeviceCount() == 0:
        return "CuPy sees no GPU"
    run(
        f"CuPy {cupy.__version__}",
        lambda dims, kind: cupy.random.random(dims, dtype=kind) * 2 - 1,
        lambda a: cupy.linalg.svd(a, full_matrices=False),
        lambda a, b: a @ b,
        cupy.cuda.Device().synchronize,
    )
    return None


def main():
    for peer in (torch_peer, cupy_peer):
        try:
            reason = peer()
        except Exception as error:  # whatever a peer lacks, the other one may have
            reason = f"{peer.__name__}: {error}"
        if reason:
            print(json.dumps({"skipped": reason}), flush=True)


main()
