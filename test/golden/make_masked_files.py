"""Models whose graph computes its masks itself, as Keras 3 saves them, and what they give.

python make_masked_files.py DIRECTORY, with test/interop/requirements-tensorflow.txt. Writes <name>.keras, <name>.h5 and
expected.json: {name: {"inputs", "output"}}. Keras itself cannot open these .h5 files: it misses the classes of operators.
"""

import json
import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
from keras import layers as L

directory = sys.argv[1]
rng = np.random.default_rng(11)
IDS = np.array([[1, 2, 0, 3, 0], [0, 4, 4, 0, 2]], "int32")
VECTORS = rng.uniform(-1, 1, (2, 5, 3)).astype("float32")
VECTORS[0, 1:3] = VECTORS[1, 0] = 0.5


def tokens():
    return keras.Input((5,), dtype="int32", name="ids")


def vectors(width=3, name="vectors"):
    return keras.Input((5, width), name=name)


def embedded(ids, name="embedding"):
    return L.Embedding(5, 3, mask_zero=True, name=name)(ids)


def embedding_gru():
    ids = tokens()
    return keras.Model(ids, L.GRU(3, name="gru")(embedded(ids)))


def embedding_lstm_dense():
    ids = tokens()
    return keras.Model(ids, L.Dense(2, name="head")(L.LSTM(3, return_sequences=True, name="lstm")(embedded(ids))))


def two_layers():
    ids = tokens()
    first = L.LSTM(3, return_sequences=True, name="first")(embedded(ids))
    second = L.GRU(2, return_sequences=True, zero_output_for_mask=True, name="second")(first)
    return keras.Model(ids, L.TimeDistributed(L.Dense(2), name="head")(second))


def masking_gru():
    inputs = vectors()
    return keras.Model(inputs, L.GRU(3, name="gru")(L.Masking(0.5, name="masking")(inputs)))


def masking_both():
    inputs = vectors()
    masked = L.Masking(0.5, name="masking")(inputs)
    both = L.Bidirectional(L.GRU(2, return_sequences=True), name="both")(masked)
    return keras.Model(inputs, L.Bidirectional(L.LSTM(2), name="top")(L.Dropout(0.5, name="drop")(both)))


def added():
    ids = tokens()
    left, right = embedded(ids, "left"), embedded(ids, "right")
    return keras.Model(ids, L.GRU(3, name="gru")(L.Add(name="add")([left, right])))


def joined():
    ids = tokens()
    return keras.Model(ids, L.LSTM(3, name="lstm")(L.Concatenate(name="join")([embedded(ids), embedded(ids, "more")])))


def joined_with_unmasked():
    inputs = vectors()
    join = L.Concatenate(name="join")([L.Masking(0.5, name="masking")(inputs), inputs])
    return keras.Model(inputs, L.GRU(3, name="gru")(join))


def operator():
    """x + y has no mask, though both have."""
    ids = tokens()
    return keras.Model(ids, L.GRU(3, name="gru")(embedded(ids, "left") + embedded(ids, "right")))


def nested():
    inputs, inner = vectors(), vectors(name="inside")
    within = L.GRU(3, return_sequences=True, name="gru")(L.Masking(0.5, name="again")(inner))
    model = keras.Model(inner, within, name="inner")
    return keras.Model(inputs, L.GRU(2, name="top")(model(L.Masking(0.5, name="masking")(inputs))))


def own_mask():
    """A mask that no layer makes."""
    inputs = vectors()
    mask = keras.ops.any(keras.ops.not_equal(inputs, 0.5), axis=-1)
    return keras.Model(inputs, L.GRU(3, name="gru")(L.Dense(3, name="dense")(inputs), mask=mask))


def as_json(value):
    return {"shape": list(value.shape), "data": [float(x) for x in value.reshape(-1)]}


MODELS = [
    *(embedding_gru, embedding_lstm_dense, two_layers, masking_gru, masking_both),
    *(added, joined, joined_with_unmasked, operator, nested, own_mask),
]
expected = {}
for make in MODELS:
    model = make()
    for variable in model.weights:
        variable.assign(rng.uniform(-0.8, 0.8, variable.shape).astype("float32"))
    inputs = IDS if model.inputs[0].name == "ids" else VECTORS
    expected[make.__name__] = {"inputs": as_json(inputs), "output": as_json(np.asarray(model(inputs)))}
    for extension in ("keras", "h5"):
        model.save(f"{directory}/{make.__name__}.{extension}")

with open(f"{directory}/expected.json", "w") as file:
    json.dump(expected, file, separators=(",", ":"))
    file.write("\n")
