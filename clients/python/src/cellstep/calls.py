"""The calls of the API and what their replies mean, for the sync and the async client alike."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import ArrayLike

from ._problems import Problem
from ._tensors import Array, TensorFile, as_array, file_of, write_safetensors
from ._transport import Call, Request, file_request, json_request, new_key

Json = dict[str, Any]
#: One array, or those of a whole ONNX graph by name.
Inputs = ArrayLike | Mapping[str, ArrayLike]


@dataclass(frozen=True)
class StepResult:
    """Output [batch, width] (or with a time axis), and what the next step takes, in the framework's order."""

    output: Array
    states: list[Array]
    cell_version: int
    #: Of a whole ONNX graph: all its outputs by name, of which `output` is the first.
    outputs: dict[str, Array] = field(default_factory=dict[str, Array])


@dataclass(frozen=True)
class SessionStep:
    """Output of the step and how many steps the session has taken; states only where asked for."""

    output: Array
    step: int
    states: list[Array]
    cell_version: int
    #: Of a whole ONNX graph: all its outputs by name, of which `output` is the first.
    outputs: dict[str, Array] = field(default_factory=dict[str, Array])


@dataclass(frozen=True)
class ManyStepsResult:
    """What became of one session's step: its output, or the problem that refused it."""

    session: str
    output: Array | None
    step: int | None
    states: list[Array]
    problem: Problem | None


def _path(kind: str, name: str, rest: str = "") -> str:
    return f"/v1/{kind}/{quote(name, safe='')}{rest}"


def _id(body: Json) -> str:
    return str(body["id"])


def _body(body: Json) -> Json:
    return body


def _output(file: TensorFile) -> Array:
    return file.tensors["output"] if "output" in file.tensors else file.array("output.0")


def _outputs(file: TensorFile) -> dict[str, Array]:
    return {name.removeprefix("outputs."): value for name, value in file.tensors.items() if name.startswith("outputs.")}


def _inputs(inputs: Inputs) -> dict[str, ArrayLike]:
    if isinstance(inputs, Mapping):
        return {f"inputs.{name}": value for name, value in inputs.items()}
    return {"inputs": inputs}


def _step_result(file: TensorFile) -> StepResult:
    return StepResult(_output(file), file.arrays("states"), file.value("cell_version"), _outputs(file))


def session_step_of(file: TensorFile) -> SessionStep:
    states = file.arrays("states")
    return SessionStep(_output(file), file.value("step"), states, file.value("cell_version"), _outputs(file))


def literal(value: ArrayLike) -> Json:
    """A tensor as JSON; infinities and whole numbers beyond 2^53 as text."""
    array = as_array(value)
    flat = array.ravel().tolist()
    data = [item if not isinstance(item, float) or np.isfinite(item) else _infinity(item) for item in flat]
    return {"shape": list(array.shape), "dtype": str(array.dtype), "data": data}


def _infinity(value: float) -> str:
    return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def create_cell(body: Json, weights: Mapping[str, ArrayLike] | None) -> Request[str]:
    given = {} if weights is None else {"weights": {name: literal(value) for name, value in weights.items()}}
    return json_request(Call("POST", "/v1/cells", json={**body, **given}, key=new_key()), _id)


def import_cell(media_type: str, data: bytes, query: Mapping[str, str]) -> Request[str]:
    return json_request(Call("POST", "/v1/cells", content=(media_type, data), key=new_key(), params=dict(query)), _id)


def describe(kind: str, name: str) -> Request[Json]:
    return json_request(Call("GET", _path(kind, name)), _body)


def delete(kind: str, name: str, query: str = "") -> Request[None]:
    return json_request(Call("DELETE", _path(kind, name, query), key=new_key()), lambda _: None)


def list_page(kind: str, query: Mapping[str, str]) -> Request[Json]:
    return json_request(Call("GET", f"/v1/{kind}", params=dict(query)), _body)


def step(cell: str, inputs: Inputs, states: Sequence[ArrayLike] | None) -> Request[StepResult]:
    file = file_of(_inputs(inputs), {"states": states})
    call = Call("POST", _path("cells", cell, "/steps"), file=file, accept="application/x-safetensors", repeatable=True)
    return file_request(call, _step_result)


def sequence(
    cell: str, inputs: Inputs, initial_state: Sequence[ArrayLike] | None, mask: ArrayLike | None, fields: Json
) -> Request[StepResult]:
    file = file_of({**_inputs(inputs), "mask": mask}, {"initial_state": initial_state}, **fields)
    path = _path("cells", cell, "/sequences")
    call = Call("POST", path, file=file, accept="application/x-safetensors", repeatable=True)
    return file_request(call, _step_result)


def weights(cell: str) -> Request[dict[str, Array]]:
    call = Call("GET", _path("cells", cell, "/weights"), accept="application/x-safetensors")
    return file_request(call, lambda file: dict(file.tensors))


def weight_file(cell: str, media_type: str) -> Request[bytes]:
    return Request(Call("GET", _path("cells", cell, "/weights"), accept=media_type), lambda reply: reply.content)


def set_weights(cell: str, values: Mapping[str, ArrayLike], if_match: int | None) -> Request[Json]:
    body = {"weights": {name: literal(value) for name, value in values.items()}}
    return json_request(
        Call("PUT", _path("cells", cell, "/weights"), json=body, key=new_key(), if_match=if_match), _body
    )


def train(cell: str, tensors: Mapping[str, ArrayLike | None], fields: Json) -> Request[Json]:
    body = {name: literal(value) for name, value in tensors.items() if value is not None}
    body |= {name: value for name, value in fields.items() if value is not None}
    return json_request(Call("POST", _path("cells", cell, "/training_steps"), json=body, key=new_key()), _body)


def apply_op(name: str, inputs: Sequence[ArrayLike], params: Json) -> Request[Array]:
    file = file_of({}, {"inputs": inputs}, params=params or None)
    call = Call("POST", _path("ops", name), file=file, accept="application/x-safetensors", repeatable=True)
    return file_request(call, lambda reply: reply.array("output"))


def open_session(cell: str, options: Json) -> Request[str]:
    return json_request(Call("POST", "/v1/sessions", json={**options, "cell": cell}, key=new_key()), _id)


def session_states(name: str) -> Request[list[Array]]:
    call = Call("GET", _path("sessions", name), accept="application/x-safetensors")
    return file_request(call, lambda file: file.arrays("states"))


def session_step(
    name: str,
    inputs: Inputs,
    *,
    mask: ArrayLike | None,
    return_states: bool,
    key: str | None,
    if_match: int | None,
) -> Request[SessionStep]:
    file = file_of({**_inputs(inputs), "mask": mask}, return_states=return_states or None)
    call = Call(
        "POST",
        _path("sessions", name, "/steps"),
        file=file,
        accept="application/x-safetensors",
        key=key or new_key(),
        if_match=if_match,
    )
    return file_request(call, session_step_of)


def session_change(name: str, route: str, body: Json) -> Request[Json]:
    return json_request(Call("POST", _path("sessions", name, route), json=body, key=new_key()), _body)


def many_steps(steps: Mapping[str, ArrayLike], return_states: bool) -> Request[list[ManyStepsResult]]:
    sessions = list(steps)
    inputs = np.stack([as_array(row) for row in steps.values()])
    keys = [new_key() for _ in sessions]
    file = file_of({"inputs": inputs}, sessions=sessions, keys=keys, return_states=return_states or None)
    call = Call("POST", "/v1/steps", file=file, accept="application/x-safetensors", repeatable=True)
    return file_request(call, _read_many)


def _read_many(file: TensorFile) -> list[ManyStepsResult]:
    output = file.tensors.get("output")
    states = file.arrays("states")
    results: list[ManyStepsResult] = []
    for row, item in enumerate(file.value("results")):
        if "problem" in item:
            results.append(ManyStepsResult(item["session"], None, None, [], Problem(item["problem"])))
            continue
        own = file.array(f"output.{row}") if output is None else output[row]
        results.append(ManyStepsResult(item["session"], own, item["step"], [state[row] for state in states], None))
    return results


def step_message(session: str, inputs: Inputs, number: int) -> TensorFile:
    """A step as a binary message of the WebSocket."""
    return file_of(_inputs(inputs), op="step", session=session, key=new_key(), id=number)


def keras_file(model: Any) -> bytes:
    """A live Keras model, layer or cell of a model as the bytes of a `.keras` file."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.keras"
        model.save(path)
        return path.read_bytes()


_TORCH_ARGUMENTS = (
    "input_size",
    "hidden_size",
    "num_layers",
    "bias",
    "batch_first",
    "dropout",
    "bidirectional",
    "proj_size",
    "nonlinearity",
)


def torch_chain(module: Any, chain: Sequence[str], options: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
    """A live module of several layers, or its state_dict, as a file and the query that names them in order."""
    state: Mapping[str, Any] = module.state_dict() if hasattr(module, "state_dict") else module
    query = {"config.chain": json.dumps(list(chain))}
    query |= {f"config.{name}": json.dumps(value) for name, value in options.items()}
    return write_safetensors(TensorFile({name: _numpy(value) for name, value in state.items()})), query


def _numpy(tensor: Any) -> Array:
    return np.asarray(tensor.detach().cpu().numpy() if hasattr(tensor, "detach") else tensor)


_TORCH_CLASSES = ("RNN", "GRU", "LSTM", "RNNCell", "GRUCell", "LSTMCell")


def torch_cell(module: Any) -> tuple[Json, dict[str, Array]]:
    """A live torch.nn recurrent module or cell: what creates the same cell, and its weights."""
    class_name = type(module).__name__
    if class_name not in _TORCH_CLASSES:
        children = [name for name, _ in module.named_children()] if hasattr(module, "named_children") else []
        said = f"It has {', '.join(children)}. " if children else ""
        raise ValueError(
            f"{class_name} is none of {', '.join(_TORCH_CLASSES)}. {said}"
            "Name its layers in the order in which it calls them: chain=['embedding', 'lstm', 'head']."
        )
    arguments = {name: getattr(module, name) for name in _TORCH_ARGUMENTS if hasattr(module, name)}
    if class_name not in {"RNN", "RNNCell"}:
        arguments.pop("nonlinearity", None)
    if class_name.endswith("Cell"):
        arguments = {k: v for k, v in arguments.items() if k in ("input_size", "hidden_size", "bias", "nonlinearity")}
    elif class_name != "LSTM":
        arguments.pop("proj_size", None)
    state = {name: _numpy(value) for name, value in module.state_dict().items()}
    return {"framework": "pytorch", "class_name": class_name, "config": json.loads(json.dumps(arguments))}, state
