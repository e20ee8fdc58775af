"""Times PyTorch's cells, one thread: a line of JSON in, the nanoseconds of one call out."""

import json
import sys

import torch

from measure import measure

torch.set_num_threads(1)
modules = {}


def make(kind, features, units, batch, steps):
    if steps > 1:
        module = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind](features, units)
        x = torch.rand(steps, batch, features)
        lead = (1, batch, units)
    else:
        module = {"lstm": torch.nn.LSTMCell, "gru": torch.nn.GRUCell}[kind](features, units)
        x = torch.rand(batch, features)
        lead = (batch, units)
    h = torch.zeros(lead)
    state = (h, torch.zeros(lead)) if kind == "lstm" else h
    return lambda: module(x, state)


with torch.inference_mode():
    for line in sys.stdin:
        request = json.loads(line)
        if request.get("versions"):
            print(json.dumps([f"PyTorch {torch.__version__}", f"Python {sys.version.split()[0]}"]), flush=True)
            continue
        key = (request["kind"], request["features"], request["units"], request["batch"], request["time"])
        if key not in modules:
            modules.clear()
            modules[key] = make(*key)
        print(json.dumps(measure(modules[key], request["ms"])), flush=True)
