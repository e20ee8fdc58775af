"""Drives a service with the clients of Triton: its own calls, unchanged. Prints one line of JSON for each check.

Usage: triton_client.py check HOST:PORT, or triton_client.py begin|go-on HOST:PORT around a kill of the service.
"""

import asyncio
import json
import sys

import numpy as np
import tritonclient.http as http
import tritonclient.http.aio as aio
from tritonclient.utils import InferenceServerException

MODEL = "sum"
BEYOND = 2**53 + 1
LARGEST = 2**64 - 1
# Sequences that are interleaved, each with what it is counted up by.
SEQUENCES = {BEYOND: 1, BEYOND - 1: 2, LARGEST: 3, "a string / ü": 4, str(BEYOND): 5}


def inputs(values, module=http, binary=True):
    array = np.array(values, dtype=np.float32).reshape(-1, 1)
    tensor = module.InferInput("inputs", list(array.shape), "FP32")
    tensor.set_data_from_numpy(array, binary_data=binary)
    return [tensor]


def outputs(binary, module=http):
    return [module.InferRequestedOutput(name, binary_data=binary) for name in ("output", "states.0")]


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
        "server": client.get_server_metadata()["name"],
        "extensions": client.get_server_metadata()["extensions"],
        "inputs": client.get_model_metadata(MODEL)["inputs"],
        "config": client.get_model_config(MODEL)["input"],
        "index": client.get_model_repository_index(),
        "unloaded": client.unload_model(MODEL),
        "loaded": client.load_model(MODEL),
    }


def statistics(client):
    def count():
        (own,) = client.get_inference_statistics(MODEL)["model_stats"]
        return [own["inference_count"], own["execution_count"], own["inference_stats"]["fail"]["count"]]

    before = count()
    client.infer(MODEL, inputs([1, 2, 3]))
    refusal(lambda: client.infer("sum", inputs([1]), outputs=[http.InferRequestedOutput("none")]))
    every = client.get_inference_statistics()["model_stats"]
    return {"added": [b - a for a, b in zip(before, count())], "models": [one["name"] for one in every]}


def tensors(client):
    """JSON and binary, in and out, with every compression both ways."""
    found = []
    for binary_in in (True, False):
        for binary_out in (True, False, None):
            for sent in (None, "gzip", "deflate"):
                for received in (None, "gzip", "deflate"):
                    result = client.infer(
                        MODEL,
                        inputs([1.5, -2], binary=binary_in),
                        outputs=None if binary_out is None else outputs(binary_out),
                        request_id="r",
                        request_compression_algorithm=sent,
                        response_compression_algorithm=received,
                    )
                    assert result.get_response()["id"] == "r"
                    found.append([result.as_numpy(name).tolist() for name in ("output", "states.0")])
    return found


def non_finite(client):
    found = []
    for binary in (True, False):
        values = [np.nan, np.inf, -np.inf]
        result = client.infer(MODEL, inputs(values, binary=binary), outputs=outputs(binary))
        found.append([str(value) for value in result.as_numpy("output").ravel()])
    return found


def sequences(client):
    """The running sum of Triton's simple_http_sequence_sync_infer_client, of sequences that take turns."""
    sums = {str(type(one).__name__) + str(one): [] for one in SEQUENCES}
    values = [11, 7, 5, 3, 2, 0, 1]
    for i, value in enumerate(values):
        for one, factor in SEQUENCES.items():
            got = step(client, one, factor * value, start=i == 0, end=i == len(values) - 1)
            sums[str(type(one).__name__) + str(one)].append(got / factor)
    return list(sums.values())


def once(client):
    more = {"parameters": {"cellstep_idempotency": True}}
    first = [step(client, 77, 1, start=True, request_id="k1", **more) for _ in range(2)]
    second = [step(client, 77, 2, request_id="k2", **more) for _ in range(2)]
    last = [step(client, 77, 3, end=True, request_id="k3", **more) for _ in range(2)]
    return [first, second, last]


def refusals(client):
    wide = http.InferInput("inputs", [1, 2], "FP32")
    wide.set_data_from_numpy(np.zeros((1, 2), np.float32))
    text = http.InferInput("inputs", [1, 1], "BYTES")
    text.set_data_from_numpy(np.array([["x"]], dtype=np.object_))
    return {
        "shape": refusal(lambda: client.infer(MODEL, [wide])),
        "datatype": refusal(lambda: client.infer(MODEL, [text])),
        "model": refusal(lambda: client.infer("none", inputs([1]))),
        "version": refusal(lambda: client.infer(MODEL, inputs([1]), model_version="9")),
        "no start": refusal(lambda: step(client, 123456, 1)),
        "shared memory": refusal(lambda: client.get_system_shared_memory_status()),
    }


def in_parallel(client):
    pending = [client.async_infer(MODEL, inputs([i]), outputs=outputs(True)) for i in range(20)]
    return [one.get_result().as_numpy("output").item() for one in pending]


async def asynchronous(url):
    async with aio.InferenceServerClient(url) as client:
        found = []
        for binary in (True, False):
            for coding in (None, "gzip", "deflate"):
                result = await client.infer(
                    MODEL,
                    inputs([4], aio, binary),
                    outputs=outputs(binary, aio),
                    request_compression_algorithm=coding,
                    response_compression_algorithm=coding,
                )
                found.append(result.as_numpy("output").item())

        async def run(one, factor):
            total = 0
            for i in range(5):
                result = await client.infer(
                    MODEL, inputs([factor], aio), sequence_id=one, sequence_start=i == 0, sequence_end=i == 4
                )
                total = result.as_numpy("output").item()
            return total / factor

        sums = await asyncio.gather(*(run(one, factor) for one, factor in SEQUENCES.items()))
        try:
            await client.infer("none", inputs([1], aio))
            refused = None
        except InferenceServerException as error:
            refused = {"status": error.status(), "text": error.message()}
        return {
            "ready": [await client.is_server_live(), await client.is_server_ready(), await client.is_model_ready(MODEL)],
            "names": [
                (await client.get_server_metadata())["name"],
                (await client.get_model_metadata(MODEL))["name"],
                (await client.get_model_config(MODEL))["name"],
                (await client.get_model_repository_index())[0]["name"],
                (await client.get_inference_statistics(MODEL))["model_stats"][0]["name"],
            ],
            "outputs": found,
            "sums": list(sums),
            "refused": refused,
        }


def check(url):
    client = http.InferenceServerClient(url, concurrency=4)
    for act in (metadata, statistics, tensors, non_finite, sequences, once, refusals, in_parallel):
        print(json.dumps({act.__name__: act(client)}), flush=True)
    print(json.dumps({"asynchronous": asyncio.run(asynchronous(url))}), flush=True)
    client.close()


def begin(url):
    with http.InferenceServerClient(url) as client:
        for one, factor in SEQUENCES.items():
            step(client, one, factor, start=True)
            step(client, one, factor)
    print(json.dumps({"begun": len(SEQUENCES)}))


def go_on(url):
    with http.InferenceServerClient(url) as client:
        print(json.dumps({"sums": [step(client, one, factor, end=True) / factor for one, factor in SEQUENCES.items()]}))


if __name__ == "__main__":
    {"check": check, "begin": begin, "go-on": go_on}[sys.argv[1]](sys.argv[2])
