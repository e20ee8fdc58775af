"""LSTM steps by FastAPI and PyTorch on one thread, as people write them and tuned. Prints its port.

/plain/...: pydantic bodies, dicts as replies. /tuned/...: orjson by hand; /binary/...: float32 bytes, inputs then states.
.../steps/{units}: the client carries the state. .../sessions/{id}: the service keeps it, in memory, for 64 units.
"""

import socket

import fastapi
import numpy as np
import orjson
import torch
import uvicorn
from pydantic import BaseModel

torch.set_num_threads(1)
FEATURES = {64: 16, 512: 512}
cells = {units: torch.nn.LSTMCell(features, units) for units, features in FEATURES.items()}
app = fastapi.FastAPI()
sessions = {}


class Step(BaseModel):
    inputs: list[list[float]]
    states: list[list[list[float]]]


class SessionStep(BaseModel):
    inputs: list[list[float]]


def advance(units, x, h, c):
    with torch.inference_mode():
        return cells[units](x, (h, c))


def advance_session(key, x):
    zeros = torch.zeros(1, 64)
    state, step = sessions.get(key, ((zeros, zeros), 0))
    state = advance(64, x, *state)
    sessions[key] = (state, step + 1)
    return state[0], step + 1


@app.post("/plain/steps/{units}")
async def plain_step(units: int, body: Step):
    h, c = advance(units, torch.tensor(body.inputs), torch.tensor(body.states[0]), torch.tensor(body.states[1]))
    output = h.tolist()
    return {"output": output, "states": [output, c.tolist()], "cell_version": 1}


@app.post("/plain/sessions/{key}")
async def plain_session(key: str, body: SessionStep):
    output, step = advance_session(key, torch.tensor(body.inputs))
    return {"output": output.tolist(), "step": step, "cell_version": 1}


def as_json(value):
    return fastapi.Response(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")


def tensor(rows):
    return torch.from_numpy(np.array(rows, dtype=np.float32))


@app.post("/tuned/steps/{units}")
async def tuned_step(units: int, request: fastapi.Request):
    body = orjson.loads(await request.body())
    h, c = advance(units, tensor(body["inputs"]), tensor(body["states"][0]), tensor(body["states"][1]))
    h, c = h.numpy(), c.numpy()
    return as_json({"output": h, "states": [h, c], "cell_version": 1})


@app.post("/tuned/sessions/{key}")
async def tuned_session(key: str, request: fastapi.Request):
    body = orjson.loads(await request.body())
    output, step = advance_session(key, tensor(body["inputs"]))
    return as_json({"output": output.numpy(), "step": step, "cell_version": 1})


@app.post("/binary/steps/{units}")
async def binary_step(units: int, request: fastapi.Request):
    features = FEATURES[units]
    values = torch.frombuffer(bytearray(await request.body()), dtype=torch.float32)
    x, h, c = values[:features], values[features : features + units], values[features + units :]
    h, c = advance(units, x[None], h[None], c[None])
    return fastapi.Response(torch.cat((h, c)).numpy().tobytes(), media_type="application/octet-stream")


@app.post("/binary/sessions/{key}")
async def binary_session(key: str, request: fastapi.Request):
    values = torch.frombuffer(bytearray(await request.body()), dtype=torch.float32)
    output, _ = advance_session(key, values[None])
    return fastapi.Response(output.numpy().tobytes(), media_type="application/octet-stream")


if __name__ == "__main__":
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, loop="uvloop", http="httptools", log_level="warning", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])
