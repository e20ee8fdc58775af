"""Steps a model in Python's ONNX Runtime. Reads the plan as JSON on stdin, inputs as raw float32, and writes results so."""

import json
import sys

import numpy as np
import onnx
import onnxruntime as ort


def opened(path, nodes):
    """The model with the hidden states of these GRU nodes as inputs and outputs of its graph."""
    model = onnx.load(path)
    for name, state in nodes.items():
        node = next(node for node in model.graph.node if node.name == name)
        node.input[5] = state["input"]
        if node.output[1] == "":
            node.output[1] = state["output"]
        info = onnx.helper.make_tensor_value_info
        model.graph.input.append(info(state["input"], onnx.TensorProto.FLOAT, None))
        model.graph.output.append(info(node.output[1], onnx.TensorProto.FLOAT, None))
        state["output"] = node.output[1]
    return model.SerializeToString()


def session_of(model):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def main():
    for plan in json.load(sys.stdin):
        nodes = plan["opened"]
        session = session_of(opened(plan["path"], nodes) if nodes else plan["path"])
        pairs = [(state["input"], state["output"]) for state in nodes.values()] or [tuple(p) for p in plan["states"]]
        states = [np.zeros(shape, np.float32) for shape in plan["shapes"]]
        inputs = np.fromfile(plan["inputs"], np.float32).reshape([-1, *plan["shape"]])
        fixed = {name: np.array(value, np.int64) for name, value in plan["fixed"].items()}
        output = session.get_outputs()[0].name
        outputs = []
        for step in inputs:
            feeds = {plan["input"]: step, **fixed, **dict(zip([i for i, _ in pairs], states))}
            first, *states = session.run([output, *[o for _, o in pairs]], feeds)
            outputs.append(first)
        if nodes:
            # The same as the file as it is, over the whole sequence at once, but for the order of sums.
            whole = session_of(plan["path"]).run([output], {plan["input"]: inputs.reshape(1, len(inputs), -1)})[0]
            np.testing.assert_allclose(np.stack(outputs).reshape(whole.shape), whole, atol=1e-5)
        np.stack(outputs).astype(np.float32).tofile(plan["outputs"])
        np.concatenate([state.reshape(-1) for state in states]).astype(np.float32).tofile(plan["after"])
    print(ort.__version__)


main()
