"""Drives a service with the clients of Triton over gRPC: its own calls, unchanged. Prints one line of JSON for each check.

Usage: triton_grpc_client.py check HOST:PORT, or triton_grpc_client.py begin|go-on HOST:PORT around a kill of the service.
"""

import asyncio
import json
import queue
import sys
from functools import partial

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.grpc.aio as aio
from tritonclient.utils import InferenceServerException

MODEL = "sum"
BEYOND = 2**53 + 1
LARGEST = 2**63 - 1
# Sequences that are interleaved, each with what it is counted up by. The client takes no larger number.
SEQUENCES = {BEYOND: 1, BEYOND - 1: 2, LARGEST: 3, "a string / ü": 4, str(BEYOND): 5}


def inputs(values):
    array = np.array(values, dtype=np.float32).reshape(-1, 1)
    tensor = grpc.InferInput("inputs", list(array.shape), "FP32")
    tensor.set_data_from_numpy(array)
    return [tensor]


def outputs():
    return [grpc.InferRequestedOutput(name) for name in ("output", "states.0")]


def refusal(act):
    try:
        act()
    except InferenceServerException as error:
        return {"status": error.status(), "text": error.message()}
    return None


def step(client, sequence, value, start=False, end=False, **more):
    result = client.infer(
        MODEL, inputs([value]), sequence_id=sequence, sequence_start=start, sequence_end=end, **more
    )
    return result.as_numpy("output").item()


def metadata(client):
    return {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready(MODEL),
        "version_ready": client.is_model_ready(MODEL, "1"),
        "missing_ready": client.is_model_ready("none"),
        "server": client.get_server_metadata(as_json=True),
        "model": client.get_model_metadata(MODEL, as_json=True),
        "config": client.get_model_config(MODEL, as_json=True),
        "index": client.get_model_repository_index(as_json=True),
        "unloaded": client.unload_model(MODEL),
        "loaded": client.load_model(MODEL),
    }


def statistics(client):
    def count():
        (own,) = client.get_inference_statistics(MODEL).model_stats
        return [own.inference_count, own.execution_count, own.inference_stats.fail.count]

    before = count()
    client.infer(MODEL, inputs([1, 2, 3]))
    refusal(lambda: client.infer(MODEL, inputs([1]), outputs=[grpc.InferRequestedOutput("none")]))
    every = client.get_inference_statistics().model_stats
    return {"added": [b - a for a, b in zip(before, count())], "models": [one.name for one in every]}


def tensors(client):
    found = []
    for coding in (None, "gzip", "deflate"):
        for asked in (None, outputs()):
            result = client.infer(
                MODEL, inputs([1.5, -2]), outputs=asked, request_id="r", compression_algorithm=coding
            )
            assert result.get_response().id == "r"
            found.append([result.as_numpy(name).ravel().tolist() for name in ("output", "states.0")])
    return found


def non_finite(client):
    result = client.infer(MODEL, inputs([np.nan, np.inf, -np.inf]))
    return [str(value) for value in result.as_numpy("output").ravel()]


def sequences(client):
    """The running sum of Triton's sequence examples, of sequences that take turns."""
    sums = {str(type(one).__name__) + str(one): [] for one in SEQUENCES}
    values = [11, 7, 5, 3, 2, 0, 1]
    for i, value in enumerate(values):
        for one, factor in SEQUENCES.items():
            got = step(client, one, factor * value, start=i == 0, end=i == len(values) - 1)
            sums[str(type(one).__name__) + str(one)].append(got / factor)
    return list(sums.values())


def stream(client):
    """Triton's simple_grpc_sequence_stream_infer_client: three sequences on one stream, told apart by their request ids."""
    values = [11, 7, 5, 3, 2, 0, 1]
    sent = {1000: [0] + values, 1001: [100] + [-v for v in values], "text": [20] + [-v for v in values]}
    completed = queue.Queue()
    client.start_stream(callback=partial(lambda q, result, error: q.put(error or result), completed))
    for sequence, series in sent.items():
        for count, value in enumerate(series, start=1):
            client.async_stream_infer(
                MODEL,
                inputs([value]),
                outputs=outputs(),
                request_id=f"{sequence}_{count}",
                sequence_id=sequence,
                sequence_start=count == 1,
                sequence_end=count == len(series),
            )
    results = {str(sequence): [] for sequence in sent}
    for _ in range(sum(map(len, sent.values()))):
        result = completed.get()
        if isinstance(result, InferenceServerException):
            raise result
        results[result.get_response().id.split("_")[0]].append(result.as_numpy("output").item())
    client.async_stream_infer("none", inputs([1]))
    refused = completed.get()
    client.stop_stream()
    return {"results": results, "refused": refused.message()}


def once(client):
    more = {"parameters": {"cellstep_idempotency": True}}
    first = [step(client, 77, 1, start=True, request_id="k1", **more) for _ in range(2)]
    second = [step(client, 77, 2, request_id="k2", **more) for _ in range(2)]
    last = [step(client, 77, 3, end=True, request_id="k3", **more) for _ in range(2)]
    return [first, second, last]


def refusals(client):
    wide = grpc.InferInput("inputs", [1, 2], "FP32")
    wide.set_data_from_numpy(np.zeros((1, 2), np.float32))
    text = grpc.InferInput("inputs", [1, 1], "BYTES")
    text.set_data_from_numpy(np.array([["x"]], dtype=np.object_))
    return {
        "shape": refusal(lambda: client.infer(MODEL, [wide])),
        "datatype": refusal(lambda: client.infer(MODEL, [text])),
        "model": refusal(lambda: client.infer("none", inputs([1]))),
        "version": refusal(lambda: client.infer(MODEL, inputs([1]), model_version="9")),
        "no start": refusal(lambda: step(client, 123456, 1)),
        "shared memory": refusal(lambda: client.get_system_shared_memory_status()),
        "log settings": refusal(lambda: client.get_log_settings()),
        "too late": refusal(lambda: client.infer(MODEL, inputs([1]), client_timeout=1e-9)),
    }


def in_parallel(client):
    done = queue.Queue()
    for i in range(20):
        client.async_infer(MODEL, inputs([i]), partial(lambda q, result, error: q.put(error or result), done), request_id=str(i))
    found = {}
    for _ in range(20):
        result = done.get()
        found[int(result.get_response().id)] = result.as_numpy("output").item()
    return [found[i] for i in range(20)]


async def asynchronous(url):
    async with aio.InferenceServerClient(url) as client:
        async def run(one, factor):
            total = 0
            for i in range(5):
                result = await client.infer(
                    MODEL, inputs([factor]), sequence_id=one, sequence_start=i == 0, sequence_end=i == 4
                )
                total = result.as_numpy("output").item()
            return total / factor

        sums = await asyncio.gather(*(run(one, factor) for one, factor in SEQUENCES.items()))

        async def requests():
            for i in range(4):
                yield {
                    "model_name": MODEL,
                    "inputs": inputs([i + 1]),
                    "sequence_id": 2000,
                    "sequence_start": i == 0,
                    "sequence_end": i == 3,
                }

        streamed = []
        async for result, error in client.stream_infer(requests()):
            streamed.append(error.message() if error else result.as_numpy("output").item())
        try:
            await client.infer("none", inputs([1]))
            refused = None
        except InferenceServerException as error:
            refused = {"status": error.status(), "text": error.message()}
        return {
            "ready": [await client.is_server_live(), await client.is_server_ready(), await client.is_model_ready(MODEL)],
            "names": [
                (await client.get_server_metadata()).name,
                (await client.get_model_metadata(MODEL)).name,
                (await client.get_model_config(MODEL)).config.name,
                (await client.get_model_repository_index()).models[0].name,
                (await client.get_inference_statistics(MODEL)).model_stats[0].name,
            ],
            "sums": list(sums),
            "streamed": streamed,
            "refused": refused,
        }


def check(url):
    client = grpc.InferenceServerClient(url)
    for act in (metadata, statistics, tensors, non_finite, sequences, stream, once, refusals, in_parallel):
        print(json.dumps({act.__name__: act(client)}), flush=True)
    print(json.dumps({"asynchronous": asyncio.run(asynchronous(url))}), flush=True)
    client.close()


def begin(url):
    with grpc.InferenceServerClient(url) as client:
        for one, factor in SEQUENCES.items():
            step(client, one, factor, start=True)
            step(client, one, factor)
    print(json.dumps({"begun": len(SEQUENCES)}))


def go_on(url):
    with grpc.InferenceServerClient(url) as client:
        print(json.dumps({"sums": [step(client, one, factor, end=True) / factor for one, factor in SEQUENCES.items()]}))


if __name__ == "__main__":
    {"check": check, "begin": begin, "go-on": go_on}[sys.argv[1]](sys.argv[2])
