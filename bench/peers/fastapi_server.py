"""FastAPI before ONNX Runtime: the server that is written first, for the suite `serve`.

`one` runs a request at a time. `poll` gathers them in a list, which is looked into every 10 ms; what is in it is run as one batch.
Either way the run is on a thread of its own, so that requests come in meanwhile. It says on a line of JSON where it listens, or what
is missing, and ends with its input.
"""

import json
import os
import socket
import sys
import threading


def say(message):
    print(json.dumps(message), flush=True)


try:
    import asyncio
    from concurrent.futures import ThreadPoolExecutor
    from contextlib import asynccontextmanager

    import fastapi
    import numpy
    import onnxruntime
    import uvicorn
    from pydantic import BaseModel
except ImportError as error:
    say({"error": f"has no {error.name}"})
    sys.exit(0)

path, way = sys.argv[1:]
POLL_SECONDS = 0.01
MAX_BATCH = 64
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
lane = ThreadPoolExecutor(1)
waiting = []


class Body(BaseModel):
    instances: list[list[float]]


def run(rows):
    return session.run(["y"], {"x": numpy.asarray(rows, dtype=numpy.float32)})[0].tolist()


async def poll():
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(POLL_SECONDS)
        batch = waiting[:MAX_BATCH]
        del waiting[:MAX_BATCH]
        if not batch:
            continue
        try:
            answers = await loop.run_in_executor(lane, run, [row for row, _ in batch])
            for (_, future), answer in zip(batch, answers):
                if not future.done():
                    future.set_result([answer])
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)


@asynccontextmanager
async def lifespan(_app):
    task = asyncio.create_task(poll()) if way == "poll" else None
    yield
    if task is not None:
        task.cancel()


app = fastapi.FastAPI(lifespan=lifespan)


@app.post("/predict")
async def predict(body: Body):
    loop = asyncio.get_running_loop()
    if way == "one":
        return {"predictions": await loop.run_in_executor(lane, run, body.instances)}
    future = loop.create_future()
    waiting.append((body.instances[0], future))
    return {"predictions": await future}


def end_with_input():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_input, daemon=True).start()
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
versions = {"fastapi": fastapi.__version__, "uvicorn": uvicorn.__version__, "onnxruntime": onnxruntime.__version__}
say({"port": listener.getsockname()[1], "versions": versions})
uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])
