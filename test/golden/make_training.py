"""Trains the network of examples/train-over-http.ts in real Keras and writes its losses to training.json.

    pip install keras==3.15.1 torch==2.13.0
    KERAS_BACKEND=torch python make_training.py

The task's rules are those of echoTask in the example: same weights, inputs, targets and learning rate.
"""

import json
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import torch

UNITS, ROWS, TIME, STEPS, LEARNING_RATE = 2, 8, 10, 100, 1.0


def matrix(rows, columns, salt):
    values = [((37 * i + 11 * salt + 5) % 19 - 9) / 16 for i in range(rows * columns)]
    return np.array(values, np.float32).reshape(rows, columns)


def sound(i):
    return ((37 * i + 11) * (91 * i + 7) % 17 - 8) / 16


inputs = np.array([[[sound(TIME * n + t)] for t in range(TIME)] for n in range(ROWS)], np.float32)
before = np.concatenate([np.zeros((ROWS, 1, 1), np.float32), inputs[:, :-1]], axis=1)
targets = np.concatenate([before, inputs], axis=2)
weights = {
    "kernel": matrix(1, 3 * UNITS, 0),
    "recurrent_kernel": matrix(UNITS, 3 * UNITS, 1),
    "bias": matrix(2, 3 * UNITS, 2),
}

torch.set_num_threads(1)
model = keras.Sequential([keras.Input((None, 1)), keras.layers.GRU(UNITS, return_sequences=True)])
model.set_weights(list(weights.values()))
model.compile(optimizer=keras.optimizers.SGD(LEARNING_RATE), loss="mse")

losses = [float(model.evaluate(inputs, targets, batch_size=ROWS, verbose=0))]
for _ in range(STEPS):
    model.train_on_batch(inputs, targets)
    losses.append(float(model.evaluate(inputs, targets, batch_size=ROWS, verbose=0)))

shortest = lambda array: [float(str(x)) for x in np.asarray(array, np.float32).ravel()]
tensor = lambda array: {"shape": list(array.shape), "data": shortest(array)}
result = {
    "framework": "keras",
    "framework_version": f"{keras.__version__} (torch {torch.__version__}, numpy {np.__version__})",
    "what": "SGD on the mean squared error: the loss before each step and after the last, and the weights at the end",
    "learning_rate": LEARNING_RATE,
    "inputs": tensor(inputs),
    "targets": tensor(targets),
    "weights": {name: tensor(value) for name, value in weights.items()},
    "losses": shortest(losses),
    "trained_weights": {name: tensor(value) for name, value in zip(weights, model.get_weights())},
}
lines = ",\n".join(f'"{key}": {json.dumps(value)}' for key, value in result.items())
Path(__file__).with_name("training.json").write_text(f"{{\n{lines}\n}}\n")
print(losses[0], losses[-1])
