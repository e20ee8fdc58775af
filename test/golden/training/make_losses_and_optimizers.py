"""Writes losses.json and optimizers.json: what Keras computes. Run: pip install keras==3.15.1 tensorflow-cpu==2.21.0 numpy

Each case of losses.json: a loss by Keras' serialized config, targets, predictions, optional sample_weight and mask, and then
the value and its gradient with respect to the predictions. Each of optimizers.json: an optimizer, variables with their
regularizers and constraints, the gradients of each step, and the variables after each. All float32.
"""
import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
import tensorflow as tf
from keras.src import backend

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(1)


def tensor(x):
    x = np.asarray(x)
    return {"shape": list(x.shape), "data": [float(v) for v in x.ravel()]}


def f32(x):
    return np.asarray(x, dtype=np.float32)


def loss_case(name, loss, targets, predictions, sample_weight=None, mask=None):
    p = tf.Variable(f32(predictions))
    with tf.GradientTape() as tape:
        out = tf.identity(p)
        if mask is not None:
            backend.set_keras_mask(out, tf.constant(mask))
        value = loss(targets, out, sample_weight=sample_weight)
    return {
        "name": name,
        "loss": keras.saving.serialize_keras_object(loss),
        "targets": tensor(targets),
        "predictions": tensor(predictions),
        **({} if sample_weight is None else {"sample_weight": tensor(sample_weight)}),
        **({} if mask is None else {"mask": [[bool(v) for v in row] for row in mask]}),
        # Without a reduction Keras reports the mean of the values.
        "value": float(np.mean(np.asarray(value))),
        "gradient": tensor(tape.gradient(value, p).numpy()),
    }


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def losses():
    L = keras.losses
    flat, deep = (5, 3), (2, 4, 3)
    real = lambda shape: f32(rng.normal(size=shape))
    share = lambda shape: f32(rng.uniform(0.02, 0.98, size=shape))
    probable = lambda shape: f32(softmax(rng.normal(size=shape)))
    binary = lambda shape: f32(rng.integers(0, 2, size=shape))
    one_hot = lambda shape: f32(np.eye(shape[-1])[rng.integers(0, shape[-1], size=shape[:-1])])
    classes = lambda shape: rng.integers(0, shape[-1], size=shape[:-1]).astype("int32")
    mask = np.array([[True, True, False, True], [False, True, True, False]])
    kinds = [
        ("mse", L.MeanSquaredError(), real, real),
        ("mae", L.MeanAbsoluteError(), real, real),
        ("huber", L.Huber(delta=0.7), real, real),
        ("huber_default", L.Huber(), real, real),
        ("log_cosh", L.LogCosh(), real, real),
        ("bce", L.BinaryCrossentropy(), binary, share),
        ("bce_smooth", L.BinaryCrossentropy(label_smoothing=0.2), binary, share),
        ("bce_logits", L.BinaryCrossentropy(from_logits=True, label_smoothing=0.1), binary, real),
        ("cce", L.CategoricalCrossentropy(), one_hot, share),
        ("cce_smooth", L.CategoricalCrossentropy(label_smoothing=0.1), one_hot, probable),
        ("cce_logits", L.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), one_hot, real),
        ("scce", L.SparseCategoricalCrossentropy(), classes, share),
        ("scce_logits", L.SparseCategoricalCrossentropy(from_logits=True), classes, real),
        ("scce_ignore", L.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1), classes, real),
        ("kld", L.KLDivergence(), probable, probable),
        ("cosine", L.CosineSimilarity(), real, real),
    ]
    cases = []
    for name, loss, make_targets, make_predictions in kinds:
        cases.append(loss_case(name, loss, make_targets(flat), make_predictions(flat)))
        t, p = make_targets(deep), make_predictions(deep)
        cases.append(loss_case(f"{name}_time", loss, t, p))
        cases.append(loss_case(f"{name}_weighted", loss, t, p, sample_weight=f32(rng.uniform(0, 2, size=(2, 4)))))
        cases.append(loss_case(f"{name}_rows", loss, t, p, sample_weight=f32(rng.uniform(0, 2, size=(2, 1)))))
        cases.append(loss_case(f"{name}_masked", loss, t, p, mask=mask))
        cases.append(
            loss_case(f"{name}_both", loss, t, p, sample_weight=f32(rng.uniform(0, 2, size=(2, 4))), mask=mask)
        )
    for reduction in ["sum", "mean", "mean_with_sample_weight", None]:
        t, p, w = real(deep), real(deep), f32(rng.uniform(0, 2, size=(2, 4)))
        loss = L.MeanSquaredError(reduction=reduction)
        cases.append(loss_case(f"reduction_{reduction}", loss, t, p))
        cases.append(loss_case(f"reduction_{reduction}_weighted", loss, t, p, sample_weight=w))
        rows = f32(rng.uniform(0, 2, size=(2, 1)))
        cases.append(loss_case(f"reduction_{reduction}_rows", loss, t, p, sample_weight=rows))
        cases.append(loss_case(f"reduction_{reduction}_masked", loss, t, p, mask=mask))
        cases.append(loss_case(f"reduction_{reduction}_both", loss, t, p, sample_weight=w, mask=mask))
    ignoring = L.SparseCategoricalCrossentropy(from_logits=True, ignore_class=2, reduction="mean_with_sample_weight")
    cases.append(loss_case("scce_ignore_mean_weight", ignoring, classes(deep), real(deep)))
    extreme = f32([[0.0, 1.0, 0.0], [1.0, 0.0, 1e-9]])
    cases.append(loss_case("bce_extreme", L.BinaryCrossentropy(), binary((2, 3)), extreme))
    cases.append(loss_case("cce_extreme", L.CategoricalCrossentropy(), f32([[1, 0, 0], [1, 0, 0]]), extreme))
    cases.append(loss_case("scce_extreme", L.SparseCategoricalCrossentropy(), np.array([0, 1], "int32"), extreme))
    return cases


def optimizer_case(name, optimizer, regularizers=(None, None), constraints=(None, None), steps=6, size=1.0):
    values = [f32(rng.normal(size=(3, 4))), f32(rng.normal(size=(4,)))]
    variables = [
        keras.Variable(v, name=f"w{k}", dtype="float32") for k, v in enumerate(values)
    ]
    for variable, regularizer, constraint in zip(variables, regularizers, constraints):
        variable.regularizer = keras.regularizers.get(regularizer)
        variable.constraint = keras.constraints.get(constraint)
    described = [
        {
            "values": tensor(v),
            "regularizer": r and keras.saving.serialize_keras_object(keras.regularizers.get(r)),
            "constraint": c and keras.saving.serialize_keras_object(keras.constraints.get(c)),
        }
        for v, r, c in zip(values, regularizers, constraints)
    ]
    record = []
    for _ in range(steps):
        gradients = [f32(rng.normal(size=v.shape) * size) for v in values]
        with tf.GradientTape() as tape:
            penalty = tf.constant(0.0)
            for variable in variables:
                if variable.regularizer is not None:
                    penalty = penalty + variable.regularizer(variable.value)
            objective = penalty
            for variable, gradient in zip(variables, gradients):
                objective = objective + tf.reduce_sum(variable.value * gradient)
        total = tape.gradient(objective, [variable.value for variable in variables])
        optimizer.apply_gradients(zip(total, variables))
        record.append(
            {
                "gradients": [tensor(g) for g in gradients],
                "penalty": float(penalty),
                "after": [tensor(v.numpy()) for v in variables],
            }
        )
    serialized = keras.saving.serialize_keras_object(optimizer)
    return {"name": name, "optimizer": serialized, "variables": described, "steps": record}


def optimizers():
    O, S = keras.optimizers, keras.optimizers.schedules
    kinds = [
        ("sgd", O.SGD(0.1)),
        ("sgd_momentum", O.SGD(0.05, momentum=0.9)),
        ("sgd_nesterov", O.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.01)),
        ("rmsprop", O.RMSprop()),
        ("rmsprop_momentum", O.RMSprop(0.01, momentum=0.5)),
        ("rmsprop_centered", O.RMSprop(0.01, rho=0.8, momentum=0.5, centered=True, epsilon=1e-5)),
        ("adam", O.Adam()),
        ("adam_amsgrad", O.Adam(0.02, beta_1=0.8, beta_2=0.99, amsgrad=True)),
        ("adam_decay", O.Adam(0.02, weight_decay=0.02)),
        ("adamw", O.AdamW(0.02)),
        ("adamw_decay", O.AdamW(0.02, weight_decay=0.05)),
        ("nadam", O.Nadam(0.02)),
        ("adagrad", O.Adagrad(0.1, initial_accumulator_value=0.3)),
        ("clipnorm", O.SGD(0.1, clipnorm=1.0)),
        ("global_clipnorm", O.Adam(0.1, global_clipnorm=1.5)),
        ("clipvalue", O.SGD(0.1, clipvalue=0.5)),
        ("exponential", O.SGD(S.ExponentialDecay(0.2, 2, 0.7))),
        ("exponential_staircase", O.SGD(S.ExponentialDecay(0.2, 2, 0.7, staircase=True))),
        ("cosine", O.SGD(S.CosineDecay(0.2, 4, alpha=0.1))),
        ("cosine_warmup", O.SGD(S.CosineDecay(0.02, 3, alpha=0.05, warmup_target=0.3, warmup_steps=2))),
        ("piecewise", O.SGD(S.PiecewiseConstantDecay([1, 3], [0.3, 0.2, 0.05]))),
    ]
    cases = [optimizer_case(name, optimizer) for name, optimizer in kinds]
    R, C = keras.regularizers, keras.constraints
    pairs = [
        ("l1", (R.L1(0.02), None), (None, None)),
        ("l2", (R.L2(0.05), R.L2(0.01)), (None, None)),
        ("l1l2", (R.L1L2(0.02, 0.03), None), (None, None)),
        ("orthogonal_rows", (R.OrthogonalRegularizer(0.1), None), (None, None)),
        ("orthogonal_columns", (R.OrthogonalRegularizer(0.1, mode="columns"), None), (None, None)),
        ("max_norm", (None, None), (C.MaxNorm(0.9), C.MaxNorm(0.5))),
        ("max_norm_axis", (None, None), (C.MaxNorm(0.9, axis=1), C.MaxNorm(0.5, axis=[0]))),
        ("min_max_norm", (None, None), (C.MinMaxNorm(0.4, 0.9, rate=0.5), C.MinMaxNorm(0.4, 0.9))),
        ("non_neg", (None, None), (C.NonNeg(), C.NonNeg())),
        ("unit_norm", (R.L2(0.01), None), (C.UnitNorm(axis=[0, 1]), C.UnitNorm())),
    ]
    return cases + [optimizer_case(n, O.SGD(0.1, momentum=0.9), r, c) for n, r, c in pairs]


def write(name, cases):
    with open(os.path.join(HERE, name), "w") as file:
        json.dump({"keras": keras.__version__, "cases": cases}, file)
        file.write("\n")


write("losses.json", losses())
write("optimizers.json", optimizers())
