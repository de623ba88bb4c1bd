"""numpy's SVD through Celery and Redis, for the benchmark of jobs: workers that are processes, and a producer.

`worker URL COUNT` works with COUNT processes until it is ended. `produce URL` speaks JSON, one object a line: for each {"n", "atOnce", "ms"} it
keeps so many SVDs of n x n float64 matrices in the queue for so long and answers with how many came back. Both say "ready" first, and what is
missing where something is. Matrices go as pickles, the least that Celery does with them.
"""

import json
import sys
import threading
import time


def say(message):
    print(json.dumps(message), flush=True)


try:
    import celery
    import numpy
    import redis
except ImportError as error:
    say({"error": f"has no {error.name}"})
    sys.exit(0)

kind, url = sys.argv[1:3]
app = celery.Celery("svds", broker=url, backend=url)
app.conf.update(
    task_serializer="pickle",
    result_serializer="pickle",
    accept_content=["pickle"],
    result_accept_content=["pickle"],
    result_expires=60,
    worker_prefetch_multiplier=2,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    broker_connection_retry_on_startup=True,
)


@app.task(name="svd")
def svd(a):
    return numpy.linalg.svd(a, full_matrices=False)


def work(count):
    from celery.apps.worker import Worker

    celery.signals.worker_ready.connect(lambda **_: say({"ready": celery.__version__}), weak=False)
    Worker(app=app, concurrency=count, loglevel="ERROR", quiet=True, without_gossip=True, without_mingle=True, optimization="fair").start()


def produce():
    say({"ready": celery.__version__, "redis": redis.__version__, "numpy": numpy.__version__})
    for line in sys.stdin:
        asked = json.loads(line)
        n, end = asked["n"], time.monotonic() + asked["ms"] / 1000
        counts = [0] * asked["atOnce"]

        def caller(i):
            a = numpy.random.default_rng(i).standard_normal((n, n))
            while time.monotonic() < end:
                _, s, _ = svd.delay(a).get(timeout=60)
                if s.shape != (n,):
                    raise SystemExit("an SVD of another shape")
                if time.monotonic() < end:
                    counts[i] += 1

        callers = [threading.Thread(target=caller, args=(i,)) for i in range(asked["atOnce"])]
        for one in callers:
            one.start()
        for one in callers:
            one.join()
        say({"done": sum(counts)})


if kind == "worker":
    work(int(sys.argv[3]))
else:
    produce()
