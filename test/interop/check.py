"""Opens the files that cellstep wrote with the libraries that they are for, and saves files for cellstep to read.

python check.py exchange.json results.json

exchange.json: {"cases": […], "networks": […]}, as ExchangedCase and ExchangedNetwork of exchange.ts have them.
Each case has two runs: the second begins with the states that the first ended with. `files` are {format: path} to open,
`saves` {format: path} to write, of weights drawn here. results.json: {"opened": {"case format": {difference | error}},
"saved": {case: {runs | error}}, "networks": {"network format": {difference | error}}, "gradients": {network: the same}}. What is compared has to have
the same shapes throughout.
"""

import copy
import json
import os
import sys
import traceback

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import onnx
import onnxruntime
import safetensors.numpy
import safetensors.torch
import torch

KERAS_LAYERS = ("SimpleRNN", "GRU", "LSTM", "RNN", "Bidirectional")
# The time axis of PyTorch's cells, which have one step only: [batch, time, features].
CELL_TIME_AXIS = 1


def array(tensor):
    return np.array([float(x) for x in tensor["data"]], dtype=np.float64).reshape(tensor["shape"])


def as_json(value):
    value = np.asarray(value)
    # float() of a float32 is exact, and repr of a float reads back as the same.
    return {"shape": list(value.shape), "data": [float(x) for x in value.reshape(-1)]}


def inputs_of(case):
    """float32, whatever the cell computes in: the values are exact in it, and the libraries cast them."""
    return [array(one).astype("float32") for one in case["inputs"]]


# Keras ---------------------------------------------------------------------------------------------------------------


def new_keras_model(case):
    """A model of one layer from the cell's configuration, with weights that Keras draws."""
    class_name, config = case["class_name"], copy.deepcopy(case["config"])  # from_config takes things out of it.
    layer = getattr(keras.layers, class_name).from_config(config)
    if class_name not in KERAS_LAYERS:
        layer = keras.layers.RNN(layer)
    # A stateful layer keeps a state for each row, and has to know how many there are.
    rows = 1 if getattr(layer, "stateful", False) else None
    return keras.Sequential([keras.Input(batch_shape=(rows, None, case["features"])), layer])


def keras_model(case, file_format, path):
    if file_format in (".keras", ".h5"):
        return keras.saving.load_model(path)
    model = new_keras_model(case)
    if file_format == ".weights.h5":
        model.load_weights(path)
    else:
        model.layers[-1].set_weights(arrays(file_format, path, case))
    return model


def run_keras(case, model):
    layer = model.layers[-1]
    runs = []
    states = None
    for inputs in inputs_of(case):
        if states is None:
            predicted = keras.tree.flatten(model(inputs))[0]
            if getattr(layer, "stateful", False):
                # reset_state() fails for stacks.
                for one in keras.tree.flatten(layer.states):
                    one.assign(keras.ops.zeros_like(one.value))
        for one in (layer, *(getattr(layer, side, layer) for side in ("forward_layer", "backward_layer"))):
            one.return_state = True
        output, *states = layer(inputs, initial_state=states)
        if not runs and not torch.allclose(predicted, output, atol=1e-6, equal_nan=True):
            raise AssertionError("the model and its layer differ")
        flat = [keras.ops.convert_to_numpy(state) for state in keras.tree.flatten(states)]
        runs.append({"output": keras.ops.convert_to_numpy(output), "states": flat})
    return runs


def save_keras(case, weights):
    model = new_keras_model(case)
    layer = model.layers[-1]
    layer.set_weights(list(weights.values()))
    for file_format, path in case["saves"].items():
        if file_format in (".keras", ".h5"):
            model.save(path)
        elif file_format == ".weights.h5":
            model.save_weights(path)
        else:
            save_arrays(file_format, path, dict(zip(weights, layer.get_weights(), strict=True)))
    return run_keras(case, model)


def network_model(network, file_format, path):
    """A file of weights only fills the model of the .keras file, whose own weights are cleared before."""
    if file_format != ".weights.h5":
        return keras.saving.load_model(path)
    model = keras.saving.load_model(network["files"][".keras"])
    for variable in model.weights:
        variable.assign(np.zeros(variable.shape, "float32"))
    model.load_weights(path)
    return model


def network_gradient_difference(network):
    """The largest between the gradients of a network's variables here and in cellstep, against the largest gradient."""
    model = keras.saving.load_model(network["files"][".keras"])
    inputs = array(network["inputs"]).astype(model.inputs[0].dtype)
    cotangent = torch.from_numpy(array(network["cotangent"]).astype("float32"))
    (keras.ops.cast(model(inputs), "float32") * cotangent).sum().backward()
    names = list(network["gradients"])
    if len(names) != len(model.trainable_variables):
        raise AssertionError(f"the trainable variables are {[one.path for one in model.trainable_variables]}")
    differences = []
    for name, variable in zip(names, model.trainable_variables, strict=True):
        expected = array(network["gradients"][name])
        own = variable.value.grad
        own = np.zeros(expected.shape) if own is None else own.double().numpy()
        if own.shape != expected.shape:
            raise AssertionError(f"{variable.path} is {own.shape}, {name} is {expected.shape}")
        differences.append(float(np.max(np.abs(own - expected))) / max(1.0, float(np.max(np.abs(own)))))
    return max(differences)


def network_difference(network, file_format, path):
    """Between what a whole network computes here and in cellstep."""
    model = network_model(network, file_format, path)
    inputs = array(network["inputs"]).astype(model.inputs[0].dtype)
    output = keras.ops.convert_to_numpy(keras.ops.cast(model(inputs), "float32"))
    return difference([{"output": output, "states": []}], [{"output": network["output"], "states": []}])


# PyTorch -------------------------------------------------------------------------------------------------------------


def new_pytorch_module(case):
    config = dict(case["config"])
    if config["dtype"] is not None:
        config["dtype"] = getattr(torch, config["dtype"].removeprefix("torch."))
    return getattr(torch.nn, case["class_name"])(**config).eval()


def pytorch_module(case, file_format, path):
    module = new_pytorch_module(case)
    if file_format == ".safetensors":
        state_dict = safetensors.torch.load_file(path)
    else:
        with np.load(path) as file:
            state_dict = {name: torch.from_numpy(file[name]) for name in file.files}
    for name, tensor in state_dict.items():
        if tensor.dtype != module.state_dict()[name].dtype:
            raise AssertionError(f"{name} is {tensor.dtype}")
    module.load_state_dict(state_dict)
    return module


def run_pytorch(case, module):
    dtype = next(module.parameters()).dtype
    runs = []
    states = None
    for inputs in (torch.from_numpy(one).to(dtype) for one in inputs_of(case)):
        with torch.no_grad():
            if case["class_name"].endswith("Cell"):
                outputs = []
                for one in inputs.unbind(CELL_TIME_AXIS):
                    states = module(one, states)
                    outputs.append(states[0] if isinstance(states, tuple) else states)
                output = torch.stack(outputs, CELL_TIME_AXIS)
            else:
                output, states = module(inputs, states)
        flat = list(states) if isinstance(states, tuple) else [states]
        runs.append({"output": output.numpy(), "states": [state.numpy() for state in flat]})
    return runs


def save_pytorch(case, weights):
    module = new_pytorch_module(case)
    module.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    state_dict = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
    for file_format, path in case["saves"].items():
        if file_format == ".safetensors":
            safetensors.torch.save_file(state_dict, path)
        else:
            np.savez(path, **{name: tensor.numpy() for name, tensor in state_dict.items()})
    return run_pytorch(case, module)


# ONNX ----------------------------------------------------------------------------------------------------------------


def new_onnx_model(case, weights):
    op = case["class_name"]
    attributes = {k: v for k, v in case["config"].items() if v not in (None, []) and k != "dtype"}
    if "clip" in attributes:
        attributes["clip"] = float(attributes["clip"])  # JSON has 2 for 2.0.
    places = ["X", "W", "R", "B", "", "initial_h", "initial_c", "P"]
    if op != "LSTM":
        places = places[:6]
    names = [one if one in weights or one in ("", "X", "initial_h", "initial_c") else "" for one in places]
    outputs = ["Y", "Y_h", "Y_c"] if op == "LSTM" else ["Y", "Y_h"]
    shape = lambda name: [None] * (4 if name == "Y" else 3)
    info = lambda name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape(name))
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(op, names, outputs, name="node", **attributes)],
        "graph",
        [info(name) for name in names if name not in weights and name != ""],
        [info(name) for name in outputs],
        [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    opset = onnx.helper.make_opsetid("", 14)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)


def onnx_model(case, file_format, path):
    if file_format != ".onnx":
        values = dict(zip(case["variables"], arrays(file_format, path, case), strict=True))
        return new_onnx_model(case, values).SerializeToString()
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    with open(path, "rb") as file:
        return file.read()


def run_onnx(case, model):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    free = [one.name for one in session.get_inputs() if one.name != "X"]
    directions = 2 if case["config"].get("direction") == "bidirectional" else 1
    runs = []
    states = None
    for inputs in inputs_of(case):
        if states is None:
            states = [np.zeros((directions, inputs.shape[1], case["config"]["hidden_size"]), "float32") for _ in free]
        feeds = {"X": inputs, **dict(zip(free, states, strict=True))}
        output, *states = session.run(None, feeds)
        runs.append({"output": output, "states": states})
    return runs


def save_onnx(case, weights):
    model = new_onnx_model(case, weights)
    onnx.checker.check_model(model, full_check=True)
    for file_format, path in case["saves"].items():
        if file_format == ".onnx":
            onnx.save(model, path)
        else:
            save_arrays(file_format, path, weights)
    return run_onnx(case, model.SerializeToString())


# All -----------------------------------------------------------------------------------------------------------------


def arrays(file_format, path, case):
    """Of a file of named arrays, in the order of the cell's variables: all of them, and none besides."""
    names = list(case["variables"])
    if file_format == ".safetensors":
        values = safetensors.numpy.load_file(path)
    else:
        with np.load(path) as file:
            values = {name: file[name] for name in file.files}
    if set(values) != set(names):
        raise AssertionError(f"the file has {sorted(values)}")
    for name, (_, dtype) in case["variables"].items():
        if values[name].dtype != dtype:
            raise AssertionError(f"{name} is {values[name].dtype}")
    return [values[name] for name in names]


def save_arrays(file_format, path, values):
    if file_format == ".safetensors":
        # It writes the memory of an array that is not contiguous as it lies there.
        safetensors.numpy.save_file({name: np.ascontiguousarray(value) for name, value in values.items()}, path)
    else:
        np.savez_compressed(path, **values)


def draw(case):
    rng = np.random.default_rng(case["seed"])
    # Of a size that lets states neither vanish nor grow.
    scale = lambda shape: 1.6 / np.sqrt(max([4, *shape[-2:-1]]))
    return {
        name: (rng.uniform(-1, 1, shape) * scale(shape)).astype("float32").astype(dtype)
        for name, (shape, dtype) in case["variables"].items()
    }


def difference(runs, expected):
    """The largest between two lists of runs."""
    flat = lambda runs: [one for run in runs for one in (run["output"], *run["states"])]
    ours, theirs = flat(runs), [array(one) for one in flat(expected)]
    shapes = [[list(np.shape(one)) for one in side] for side in (ours, theirs)]
    if shapes[0] != shapes[1]:
        raise AssertionError(f"the shapes are {shapes[0]} here and {shapes[1]} in cellstep")
    return max(float(np.max(np.abs(a.astype("float64") - b))) for a, b in zip(ours, theirs, strict=True))


FRAMEWORKS = {
    "keras": (keras_model, run_keras, save_keras),
    "pytorch": (pytorch_module, run_pytorch, save_pytorch),
    "onnx": (onnx_model, run_onnx, save_onnx),
}


def attempt(work):
    try:
        return work()
    except Exception:  # Any fault of a library is a result of the case.
        return {"error": traceback.format_exc()}


def main(exchange, results):
    with open(exchange) as file:
        sent = json.load(file)
    opened, saved, networks, gradients = {}, {}, {}, {}
    for network in sent["networks"]:
        for file_format, path in network["files"].items():
            check = lambda: {"difference": network_difference(network, file_format, path)}
            networks[f"{network['name']} {file_format}"] = attempt(check)
        check = lambda: {"difference": network_gradient_difference(network)}
        gradients[network["name"]] = attempt(check)
    for case in sent["cases"]:
        open_file, run, save = FRAMEWORKS[case["framework"]]
        for file_format, path in case["files"].items():
            check = lambda: {"difference": difference(run(case, open_file(case, file_format, path)), case["runs"])}
            opened[f"{case['name']} {file_format}"] = attempt(check)
        for_json = lambda runs: [
            {"output": as_json(run["output"]), "states": [as_json(state) for state in run["states"]]} for run in runs
        ]
        saved[case["name"]] = attempt(lambda: {"runs": for_json(save(case, draw(case)))})
    versions = {one.__name__: one.__version__ for one in (keras, np, onnx, onnxruntime, torch)}
    with open(results, "w") as file:
        found = {"opened": opened, "saved": saved, "networks": networks, "gradients": gradients}
        json.dump({"versions": versions, **found}, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
