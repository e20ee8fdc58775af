"""Files whose configurations or weights do not stand where one looks first, and what the libraries compute from them.

python make_odd_files.py DIRECTORY, with test/interop/requirements.txt and, for the exports of torch.onnx, onnxscript.
expected.json: {"keras": {file stem: {layer: {"class", "inputs", "output"}}}, "onnx": {file: {"inputs", "output"}}}.
The inputs of a layer are drawn; its output is what the layer itself computes from them, whatever stands around it.
"""

import json
import os
import sys

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import onnx
import onnxruntime
import torch

directory = sys.argv[1]
rng = np.random.default_rng(7)
layers, Input = keras.layers, keras.Input


@keras.saving.register_keras_serializable(package="Odd")
class MyGRU(layers.GRU):
    pass


@keras.saving.register_keras_serializable(package="Odd")
class Block(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.gru = layers.GRU(units, activation="relu", name="inner")

    def build(self, shape):
        self.gru.build(shape)

    def call(self, inputs):
        return self.gru(inputs)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="Odd")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.rnn = layers.LSTM(3, activation="relu", name="rnn")
        self.head = layers.Dense(1)

    def call(self, inputs):
        return self.head(self.rnn(inputs))


def sequential(name, *parts, shape=(None, 3), **options):
    return keras.Sequential([Input(shape, **options), *parts], name=name)


def per_step():
    inner = sequential("per_step", layers.GRU(3, activation="relu", name="deep"))
    inputs = Input((2, None, 3))
    steps = layers.TimeDistributed(inner, name="steps")(inputs)
    return keras.Model(inputs, layers.LSTM(2, name="top")(steps), name="per_step_model")


def frozen_stack():
    cells = [layers.LSTMCell(3, name="a"), layers.GRUCell(3, name="b"), layers.GRUCell(3, name="c")]
    model = sequential("frozen_stack", layers.RNN(cells, name="stack"))
    cells[0].trainable = False
    return model


def frozen_direction():
    both = layers.Bidirectional(layers.GRU(3, name="gru"), name="both")
    model = sequential("frozen_direction", both)
    both.forward_layer.trainable = False
    return model


def unequal():
    forward = layers.RNN([layers.GRUCell(3, name="f0"), layers.LSTMCell(2, name="f1")], name="there")
    backward = layers.RNN(layers.GRUCell(4, name="b0"), go_backwards=True, name="back")
    return sequential("unequal", layers.Bidirectional(forward, backward_layer=backward, name="both"))


def nested():
    encoder = sequential("encoder", layers.LSTM(3, return_sequences=True, name="rnn"))
    decoder = sequential("decoder", layers.LSTM(3, activation="relu", name="rnn"), layers.Dense(2, name="head"))
    inputs = Input((None, 3))
    return keras.Model(inputs, decoder(encoder(inputs)), name="nested")


def steps_of(layer, name):
    return sequential(name, layers.TimeDistributed(layer, name="steps"), shape=(2, None, 3))


MODELS = {
    "per_step_lstm": lambda: steps_of(layers.LSTM(4, activation="relu", return_sequences=True, name="inner"), "m"),
    "per_step_both": lambda: steps_of(layers.Bidirectional(layers.GRU(3), merge_mode="sum", name="both"), "m"),
    "per_step_model": per_step,
    "registered": lambda: sequential("registered", MyGRU(3, activation="relu", name="mine")),
    "custom": lambda: sequential("custom", Block(3, name="block")),
    "subclassed": Subclassed,
    "frozen_stack": frozen_stack,
    "frozen_direction": frozen_direction,
    "unequal": unequal,
    "nested": nested,
    "bfloat16": lambda: sequential(
        "m", layers.GRU(3, dtype="bfloat16", recurrent_initializer="glorot_uniform", name="half")
    ),
    "stateful": lambda: keras.Sequential(
        [Input(batch_shape=(2, 4, 3)), layers.LSTM(3, stateful=True, name="keeps")], name="stateful"
    ),
}
RECURRENT = (layers.SimpleRNN, layers.GRU, layers.LSTM, layers.RNN, layers.Bidirectional)


def recurrent_layers(layer, path=()):
    """The recurrent layers inside one, each with the names of what it stands in."""
    if isinstance(layer, RECURRENT):
        return [((*path, layer.name), layer)]
    inner = [getattr(layer, name) for name in ("layer", "gru", "rnn") if hasattr(layer, name)]
    inner = [one for one in inner if isinstance(one, keras.layers.Layer)] or list(getattr(layer, "layers", []))
    return [found for one in inner for found in recurrent_layers(one, (*path, layer.name))]


def as_json(value):
    value = np.asarray(value)
    return {"shape": list(value.shape), "data": [float(x) for x in value.reshape(-1)]}


def drawn(shape):
    return rng.uniform(-1.5, 1.5, shape).astype("float32")


def keras_files():
    expected = {}
    for stem, make in MODELS.items():
        keras.utils.set_random_seed(3)
        model = make()
        model(drawn((2, 2, 4, 3) if stem.startswith("per_step") else (2, 4, 3)))
        for variable in model.weights:
            variable.assign(rng.uniform(-0.8, 0.8, variable.shape).astype("float32"))
        model.save(f"{directory}/{stem}.keras")
        if stem not in ("registered", "custom", "subclassed"):
            model.save(f"{directory}/{stem}.h5")
        expected[stem] = {}
        for path, layer in recurrent_layers(model):
            if hasattr(layer, "reset_state") and getattr(layer, "stateful", False):
                layer.reset_state()
            features = layer.weights[0].shape[0]
            inputs = drawn((2, 4, features))
            output = keras.ops.convert_to_numpy(keras.ops.cast(layer(inputs), "float32"))
            name = "/".join(path[1:])
            expected[stem][name] = {
                "class": type(layer).__name__, "inputs": as_json(inputs), "output": as_json(output)
            }  # fmt: skip
    return expected


class Net(torch.nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.rnn = getattr(torch.nn, kind)(3, 4, **options)

    def forward(self, inputs):
        return self.rnn(inputs)[0]


NETS = {
    "dynamo_gru": ("GRU", {}, {}),
    "dynamo_lstm_both": ("LSTM", {"bidirectional": True}, {}),
    "dynamo_gru_unfolded": ("GRU", {"bidirectional": True}, {"optimize": False}),
    "dynamo_lstm_unfolded": ("LSTM", {}, {"optimize": False}),
}


def lean(path):
    """Without what torch notes of each node, and without a data file that has nothing."""
    model = onnx.load(path, load_external_data=False)
    for part in (*model.graph.node, *model.graph.initializer, *model.graph.value_info):
        del part.metadata_props[:]
    onnx.save(model, path)
    if os.path.getsize(f"{path}.data") == 0:
        os.remove(f"{path}.data")


def onnx_files():
    expected = {}
    for stem, (kind, options, export) in NETS.items():
        torch.manual_seed(5)
        net, inputs = Net(kind, **options).eval(), torch.from_numpy(drawn((5, 2, 3)))
        path = f"{directory}/{stem}.onnx"
        torch.onnx.export(net, (inputs,), path, dynamo=True, **export)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (output,) = session.run(None, {session.get_inputs()[0].name: inputs.numpy()})
        expected[f"{stem}.onnx"] = {"inputs": as_json(inputs), "output": as_json(output)}
        lean(path)
    # All of the weights beside the model, as for one of more than 2 GB.
    model = onnx.load(f"{directory}/dynamo_gru.onnx")
    onnx.save(model, f"{directory}/beside.onnx", save_as_external_data=True, location="beside.bin", size_threshold=0)
    os.chmod(f"{directory}/beside.bin", 0o644)
    expected["beside.onnx"] = expected["dynamo_gru.onnx"]
    return expected


with open(f"{directory}/expected.json", "w") as file:
    json.dump({"keras": keras_files(), "onnx": onnx_files()}, file, separators=(",", ":"))
    file.write("\n")
