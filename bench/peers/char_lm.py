"""Times a language model over characters in PyTorch and Keras, one thread: a line of JSON in, a line of JSON out.

{"what": "training" | "step" | "keras", "ms"} → nanoseconds of one call; {"what": "onnx", "path"} writes the model there.
"""

import json
import os
import sys

os.environ["KERAS_BACKEND"] = "torch"

import numpy as np
import torch
from torch import nn

from measure import measure

torch.set_num_threads(1)
torch.manual_seed(0)
LETTERS, WIDTH, UNITS, BATCH, TIME = 96, 32, 128, 32, 64


class CharLm(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(LETTERS, WIDTH)
        self.gru = nn.GRU(WIDTH, UNITS, batch_first=True)
        self.head = nn.Linear(UNITS, LETTERS)

    def forward(self, x, h=None):
        y, h = self.gru(self.embedding(x), h)
        return self.head(y), h


def training():
    model = CharLm()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
    loss = nn.CrossEntropyLoss()
    x = torch.randint(0, LETTERS, (BATCH, TIME))
    y = torch.randint(0, LETTERS, (BATCH * TIME,))

    def call():
        optimizer.zero_grad()
        value = loss(model(x)[0].reshape(-1, LETTERS), y)
        value.backward()
        optimizer.step()
        return value.item()

    return call


def step():
    model = CharLm().eval()
    x = torch.tensor([[3]])
    h = torch.zeros(1, 1, UNITS)

    def call():
        with torch.inference_mode():
            logits, state = model(x, h)
            return torch.softmax(logits, -1), state

    return call


def keras_step():
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            layers.Embedding(LETTERS, WIDTH),
            layers.GRU(UNITS, return_sequences=True),
            layers.Dense(LETTERS, activation="softmax"),
        ]
    )
    x = np.array([[3]], "int32")
    return lambda: model.predict_on_batch(x)


def write_onnx(path):
    """Tokens [1, 1] and h [1, 1, units] to probabilities and the next h, by the operators that exporters use."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    draw = np.random.default_rng(1)
    weights = {
        "table": draw.normal(0, 0.1, (LETTERS, WIDTH)),
        "W": draw.normal(0, 0.1, (1, 3 * UNITS, WIDTH)),
        "R": draw.normal(0, 0.1, (1, 3 * UNITS, UNITS)),
        "B": draw.normal(0, 0.1, (1, 6 * UNITS)),
        "kernel": draw.normal(0, 0.1, (UNITS, LETTERS)),
        "bias": draw.normal(0, 0.1, (LETTERS,)),
    }
    nodes = [
        helper.make_node("Gather", ["table", "x"], ["embedded"]),
        helper.make_node("GRU", ["embedded", "W", "R", "B", "", "h"], ["", "next"], hidden_size=UNITS, linear_before_reset=1),
        helper.make_node("Squeeze", ["next", "axes"], ["row"]),
        helper.make_node("Gemm", ["row", "kernel", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    info = lambda name, kind, shape: helper.make_tensor_value_info(name, kind, shape)
    constants = [numpy_helper.from_array(value.astype("float32"), name) for name, value in weights.items()]
    constants.append(numpy_helper.from_array(np.array([0], "int64"), "axes"))
    graph = helper.make_graph(
        nodes,
        "char_lm",
        [info("x", TensorProto.INT64, [1, 1]), info("h", TensorProto.FLOAT, [1, 1, UNITS])],
        [info("probabilities", TensorProto.FLOAT, [1, LETTERS]), info("next", TensorProto.FLOAT, [1, 1, UNITS])],
        constants,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8), path)


MAKERS = {"training": training, "step": step, "keras": keras_step}
made = {}


def answer(request):
    what = request["what"]
    if what == "versions":
        import keras

        return [f"PyTorch {torch.__version__}", f"Keras {keras.__version__}", f"Python {sys.version.split()[0]}"]
    if what == "onnx":
        return write_onnx(request["path"])
    if what not in made:
        made[what] = MAKERS[what]()
    return measure(made[what], request["ms"])


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
