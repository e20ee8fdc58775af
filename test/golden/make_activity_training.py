"""Trains models of Keras whose outputs cost something, and writes training/activity.json in the form of networks_training.json.

    pip install keras==3.15.1 tensorflow==2.21.0
    KERAS_BACKEND=tensorflow python make_activity_training.py
"""

import json
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np

layers, L1, L2, L1L2 = keras.layers, keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2
draw = np.random.default_rng(11)
STEPS = 8


def tensor(array, dtype=None):
    array = np.asarray(array)
    shown = {"shape": list(array.shape), "data": [float(str(x)) for x in array.astype("float32").ravel()]}
    return {**shown, **({"dtype": dtype} if dtype else {})}



def names(model, prefix=""):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from names(layer, f"{prefix}{layer.name}.")
        elif isinstance(layer, layers.Bidirectional):
            for side in ("forward_layer", "backward_layer"):
                for variable in getattr(layer, side).trainable_variables:
                    yield f"{prefix}{layer.name}.{side}.{variable.name}", variable
        else:
            for variable in layer.trainable_variables:
                yield f"{prefix}{layer.name}.{variable.name}", variable


def case(name, model, inputs, targets, loss, optimizer):
    for variable in model.trainable_variables:
        variable.assign(draw.normal(0, 0.5, variable.shape))
    serialized = keras.saving.serialize_keras_object(model)
    variables = dict(names(model))
    before = {key: tensor(value.numpy()) for key, value in variables.items()}
    model.compile(optimizer=optimizer, loss=loss)
    losses = []
    for _ in range(STEPS):
        model.reset_metrics()
        losses.append(float(str(np.float32(model.train_on_batch(inputs, targets)))))
    return {
        "name": name,
        "model": {"class_name": serialized["class_name"], "config": serialized["config"]},
        "weights": before,
        "inputs": tensor(inputs),
        "targets": tensor(targets),
        "loss": {"class_name": type(loss).__name__, "config": loss.get_config()},
        "optimizer": {"class_name": type(optimizer).__name__, "config": optimizer.get_config()},
        "losses": losses,
        "weights_after": {key: tensor(value.numpy()) for key, value in variables.items()},
    }


def words():
    return draw.integers(0, 7, (3, 5)).astype("int32")


def numbers(*shape):
    return draw.normal(0, 1, shape).astype("float32")


inner = keras.Sequential(
    [keras.Input((None, 4)), layers.LSTM(3, return_sequences=True, activity_regularizer=L1(0.02), name="within")],
    name="model_within",
)
cases = [
    case(
        "tagger",
        keras.Sequential(
            [
                keras.Input((None,)),
                layers.Embedding(7, 4, mask_zero=True),
                layers.GRU(5, return_sequences=True, activity_regularizer=L2(0.03)),
                layers.Dense(4, activation="relu", activity_regularizer=L1(0.01)),
                layers.ActivityRegularization(l1=0.02, l2=0.01),
                layers.Dense(3),
            ]
        ),
        words(),
        numbers(3, 5, 3),
        keras.losses.MeanSquaredError(),
        keras.optimizers.SGD(0.1),
    ),
    case(
        "last_output",
        keras.Sequential(
            [
                keras.Input((None, 2)),
                layers.LSTM(4, activity_regularizer=L1L2(0.01, 0.02)),
                layers.LayerNormalization(activity_regularizer=L2(0.01)),
                layers.Dense(2, activation="softmax"),
            ]
        ),
        numbers(4, 6, 2),
        np.eye(2, dtype="float32")[[0, 1, 1, 0]],
        keras.losses.CategoricalCrossentropy(),
        keras.optimizers.Adam(0.02),
    ),
    case(
        "both_directions_and_a_model_within",
        keras.Sequential(
            [
                keras.Input((None, 2)),
                layers.Bidirectional(layers.GRU(2, return_sequences=True), activity_regularizer=L2(0.05)),
                inner,
                layers.Dense(1, activity_regularizer=L2(0.01)),
            ]
        ),
        numbers(2, 4, 2),
        numbers(2, 4, 1),
        keras.losses.MeanAbsoluteError(),
        keras.optimizers.RMSprop(0.01),
    ),
]

cases.append(
    case(
        "within_wrappers",
        keras.Sequential(
            [
                keras.Input((None, 2)),
                layers.Bidirectional(
                    layers.LSTM(2, return_sequences=True, activity_regularizer=L2(0.05)),
                    backward_layer=layers.GRU(
                        2, return_sequences=True, go_backwards=True, activity_regularizer=L1(0.03)
                    ),
                    activity_regularizer=L1(0.01),
                ),
                # Keras calls this layer past what counts: it costs nothing.
                layers.TimeDistributed(layers.Dense(3, activity_regularizer=L2(0.5))),
                layers.Bidirectional(
                    layers.RNN(layers.GRUCell(2), activity_regularizer=L1L2(0.02, 0.03)), merge_mode="mul"
                ),
            ]
        ),
        numbers(3, 4, 2),
        numbers(3, 2),
        keras.losses.MeanSquaredError(),
        keras.optimizers.SGD(0.2),
    )
)


def alone(name, layer, inputs, targets):
    """One layer is a cell by itself; its variables have no layer before their names."""
    model = keras.Sequential([keras.Input((None, 3)), layer])
    made = case(name, model, inputs, targets, keras.losses.MeanSquaredError(), keras.optimizers.SGD(0.2))
    config = made["model"]["config"]["layers"][1]
    made["model"] = {"class_name": config["class_name"], "config": config["config"]}
    for key in ("weights", "weights_after"):
        made[key] = {name.removeprefix(f"{layer.name}."): value for name, value in made[key].items()}
    return made


cost = L1L2(0.02, 0.01)
cases += [
    alone(
        "a_layer_alone",
        layers.GRU(4, return_sequences=True, activity_regularizer=cost, name="gru"),
        numbers(3, 5, 3),
        numbers(3, 5, 4),
    ),
    alone("a_last_output_alone", layers.LSTM(4, activity_regularizer=cost), numbers(3, 5, 3), numbers(3, 4)),
    alone(
        "a_layer_that_forgets",
        layers.SimpleRNN(2, return_sequences=True, activity_regularizer=cost),
        numbers(2, 3, 3),
        numbers(2, 3, 2),
    ),
    alone(
        "a_cell_over_time",
        layers.RNN(layers.LSTMCell(2), return_sequences=True, activity_regularizer=cost),
        numbers(2, 3, 3),
        numbers(2, 3, 2),
    ),
    alone(
        "both_directions_alone",
        layers.Bidirectional(layers.GRU(2, return_sequences=True, activity_regularizer=cost), merge_mode="ave"),
        numbers(2, 4, 3),
        numbers(2, 4, 2),
    ),
]
result = {"framework": f"keras {keras.__version__} ({keras.backend.backend()})", "cases": cases}
Path(__file__).with_name("training").joinpath("activity.json").write_text(json.dumps(result) + "\n")
for one in cases:
    print(one["name"], one["losses"][0], one["losses"][-1], list(one["weights"]))
