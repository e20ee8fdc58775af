"""Trains the language model of examples/write-text.ts in Keras, and writes training/text.json: the loss before each update.

    pip install keras==3.15.1 tensorflow==2.21.0
    KERAS_BACKEND=tensorflow python make_text_training.py

Text, weights, batches and optimizer are those of examples/text/language-model.ts, drawn from the same numbers.
"""

import json
import math
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np

UPDATES, ROWS, WINDOW, LEARNING_RATE, SEED = 400, 16, 48, 0.01, 1
WIDTH, UNITS = 32, 128
here = Path(__file__).parent


def random_from(seed):
    """mulberry32, as examples/service.ts has it."""
    state = seed
    imul = lambda a, b: (a * b) & 0xFFFFFFFF
    while True:
        state = (state + 0x6D2B79F5) & 0xFFFFFFFF
        mixed = imul(state ^ (state >> 15), state | 1)
        mixed ^= (mixed + imul(mixed ^ (mixed >> 7), mixed | 61)) & 0xFFFFFFFF
        yield (mixed ^ (mixed >> 14)) / 2**32


draws = random_from(SEED)
text = (here / "../../examples/text/alice.txt").read_text(encoding="utf-8").strip()
letters = sorted(set(text))
ids = np.array([letters.index(letter) for letter in text], "int32")


def matrix(rows, columns, inputs=None):
    bound = math.sqrt(inputs or rows)
    values = [(2 * next(draws) - 1) / bound for _ in range(rows * columns)]
    return np.array(values, "float32").reshape(rows, columns)


layers = keras.layers
model = keras.Sequential(
    [
        keras.Input((None,)),
        layers.Embedding(len(letters), WIDTH),
        layers.GRU(UNITS, return_sequences=True),
        layers.Dense(len(letters)),
    ]
)
model.set_weights(
    [
        matrix(len(letters), WIDTH, WIDTH),
        matrix(WIDTH, 3 * UNITS),
        matrix(UNITS, 3 * UNITS),
        np.zeros((2, 3 * UNITS), "float32"),
        matrix(UNITS, len(letters)),
        np.zeros(len(letters), "float32"),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(LEARNING_RATE, global_clipnorm=1),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
losses = []
for _ in range(UPDATES):
    starts = [math.floor(next(draws) * (len(ids) - WINDOW)) for _ in range(ROWS)]
    inputs, targets = (np.stack([ids[s + shift : s + shift + WINDOW] for s in starts]) for shift in (0, 1))
    model.reset_metrics()
    losses.append(float(model.train_on_batch(inputs, targets)))
result = {"keras": keras.__version__, "backend": keras.backend.backend(), "losses": losses}
(here / "training/text.json").write_text(json.dumps(result) + "\n")
print(losses[:3], losses[-1])
