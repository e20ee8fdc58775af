"""What the real libraries compute, for test/interop/fuzz: a question is a line of JSON, so is each answer.

{"kind": …} names a function below; its answer is {"result": …} or {"error": what was raised}. Tensors are
{"shape", "dtype", "base64"}. KERAS_BACKEND says which library computes for Keras.
"""

import base64
import copy
import json
import os
import sys
import traceback

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
# Libraries print where they like; answers alone go to standard output.
answers, sys.stdout = sys.stdout, sys.stderr

import keras
import numpy as np

if os.environ["KERAS_BACKEND"] == "torch":
    import check
    import onnx
    import onnxruntime
    import torch

    torch.set_num_threads(1)
else:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def array(tensor):
    data = base64.b64decode(tensor["base64"])
    return np.frombuffer(data, dtype=tensor["dtype"]).reshape(tensor["shape"]).copy()


def as_tensor(value):
    value = np.ascontiguousarray(value)
    if value.dtype not in (np.float32, np.float64):
        value = value.astype("float32")
    return {"shape": list(value.shape), "dtype": str(value.dtype), "base64": base64.b64encode(value.tobytes()).decode()}


def as_numpy(value):
    value = keras.ops.convert_to_tensor(value)
    wide = keras.backend.standardize_dtype(value.dtype) in ("float16", "bfloat16")
    return keras.ops.convert_to_numpy(keras.ops.cast(value, "float32") if wide else value)


# Keras ---------------------------------------------------------------------------------------------------------------


def deserialize(class_name, config):
    # from_config takes things out of it.
    return getattr(keras.layers, class_name).from_config(copy.deepcopy(config))


def nested(size, flat):
    """States one after another as a cell has them: those of stacks in lists of their own."""
    if isinstance(size, (list, tuple)):
        return [nested(one, flat) for one in size]
    return flat.pop(0)


def keras_layer_of(question):
    layer = deserialize(question["class_name"], question["config"])
    if question["class_name"].endswith(("Cell", "Cells")):
        layer = keras.layers.RNN(layer, return_sequences=True, dtype=question["config"].get("dtype"))
    dtype = layer.compute_dtype
    inputs = keras.ops.convert_to_tensor(array(question["inputs"]).astype("float64"), dtype=dtype)
    layer.build(inputs.shape)
    layer.set_weights([array(one) for one in question["weights"].values()])
    return layer, inputs


def states_of(layer, question):
    states = [array(one).astype("float64") for one in question["states"] or []]
    return [keras.ops.convert_to_tensor(one, dtype=layer.compute_dtype) for one in states]


def call_keras(layer, inputs, flat, question):
    mask = None
    if question["mask"] is not None:
        mask = keras.ops.convert_to_tensor(np.array(question["mask"], "bool"))
    for one in (layer, *(getattr(layer, side, layer) for side in ("forward_layer", "backward_layer"))):
        one.return_state = True
    given = None
    if flat:
        sides = [layer.forward_layer, layer.backward_layer] if hasattr(layer, "forward_layer") else [layer]
        rest, parts = list(flat), []
        for side in sides:
            size = side.cell.state_size
            parts += nested(size if isinstance(size, (list, tuple)) else [size], rest)
        given = parts
    output, *states = layer(inputs, initial_state=given, mask=mask)
    merged = output if isinstance(output, (list, tuple)) else [output]
    if hasattr(layer, "forward_layer") and layer.merge_mode is None:
        merged, states = [output, states[0]], states[1:]
    return list(merged), keras.tree.flatten(states)


def keras_layer(question):
    layer, inputs = keras_layer_of(question)
    outputs, states = call_keras(layer, inputs, states_of(layer, question), question)
    return [as_tensor(as_numpy(one)) for one in [*outputs, *states]]


def keras_network_of(question):
    """A model from its layers, each with the layers whose outputs it takes."""
    source = keras.Input(batch_shape=question["input_shape"], dtype=question["input_dtype"], name="in")
    made = {"in": source}
    for layer in question["layers"]:
        if layer["class_name"] == "Sequential":
            one = keras.Sequential.from_config(copy.deepcopy(layer["config"]))
        else:
            one = keras.saving.deserialize_keras_object(
                {"module": "keras.layers", "class_name": layer["class_name"], "registered_name": None, "config": copy.deepcopy(layer["config"])}
            )
        given = [made[name] for name in layer["from"]]
        made[layer["name"]] = one(given if len(given) > 1 else given[0])
    model = keras.Model(source, made[question["layers"][-1]["name"]])
    variables = named(model)
    for name, value in question["weights"].items():
        variables[name].assign(array(value).astype(variables[name].dtype))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    return model, variables


def named(model, prefix=""):
    """Weights by `<layer>.<variable>`, those of nested models under the model's name."""
    found = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found.update(named(layer, f"{prefix}{layer.name}."))
            continue
        inner = layer.layer if isinstance(layer, keras.layers.TimeDistributed) else layer
        sides = ("forward_layer", "backward_layer")
        if isinstance(inner, keras.layers.Bidirectional):
            for which in sides:
                found.update(of_layer(getattr(inner, which), f"{prefix}{layer.name}.{which}."))
        else:
            found.update(of_layer(inner, f"{prefix}{layer.name}."))
    return found


def of_layer(layer, prefix):
    cells = getattr(getattr(layer, "cell", None), "cells", None)
    if cells is None:
        return {prefix + one.name: one for one in layer.weights}
    return {f"{prefix}cells.{k}.{one.name}": one for k, cell in enumerate(cells) for one in cell.weights}


def keras_network(question):
    model, _ = keras_network_of(question)
    inputs = array(question["inputs"]).astype(model.inputs[0].dtype)
    return [as_tensor(as_numpy(model(inputs)))]


def objective(outputs, cotangents):
    total = 0.0
    for output, cotangent in zip(outputs, cotangents, strict=True):
        total += keras.ops.sum(output * keras.ops.cast(array(cotangent), output.dtype))
    return total


def pulled(tape, total, sources):
    found = tape.gradient(total, sources)
    return [as_tensor(np.zeros(one.shape) if own is None else tf.convert_to_tensor(own).numpy()) for one, own in zip(sources, found)]


def keras_gradients(question):
    layer, inputs = keras_layer_of(question)
    states = states_of(layer, question)
    with tf.GradientTape() as tape:
        for one in (inputs, *states):
            tape.watch(one)
        outputs, _ = call_keras(layer, inputs, states, question)
        total = objective(outputs, question["cotangents"])
    return pulled(tape, total, [inputs, *states, *(one.value for one in layer.weights)])


def network_gradients(question):
    model, variables = keras_network_of(question)
    inputs = array(question["inputs"]).astype(model.inputs[0].dtype)
    names = [name for name, one in variables.items() if one.trainable]
    with tf.GradientTape() as tape:
        total = objective([model(inputs)], question["cotangents"])
    return dict(zip(names, pulled(tape, total, [variables[name].value for name in names])))


# PyTorch -------------------------------------------------------------------------------------------------------------


def pytorch_of(question):
    module = check.new_pytorch_module(question)
    dtype = next(module.parameters()).dtype
    module.load_state_dict({name: torch.from_numpy(array(one)).to(dtype) for name, one in question["weights"].items()})
    inputs = torch.from_numpy(array(question["inputs"])).to(dtype)
    given = [torch.from_numpy(array(one)).to(dtype) for one in question["states"]]
    return module, inputs, given


def call_pytorch(module, inputs, given, question):
    states = tuple(given) if len(given) > 1 else given[0]
    if question["class_name"].endswith("Cell"):
        states = module(inputs, states)
        flat = list(states) if isinstance(states, tuple) else [states]
        return flat[0], flat
    lengths = question.get("lengths")
    if lengths is not None:
        first = module.batch_first
        packed = torch.nn.utils.rnn.pack_padded_sequence(inputs, torch.tensor(lengths), batch_first=first, enforce_sorted=False)
        output, states = module(packed, states)
        output, _ = torch.nn.utils.rnn.pad_packed_sequence(output, batch_first=first, total_length=inputs.shape[1 if first else 0])
    else:
        output, states = module(inputs, states)
    return output, list(states) if isinstance(states, tuple) else [states]


def pytorch(question):
    module, inputs, given = pytorch_of(question)
    with torch.no_grad():
        output, states = call_pytorch(module, inputs, given, question)
    return [as_tensor(one.numpy()) for one in (output, *states)]


def pytorch_gradients(question):
    module, inputs, given = pytorch_of(question)
    for one in (inputs, *given):
        one.requires_grad_()
    output, _ = call_pytorch(module, inputs, given, question)
    (output * torch.from_numpy(array(question["cotangents"][0])).to(output.dtype)).sum().backward()
    parameters = dict(module.named_parameters())
    sources = [inputs, *given, *(parameters[name] for name in question["weights"])]
    return [as_tensor(np.zeros(one.shape) if one.grad is None else one.grad.numpy()) for one in sources]


# ONNX ----------------------------------------------------------------------------------------------------------------


def onnx_node(question):
    weights = {name: array(one).astype("float32") for name, one in question["weights"].items()}
    model = check.new_onnx_model(question, weights)
    feeds = {"X": array(question["inputs"])}
    lengths = question.get("lengths")
    if lengths is not None:
        model.graph.node[0].input[4] = "sequence_lens"
        model.graph.input.append(onnx.helper.make_tensor_value_info("sequence_lens", onnx.TensorProto.INT32, [None]))
        feeds["sequence_lens"] = np.array(lengths, "int32")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds.update(zip(["initial_h", "initial_c"], [array(one) for one in question["states"]]))
    return [as_tensor(one) for one in session.run(None, feeds)]


# Files ---------------------------------------------------------------------------------------------------------------


def open_file(question):
    """What a file computes in the library that it is for."""
    case = question["case"]
    opened, run, _ = check.FRAMEWORKS[case["framework"]]
    return flat(run(case, opened(case, question["format"], question["path"])))


def save_file(question):
    """Saves a file of weights that are drawn here, and tells what they compute."""
    case = question["case"]
    save = check.FRAMEWORKS[case["framework"]][2]
    return flat(save({**case, "saves": {question["format"]: question["path"]}}, check.draw(case)))


def flat(runs):
    return [as_tensor(np.asarray(one)) for run in runs for one in (run["output"], *run["states"])]


def open_network(question):
    model = keras.saving.load_model(question["path"])
    return [as_tensor(as_numpy(model(array(question["inputs"]).astype(model.inputs[0].dtype))))]


def save_network(question):
    model, _ = keras_network_of(question)
    model.save(question["path"])
    return [as_tensor(as_numpy(model(array(question["inputs"]).astype(model.inputs[0].dtype))))]


# Initializers --------------------------------------------------------------------------------------------------------


def initializer(question):
    made = getattr(keras.initializers, question["class_name"])(**question["config"])
    return [as_tensor(as_numpy(made(question["shape"], dtype=question["dtype"])))]


def answer(question):
    try:
        return {"result": globals()[question["kind"]](question)}
    except Exception:  # Whatever a library raises is its answer.
        return {"error": traceback.format_exc()}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), file=answers, flush=True)
