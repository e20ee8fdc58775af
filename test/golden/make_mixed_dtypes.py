"""Writes mixed_dtypes.json: Keras layers whose dtype is not that of their cells, run on TensorFlow.

    pip install keras==3.15.1 tensorflow-cpu==2.21.0 && python make_mixed_dtypes.py
"""

import json
import os

os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
from keras import layers

PAIRS = [
    ("float64", "float32"), ("float32", "float64"), ("float16", "float32"), ("float32", "float16"),
    ("bfloat16", "float32"), ("float32", "bfloat16"), ("bfloat16", "float16"), ("float16", "float64"),
    ("mixed_float16", "float32"), ("float64", "mixed_bfloat16"),
]
MASK = np.array([[True, True, False, True, True], [True, False, True, True, False]])
rng = np.random.default_rng(20)
INPUTS = rng.uniform(-2, 2, (2, 5, 3)).astype("float32")


def uniform(seed):
    return keras.initializers.RandomUniform(-0.8, 0.8, seed=seed)


def options(seed):
    return {
        "kernel_initializer": uniform(seed),
        "recurrent_initializer": uniform(seed + 1),
        "bias_initializer": uniform(seed + 2),
    }


def made(outer, inner):
    """The same kinds of layers for each pair of dtypes."""
    gru = lambda: layers.GRUCell(3, dtype=inner, **options(1))
    lstm = lambda dtype: layers.LSTMCell(2, dtype=dtype, **options(4))
    run = {"dtype": outer, "return_sequences": True, "return_state": True}
    side = lambda backwards: layers.RNN(gru(), dtype=inner if backwards else outer, return_sequences=True,
                                        return_state=True, go_backwards=backwards)
    yield "RNN(GRUCell)", layers.RNN(gru(), **run), True
    yield "RNN(LSTMCell) backwards", layers.RNN(lstm(inner), go_backwards=True, **run), True
    # TensorFlow takes no mask where a state's dtype differs from its stack's.
    stack = layers.StackedRNNCells([gru(), lstm(outer)], dtype="float32")
    yield "RNN(StackedRNNCells)", layers.RNN(stack, **run), False
    for merge in ("concat", "ave"):
        yield f"Bidirectional {merge}", layers.Bidirectional(
            side(False), backward_layer=side(True), merge_mode=merge, dtype="float32"), True


def numbers(tensor):
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float64"))).tolist()


def called(layer, mask):
    output, *states = layer(INPUTS, mask=mask)
    return {
        "dtype": keras.backend.standardize_dtype(output.dtype),
        "output": numbers(output),
        "states": [numbers(state) for state in keras.tree.flatten(states)],
    }


def cases():
    for outer, inner in PAIRS:
        for name, layer, masked in made(outer, inner):
            layer.build(INPUTS.shape)
            yield {
                "name": f"{name}, {outer} around {inner}",
                "layer": keras.saving.serialize_keras_object(layer),
                "weights": [numbers(weight) for weight in layer.weights],
                "plain": called(layer, None),
                "masked": called(layer, MASK) if masked else None,
            }


path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mixed_dtypes.json")
with open(path, "w") as file:
    whole = {"keras": keras.__version__, "inputs": INPUTS.tolist(), "mask": MASK.astype(int).tolist(), "cases": list(cases())}
    json.dump(whole, file, separators=(",", ":"))
    file.write("\n")
