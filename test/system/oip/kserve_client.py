"""Drives a service with the REST client of KServe. Prints one object of JSON. Usage: kserve_client.py check URL"""

import asyncio
import json
import sys

import httpx
import numpy as np
from kserve import InferInput, InferRequest
from kserve.inference_client import InferenceRESTClient, RESTConfig

MODEL = "sum"


def request(values, binary, parameters=None):
    array = np.array(values, dtype=np.float32).reshape(-1, 1)
    tensor = InferInput("inputs", list(array.shape), "FP32")
    tensor.set_data_from_numpy(array, binary_data=binary)
    return InferRequest(model_name=MODEL, infer_inputs=[tensor], parameters=parameters or {})


async def check(url):
    client = InferenceRESTClient(RESTConfig(protocol="v2"))

    async def infer(values, binary=False, parameters=None, model=MODEL):
        reply = await client.infer(url, request(values, binary, parameters), model_name=model)
        return reply.outputs[0].as_numpy().ravel().tolist()

    found = {
        "live": await client.is_server_live(url),
        "ready": await client.is_server_ready(url),
        "model_ready": await client.is_model_ready(url, MODEL),
        "outputs": [await infer([1.5, -2], binary) for binary in (False, True)],
        "sums": [],
    }
    for i in range(4):
        flags = {"sequence_id": "kserve", "sequence_start": i == 0, "sequence_end": i == 3}
        found["sums"] += await infer([1], i % 2 == 0, flags)
    try:
        await infer([1], model="none")
    except httpx.HTTPStatusError as error:
        found["refused"] = str(error).split(",")[0]
    await client.close()
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run({"check": check}[sys.argv[1]](sys.argv[2]))
