"""The tutorial of cellstep: 6, then 22, tanh of ±infinity, and a session that keeps its state."""

import math
import os

import cellstep

ONES = {"units": 1, "activation": None, "kernel_initializer": "ones", "recurrent_initializer": "ones"}
THREE = {"class_name": "Constant", "config": {"value": 3}}

with cellstep.Client(os.environ.get("CELLSTEP", "http://127.0.0.1:8080"), key=os.environ.get("CELLSTEP_KEY")) as client:
    cell = client.create_cell("SimpleRNNCell", {**ONES, "bias_initializer": THREE})
    first = cell.step([[2]], [[[1]]])
    print("2·1 + 1·1 + 3 =", first.output.item())
    cell2 = client.create_cell("SimpleRNNCell", {**ONES, "recurrent_initializer": THREE, "bias_initializer": "ones"})
    print("3·1 + 6·3 + 1 =", cell2.step([[3]], first.states).output.item())
    print("tanh =", client.op("tanh", [-math.inf, 6, math.inf]))

    # A session keeps its hidden state in the service. Each step happens once, however often it had to be sent.
    with client.session(cell) as session:
        for x in (2, 3):
            print("step", x, "→", session.step([[x]]).item())
