"""The client that waits for each answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from numpy.typing import ArrayLike
from typing_extensions import Self

from . import calls
from ._stream import stream_steps
from ._tensors import Array
from ._transport import Options, Transport
from .calls import Inputs, Json, ManyStepsResult, SessionStep, StepResult


class Client:
    """A cellstep service. Calls are repeated where that is safe: with keys, so that nothing happens twice."""

    def __init__(
        self, url: str = "http://127.0.0.1:8080", *, key: str | None = None, retries: int = 5, timeout: float = 60.0
    ) -> None:
        self._transport = Transport(Options(url.rstrip("/"), key, retries, timeout))

    def create_cell(
        self,
        class_name: str,
        config: Mapping[str, Any],
        *,
        weights: Mapping[str, ArrayLike] | None = None,
        **fields: Any,
    ) -> Cell:
        """Creates a cell from a framework's configuration; `fields` as in the API: id, framework, input_shape …"""
        body = {"class_name": class_name, "config": dict(config), **fields}
        return self.cell(self._transport.run(calls.create_cell(body, weights)))

    def import_file(self, media_type: str, data: bytes, **query: str) -> Cell:
        """Makes a cell from a file of Keras, PyTorch or ONNX; `query` is as the API has it: `layer="lstm"`."""
        return self.cell(self._transport.run(calls.import_cell(media_type, data, query)))

    def import_keras(self, model: Any, **query: str) -> Cell:
        """Serves a live Keras model."""
        return self.import_file("application/x-keras", calls.keras_file(model), **query)

    def import_torch(
        self,
        module: Any,
        *,
        chain: Sequence[str] | None = None,
        options: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> Cell:
        """
        Serves a live recurrent module of torch.nn. One of several layers, or its state_dict, becomes a network where
        `chain` names them in the order in which it calls them; `options` are what no tensor tells:
        `{"head.activation": "softmax"}`.
        """
        if chain is not None:
            data, query = calls.torch_chain(module, chain, options or {})
            return self.import_file("application/x-safetensors", data, **query, **fields)
        body, weights = calls.torch_cell(module)
        return self.cell(self._transport.run(calls.create_cell({**body, **fields}, weights)))

    def cell(self, name: str) -> Cell:
        """The cell of this id, without asking whether it is there."""
        return Cell(self._transport, name)

    def session(self, cell: Cell | str, **options: Any) -> Session:
        """Opens a session; `with` ends it. `options` are the fields of the API: id, batch_size, history …"""
        name = cell.id if isinstance(cell, Cell) else cell
        return self.existing_session(self._transport.run(calls.open_session(name, options)))

    def existing_session(self, name: str) -> Session:
        """The session of this id, without asking whether it is there."""
        return Session(self._transport, name)

    def cells(self) -> Iterator[Json]:
        """Descriptions of all cells, page by page."""
        return self._pages("cells", {})

    def sessions(self) -> Iterator[Json]:
        return self._pages("sessions", {})

    def steps(self, inputs: Mapping[str, ArrayLike], *, return_states: bool = False) -> list[ManyStepsResult]:
        """One step of each of many sessions in one call: session id → inputs [features]. Each stands alone."""
        return self._transport.run(calls.many_steps(inputs, return_states)) if inputs else []

    def op(self, name: str, *inputs: ArrayLike, **params: Any) -> Array:
        """An operation on tensors: `op("tanh", x)`, `op("softmax", x, axis=0)`."""
        return self._transport.run(calls.apply_op(name, inputs, params))

    def close(self) -> None:
        self._transport.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _pages(self, kind: str, query: dict[str, str]) -> Iterator[Json]:
        while True:
            page = self._transport.run(calls.list_page(kind, query))
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            query = {**query, "cursor": page["next_cursor"]}


class Cell:
    """A cell of the service: a network, its weights, and what it computes."""

    def __init__(self, transport: Transport, name: str) -> None:
        self._transport = transport
        self.id = name

    def describe(self) -> Json:
        return self._transport.run(calls.describe("cells", self.id))

    def step(self, inputs: Inputs, states: Sequence[ArrayLike] | None = None) -> StepResult:
        """One step: `inputs` [batch, features], `states` one [batch, units] each, zeros where left out."""
        return self._transport.run(calls.step(self.id, inputs, states))

    def sequence(
        self,
        inputs: Inputs,
        initial_state: Sequence[ArrayLike] | None = None,
        *,
        mask: ArrayLike | None = None,
        **fields: Any,
    ) -> StepResult:
        """Many steps at once: `inputs` [batch, time, features] in the framework's layout."""
        return self._transport.run(calls.sequence(self.id, inputs, initial_state, mask, fields))

    def weights(self) -> dict[str, Array]:
        """All weights by name, of one version of the cell."""
        return self._transport.run(calls.weights(self.id))

    def set_weights(self, weights: Mapping[str, ArrayLike], *, if_match: int | None = None) -> Json:
        return self._transport.run(calls.set_weights(self.id, weights, if_match))

    def weight_file(self, media_type: str) -> bytes:
        """The weights as a file that the framework opens, `application/x-keras` for example."""
        return self._transport.run(calls.weight_file(self.id, media_type))

    def train(
        self,
        inputs: ArrayLike,
        targets: ArrayLike,
        *,
        loss: str | Json,
        optimizer: str | Json,
        sample_weight: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        repeat: int = 1,
        seed: int | None = None,
    ) -> Json:
        """Keras' train_on_batch, `repeat` times in one commit: `loss`, `losses`, `iteration`, `cell_version`."""
        tensors = {"inputs": inputs, "targets": targets, "sample_weight": sample_weight, "mask": mask}
        fields = {"loss": loss, "optimizer": optimizer, "repeat": repeat, "seed": seed}
        return self._transport.run(calls.train(self.id, tensors, fields))

    def delete(self, *, force: bool = False) -> None:
        self._transport.run(calls.delete("cells", self.id, "?force=true" if force else ""))


class Session:
    """A hidden state that the service keeps, durably. Each call happens once, however often it had to be sent."""

    def __init__(self, transport: Transport, name: str) -> None:
        self._transport = transport
        self.id = name

    def describe(self) -> Json:
        return self._transport.run(calls.describe("sessions", self.id))

    def states(self) -> list[Array]:
        """The hidden states as they are now."""
        return self._transport.run(calls.session_states(self.id))

    def step(
        self,
        inputs: Inputs,
        *,
        mask: ArrayLike | None = None,
        key: str | None = None,
        if_match: int | None = None,
    ) -> Array:
        """The output of the next step: `inputs` [batch, features], or [batch, time, features] for several in one."""
        return self.advance(inputs, mask=mask, key=key, if_match=if_match).output

    def advance(
        self,
        inputs: Inputs,
        *,
        mask: ArrayLike | None = None,
        return_states: bool = False,
        key: str | None = None,
        if_match: int | None = None,
    ) -> SessionStep:
        """The next step with all that the service says of it: output, step count, states where asked for."""
        return self._transport.run(
            calls.session_step(self.id, inputs, mask=mask, return_states=return_states, key=key, if_match=if_match)
        )

    def stream(self, inputs: Iterable[Inputs]) -> Iterator[SessionStep]:
        """Steps through inputs as they come, over one WebSocket that is made anew where it breaks."""
        return stream_steps(self._transport.options, self.id, inputs)

    def reset(self) -> Json:
        return self._transport.run(calls.session_change(self.id, "/reset", {}))

    def rewind(self, to_step: int) -> Json:
        """Back to an earlier step within the history."""
        return self._transport.run(calls.session_change(self.id, "/rewind", {"to_step": to_step}))

    def fork(self, **options: Any) -> Session:
        """A copy as a new session, of now or of a kept step (`at_step`)."""
        body = self._transport.run(calls.session_change(self.id, "/fork", options))
        return Session(self._transport, str(body["id"]))

    def close(self) -> None:
        """Ends the session."""
        self._transport.run(calls.delete("sessions", self.id))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
