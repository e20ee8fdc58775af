"""The client for asyncio: the same calls, awaited."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

from numpy.typing import ArrayLike
from typing_extensions import Self

from . import calls
from ._stream import stream_steps_async
from ._tensors import Array
from ._transport import AsyncTransport, Options
from .calls import Inputs, Json, ManyStepsResult, SessionStep, StepResult


class AsyncClient:
    """A cellstep service. Calls are repeated where that is safe: with keys, so that nothing happens twice."""

    def __init__(
        self, url: str = "http://127.0.0.1:8080", *, key: str | None = None, retries: int = 5, timeout: float = 60.0
    ) -> None:
        self._transport = AsyncTransport(Options(url.rstrip("/"), key, retries, timeout))

    async def create_cell(
        self,
        class_name: str,
        config: Mapping[str, Any],
        *,
        weights: Mapping[str, ArrayLike] | None = None,
        **fields: Any,
    ) -> AsyncCell:
        """Creates a cell from a framework's configuration; `fields` as in the API: id, framework, input_shape …"""
        body = {"class_name": class_name, "config": dict(config), **fields}
        return self.cell(await self._transport.run(calls.create_cell(body, weights)))

    async def import_file(self, media_type: str, data: bytes, **query: str) -> AsyncCell:
        """Makes a cell from a file of Keras, PyTorch or ONNX; `query` is as the API has it: `layer="lstm"`."""
        return self.cell(await self._transport.run(calls.import_cell(media_type, data, query)))

    async def import_keras(self, model: Any, **query: str) -> AsyncCell:
        """Serves a live Keras model."""
        return await self.import_file("application/x-keras", calls.keras_file(model), **query)

    async def import_torch(
        self,
        module: Any,
        *,
        chain: Sequence[str] | None = None,
        options: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> AsyncCell:
        """
        Serves a live recurrent module of torch.nn. One of several layers, or its state_dict, becomes a network where
        `chain` names them in the order in which it calls them; `options` are what no tensor tells:
        `{"head.activation": "softmax"}`.
        """
        if chain is not None:
            data, query = calls.torch_chain(module, chain, options or {})
            return await self.import_file("application/x-safetensors", data, **query, **fields)
        body, weights = calls.torch_cell(module)
        return self.cell(await self._transport.run(calls.create_cell({**body, **fields}, weights)))

    def cell(self, name: str) -> AsyncCell:
        """The cell of this id, without asking whether it is there."""
        return AsyncCell(self._transport, name)

    async def session(self, cell: AsyncCell | str, **options: Any) -> AsyncSession:
        """Opens a session; `with` ends it. `options` are the fields of the API: id, batch_size, history …"""
        name = cell.id if isinstance(cell, AsyncCell) else cell
        return self.existing_session(await self._transport.run(calls.open_session(name, options)))

    def existing_session(self, name: str) -> AsyncSession:
        """The session of this id, without asking whether it is there."""
        return AsyncSession(self._transport, name)

    def cells(self) -> AsyncIterator[Json]:
        """Descriptions of all cells, page by page."""
        return self._pages("cells", {})

    def sessions(self) -> AsyncIterator[Json]:
        return self._pages("sessions", {})

    async def steps(self, inputs: Mapping[str, ArrayLike], *, return_states: bool = False) -> list[ManyStepsResult]:
        """One step of each of many sessions in one call: session id → inputs [features]. Each stands alone."""
        return await self._transport.run(calls.many_steps(inputs, return_states)) if inputs else []

    async def op(self, name: str, *inputs: ArrayLike, **params: Any) -> Array:
        """An operation on tensors: `op("tanh", x)`, `op("softmax", x, axis=0)`."""
        return await self._transport.run(calls.apply_op(name, inputs, params))

    async def close(self) -> None:
        await self._transport.http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def _pages(self, kind: str, query: dict[str, str]) -> AsyncIterator[Json]:
        while True:
            page = await self._transport.run(calls.list_page(kind, query))
            for item in page["items"]:
                yield item
            if page["next_cursor"] is None:
                return
            query = {**query, "cursor": page["next_cursor"]}


class AsyncCell:
    """A cell of the service: a network, its weights, and what it computes."""

    def __init__(self, transport: AsyncTransport, name: str) -> None:
        self._transport = transport
        self.id = name

    async def describe(self) -> Json:
        return await self._transport.run(calls.describe("cells", self.id))

    async def step(self, inputs: Inputs, states: Sequence[ArrayLike] | None = None) -> StepResult:
        """One step: `inputs` [batch, features], `states` one [batch, units] each, zeros where left out."""
        return await self._transport.run(calls.step(self.id, inputs, states))

    async def sequence(
        self,
        inputs: Inputs,
        initial_state: Sequence[ArrayLike] | None = None,
        *,
        mask: ArrayLike | None = None,
        **fields: Any,
    ) -> StepResult:
        """Many steps at once: `inputs` [batch, time, features] in the framework's layout."""
        return await self._transport.run(calls.sequence(self.id, inputs, initial_state, mask, fields))

    async def weights(self) -> dict[str, Array]:
        """All weights by name, of one version of the cell."""
        return await self._transport.run(calls.weights(self.id))

    async def set_weights(self, weights: Mapping[str, ArrayLike], *, if_match: int | None = None) -> Json:
        return await self._transport.run(calls.set_weights(self.id, weights, if_match))

    async def weight_file(self, media_type: str) -> bytes:
        """The weights as a file that the framework opens, `application/x-keras` for example."""
        return await self._transport.run(calls.weight_file(self.id, media_type))

    async def train(
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
        return await self._transport.run(calls.train(self.id, tensors, fields))

    async def delete(self, *, force: bool = False) -> None:
        await self._transport.run(calls.delete("cells", self.id, "?force=true" if force else ""))


class AsyncSession:
    """A hidden state that the service keeps, durably. Each call happens once, however often it had to be sent."""

    def __init__(self, transport: AsyncTransport, name: str) -> None:
        self._transport = transport
        self.id = name

    async def describe(self) -> Json:
        return await self._transport.run(calls.describe("sessions", self.id))

    async def states(self) -> list[Array]:
        """The hidden states as they are now."""
        return await self._transport.run(calls.session_states(self.id))

    async def step(
        self,
        inputs: Inputs,
        *,
        mask: ArrayLike | None = None,
        key: str | None = None,
        if_match: int | None = None,
    ) -> Array:
        """The output of the next step: `inputs` [batch, features], or [batch, time, features] for several in one."""
        return (await self.advance(inputs, mask=mask, key=key, if_match=if_match)).output

    async def advance(
        self,
        inputs: Inputs,
        *,
        mask: ArrayLike | None = None,
        return_states: bool = False,
        key: str | None = None,
        if_match: int | None = None,
    ) -> SessionStep:
        """The next step with all that the service says of it: output, step count, states where asked for."""
        return await self._transport.run(
            calls.session_step(self.id, inputs, mask=mask, return_states=return_states, key=key, if_match=if_match)
        )

    def stream(self, inputs: AsyncIterable[Inputs] | Iterable[Inputs]) -> AsyncIterator[SessionStep]:
        """Steps through inputs as they come, over one WebSocket that is made anew where it breaks."""
        return stream_steps_async(self._transport.options, self.id, inputs)

    async def reset(self) -> Json:
        return await self._transport.run(calls.session_change(self.id, "/reset", {}))

    async def rewind(self, to_step: int) -> Json:
        """Back to an earlier step within the history."""
        return await self._transport.run(calls.session_change(self.id, "/rewind", {"to_step": to_step}))

    async def fork(self, **options: Any) -> AsyncSession:
        """A copy as a new session, of now or of a kept step (`at_step`)."""
        body = await self._transport.run(calls.session_change(self.id, "/fork", options))
        return AsyncSession(self._transport, str(body["id"]))

    async def close(self) -> None:
        """Ends the session."""
        await self._transport.run(calls.delete("sessions", self.id))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()
