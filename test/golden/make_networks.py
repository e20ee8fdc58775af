"""Writes networks/layers.json: small networks of every layer, what Keras computes of them, and their gradients.

Needs keras 3.15.1 with TensorFlow. Usage: python make_networks.py OUT.json
"""
import json
import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras
import numpy as np
import tensorflow as tf
from keras import layers as L

rng = np.random.default_rng(14)


def tensor(values):
    values = np.asarray(values)
    if values.dtype == np.float32:
        data = [float(str(v)) for v in values.ravel()]
    else:
        data = [v.item() for v in values.ravel()]
    return {"shape": list(values.shape), "data": data}


def named(model, prefix=""):
    """Weights by `<layer>.<variable>`, those of nested models under the model's name."""
    found = {}
    for layer in model.layers:
        if isinstance(layer, (keras.Sequential, keras.Model)) and hasattr(layer, "layers"):
            found.update(named(layer, f"{prefix}{layer.name}."))
            continue
        inner = layer.layer if isinstance(layer, L.TimeDistributed) else layer
        if isinstance(inner, L.Bidirectional):
            for side in (inner.forward_layer, inner.backward_layer):
                which = "forward_layer" if side is inner.forward_layer else "backward_layer"
                for w in side.weights:
                    found[f"{prefix}{layer.name}.{which}.{w.name}"] = w
            continue
        for w in inner.weights:
            found[f"{prefix}{layer.name}.{w.name}"] = w
    return found


def fill(model):
    for name, w in named(model).items():
        if w.dtype.startswith("int"):
            w.assign(np.full(w.shape, 3))
        elif name.endswith("variance"):
            w.assign(rng.uniform(0.5, 2, w.shape))
        else:
            w.assign(rng.normal(0, 0.6, w.shape))
    for layer in model.layers:
        if isinstance(layer, L.Normalization):
            layer.finalize_state()


def case(name, model, inputs, causal, mask_free=True):
    fill(model)
    inputs = np.asarray(inputs)
    weights = named(model)
    x = tf.constant(inputs)
    with tf.GradientTape() as tape:
        if inputs.dtype == np.float32:
            tape.watch(x)
        y = model(x)
        cotangent = rng.normal(size=y.shape).astype("float32")
        objective = tf.reduce_sum(y * cotangent)
    trained = {k: w for k, w in weights.items() if w.trainable}
    sources = [w.value for w in trained.values()] + ([x] if inputs.dtype == np.float32 else [])
    got = tape.gradient(objective, sources)
    gradients = {}
    for key, g, source in zip([*trained, "inputs"], got, sources):
        gradients[key] = tensor(np.zeros(source.shape, "float32") if g is None else tf.convert_to_tensor(g).numpy())
    steps = None
    if causal:
        steps = []
        for t in range(1, inputs.shape[1] + 1):
            out = np.asarray(model(inputs[:, :t]))
            steps.append(out if out.ndim == 2 else out[:, -1])
        steps = tensor(np.stack(steps, 1))
    return {
        "name": name,
        "model": keras.saving.serialize_keras_object(model),
        "weights": {k: tensor(w.numpy()) for k, w in weights.items()},
        "inputs": tensor(inputs),
        "outputs": tensor(np.asarray(y)),
        "causal": causal,
        "steps": steps,
        "cotangent": tensor(cotangent),
        "gradients": gradients,
    }


def sequential(*stack, time=None, features=3):
    return keras.Sequential([keras.Input((time, features)), *stack])


def x(batch=2, time=6, features=3):
    return rng.normal(size=(batch, time, features)).astype("float32")


def ids(top, batch=2, time=6):
    return rng.integers(0, top, (batch, time)).astype("int32")


def functional(build, time=None, features=3):
    source = keras.Input((time, features))
    return keras.Model(source, build(source))


def cases():
    keras.utils.set_random_seed(1)
    yield case("embedding masks an lstm", keras.Sequential([keras.Input((None,), dtype="int32"), L.Embedding(5, 3, mask_zero=True), L.Dropout(0.5), L.LSTM(4, return_sequences=True), L.Dense(2, "softmax")]), ids(5), True)
    yield case("masked gru gives its last output", keras.Sequential([keras.Input((None,), dtype="int32"), L.Embedding(4, 3, mask_zero=True), L.GRU(4), L.Dense(2, "gelu")]), ids(4), True)
    masked = x()
    masked[0, 2] = masked[1, 0] = masked[1, 5] = 0
    yield case("masking ends in batch normalization and average pooling", sequential(L.Masking(), L.SimpleRNN(4, return_sequences=True), L.BatchNormalization(), L.GlobalAveragePooling1D()), masked, False)
    yield case("zero_output_for_mask", sequential(L.Masking(), L.RNN(L.GRUCell(3), return_sequences=True, zero_output_for_mask=True), L.Dense(2)), masked, True)
    yield case("normalizations", sequential(L.Normalization(), L.LayerNormalization(), L.Dense(4), L.RMSNormalization(), L.UnitNormalization(), L.Rescaling([1, 2, 3, 4], 0.5), L.GRU(3, return_sequences=True), L.LayerNormalization(center=False, scale=False)), x(), True)
    yield case("activations", sequential(L.Dense(4, "silu"), L.PReLU(shared_axes=[1]), L.SimpleRNN(4, return_sequences=True), L.ReLU(negative_slope=0.1, max_value=2), L.ELU(0.7), L.Activation("mish"), L.LeakyReLU(), L.Softmax()), x(), True)
    yield case("prelu for each step", sequential(L.PReLU(), L.GRU(2), time=6), x(), False)
    yield case("causal convolutions", sequential(L.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu"), L.Conv1D(4, 2, padding="causal", groups=2), L.SpatialDropout1D(0.2), L.GaussianNoise(0.1), L.GaussianDropout(0.1), L.LSTM(3, return_sequences=True)), x(), True)
    yield case("convolutions that look ahead", sequential(L.Conv1D(4, 3, padding="same"), L.SeparableConv1D(5, 3, padding="same", depth_multiplier=2, activation="tanh"), L.DepthwiseConv1D(2, depth_multiplier=2, padding="valid"), L.Conv1D(2, 3, strides=2), L.GRU(2)), x(time=11), False)
    yield case("pooling over time", sequential(L.MaxPooling1D(2), L.AveragePooling1D(3, strides=2, padding="same"), L.MaxPooling1D(3, strides=1, padding="same"), L.UpSampling1D(2), L.ZeroPadding1D((1, 2)), L.Cropping1D((1, 1)), L.GlobalMaxPooling1D()), x(time=12), False)
    yield case("an autoencoder", sequential(L.LSTM(3), L.RepeatVector(4), L.GRU(2, return_sequences=True), L.TimeDistributed(L.Dense(2))), x(), False)
    yield case("reshapes", sequential(L.Permute((2, 1)), L.Reshape((6, 3)), L.Conv1D(2, 2), L.Flatten(), L.Dense(3, "sigmoid"), time=6), x(), False)
    yield case("bidirectional sum", sequential(L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="sum"), L.Bidirectional(L.LSTM(2)), L.Dense(2)), x(), False)
    yield case("einsum", sequential(L.EinsumDense("abc,cd->abd", (None, 4), bias_axes="d"), L.GRU(2, reset_after=False, return_sequences=True), L.ActivityRegularization(0.1), L.Identity()), x(), True)
    yield case("nested models", sequential(keras.Sequential([keras.Input((None, 3)), L.Dense(4, "tanh"), L.GRU(3, return_sequences=True)], name="inner"), functional(lambda s: L.Add()([s, L.Dense(3)(s)])), L.Dense(2)), x(), True)

    def merged(s):
        a, b = L.Dense(3)(s), L.GRU(3, return_sequences=True)(s)
        return L.Concatenate()([L.Add()([a, b, s]), L.Subtract()([a, b]), L.Multiply()([a, b]), L.Average()([a, s]), L.Maximum()([a, b]), L.Minimum()([a, b, s])])

    yield case("merges", functional(merged), x(), True)
    yield case("operators", functional(lambda s: L.LSTM(2, return_sequences=True)(L.Dense(3)(s) + s)), x(), True)
    yield case("the last state beside all steps", functional(lambda s: L.Dense(2)(L.Add()([L.GRU(3)(s), L.Dense(3)(s)]))), x(), False)
    yield case("two last states", functional(lambda s: L.Dense(2)(L.Concatenate()([L.GRU(2)(s), L.LSTM(3)(s)]))), x(), True)
    yield case("concatenated in time", functional(lambda s: L.GRU(2)(L.Concatenate(axis=1)([s, L.Dense(3)(s)]))), x(), False)
    yield case("broadcast", functional(lambda s: L.Multiply()([L.GRU(3, return_sequences=True)(s), L.Dense(1, "sigmoid")(s)])), x(), True)


out = {"framework": "keras", "framework_version": f"{keras.__version__} (tensorflow {tf.__version__})", "cases": list(cases())}
with open(sys.argv[1], "w") as file:
    json.dump(out, file)
