"""Runs composites of Keras in training, each cell drawing its dropout from its own seed, and writes composite_training.json.

    pip install keras==3.15.1 tensorflow-cpu==2.21.0
    KERAS_BACKEND=tensorflow python make_composite_training.py
"""

import json
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import tensorflow as tf

layers = keras.layers
draw = np.random.default_rng(3)


def tensor(array):
    array = np.asarray(array, np.float32)
    return {"shape": list(array.shape), "data": [float(str(x)) for x in array.ravel()]}


def names(layer):
    """The variables of a layer by their places in it."""
    if isinstance(layer, layers.Bidirectional):
        parts = {"forward_layer": layer.forward_layer, "backward_layer": layer.backward_layer}
    elif isinstance(layer, layers.StackedRNNCells):
        parts = {f"cells.{k}": cell for k, cell in enumerate(layer.cells)}
    elif isinstance(layer, layers.RNN):
        return names(layer.cell)
    else:
        return {"kernel": layer.kernel, "recurrent_kernel": layer.recurrent_kernel, "bias": layer.bias}
    return {f"{part}.{name}": value for part, inner in parts.items() for name, value in names(inner).items()}


def case(name, layer, time):
    inputs = draw.normal(0, 1, (2, time, 3)).astype(np.float32)
    layer.build(inputs.shape)
    for variable in names(layer).values():
        variable.assign(draw.normal(0, 0.6, variable.shape))
    serialized = keras.saving.serialize_keras_object(layer)
    return {
        "name": name,
        "class_name": serialized["class_name"],
        "config": serialized["config"],
        "weights": {name: tensor(value) for name, value in names(layer).items()},
        "inputs": tensor(inputs),
        "outputs": tensor(layer(inputs, training=True)),
    }


def cell(kind, units, seed):
    return kind(units, dropout=0.4, recurrent_dropout=0.3, seed=seed)


cases = [
    case("RNN_of_a_cell", layers.RNN(cell(layers.GRUCell, 4, 5), return_sequences=True), 3),
    case("stack", layers.RNN([cell(layers.LSTMCell, 4, 9), cell(layers.GRUCell, 3, 2), cell(layers.SimpleRNNCell, 2, 9)]), 4),
    case("Bidirectional", layers.Bidirectional(layers.LSTM(3, dropout=0.5, seed=11, return_sequences=True)), 3),
]
lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
version = f"{keras.__version__} (tensorflow {tf.__version__})"
text = f'{{\n"framework": "keras",\n"framework_version": "{version}",\n"cases": [\n{lines}\n]\n}}\n'
Path(__file__).with_name("composite_training.json").write_text(text)
