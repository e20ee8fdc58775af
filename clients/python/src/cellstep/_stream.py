"""Steps over one WebSocket. What was not answered before a connection broke is sent again with the same key."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

from websockets.asyncio.client import ClientConnection as AsyncConnection
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from ._problems import Problem, Unreachable
from ._tensors import TensorFile, read_safetensors, write_safetensors
from ._transport import Options, wait_seconds
from .calls import Inputs, SessionStep, session_step_of, step_message

_SUBPROTOCOLS = [Subprotocol("cellstep.v1")]
_PASSING = {429, 503}
# The service does not take this client or its message: connecting again does not help.
_REFUSED = {1002, 1007, 1008, 1009}


class _Attempts:
    """How often one message is sent: the part that both streams share."""

    def __init__(self, message: bytes, retries: int) -> None:
        self.message = message
        self.retries = retries
        self.tries = 0

    def after_close(self, error: Exception) -> float:
        """Seconds to wait. Raises Unreachable where another connection does not help."""
        code = error.rcvd.code if isinstance(error, ConnectionClosed) and error.rcvd else None
        if code in _REFUSED or self.tries >= self.retries:
            raise Unreachable(f"The stream was closed: {error}") from error
        self.tries += 1
        return wait_seconds(self.tries - 1, None)

    def after_answer(self, data: str | bytes) -> SessionStep | float:
        """The step, or seconds to wait. Raises the Problem where waiting does not help."""
        answer = _read(data)
        problem = answer.value("problem")
        if problem is None:
            return session_step_of(answer)
        if problem["status"] not in _PASSING or self.tries >= self.retries:
            raise Problem(problem)
        self.tries += 1
        return wait_seconds(self.tries - 1, str(problem.get("retry_after")))


def _address(options: Options) -> str:
    return "ws" + options.url.removeprefix("http") + "/v1/stream"


def _headers(options: Options) -> dict[str, str]:
    return {} if options.key is None else {"authorization": f"Bearer {options.key}"}


def _read(data: str | bytes) -> TensorFile:
    """A message of the service. A message of text has no tensors."""
    if isinstance(data, bytes):
        return read_safetensors(data)
    return TensorFile({}, {name: json.dumps(value) for name, value in json.loads(data).items()})


def _attempts(options: Options, session: str, given: Inputs, number: int) -> _Attempts:
    return _Attempts(write_safetensors(step_message(session, given, number)), options.retries)


def stream_steps(options: Options, session: str, inputs: Iterable[Inputs]) -> Iterator[SessionStep]:
    connection: ClientConnection | None = None
    try:
        for number, given in enumerate(inputs):
            attempts = _attempts(options, session, given, number)
            while True:
                try:
                    connection = connection or connect(
                        _address(options),
                        subprotocols=_SUBPROTOCOLS,
                        additional_headers=_headers(options),
                        max_size=None,
                    )
                    connection.send(attempts.message)
                    answer = connection.recv(timeout=options.timeout)
                except (OSError, ConnectionClosed) as error:
                    connection = None
                    time.sleep(attempts.after_close(error))
                    continue
                step = attempts.after_answer(answer)
                if isinstance(step, SessionStep):
                    yield step
                    break
                time.sleep(step)
    finally:
        if connection is not None:
            connection.close()


async def _each(inputs: AsyncIterable[Inputs] | Iterable[Inputs]) -> AsyncIterator[Inputs]:
    if isinstance(inputs, AsyncIterable):
        async for given in inputs:
            yield given
    else:
        for given in inputs:
            yield given


async def stream_steps_async(
    options: Options, session: str, inputs: AsyncIterable[Inputs] | Iterable[Inputs]
) -> AsyncIterator[SessionStep]:
    connection: AsyncConnection | None = None
    number = 0
    try:
        async for given in _each(inputs):
            attempts = _attempts(options, session, given, number)
            number += 1
            while True:
                try:
                    connection = connection or await connect_async(
                        _address(options),
                        subprotocols=_SUBPROTOCOLS,
                        additional_headers=_headers(options),
                        max_size=None,
                    )
                    await connection.send(attempts.message)
                    answer = await asyncio.wait_for(connection.recv(), options.timeout)
                except (OSError, ConnectionClosed) as error:
                    connection = None
                    await asyncio.sleep(attempts.after_close(error))
                    continue
                step = attempts.after_answer(answer)
                if isinstance(step, SessionStep):
                    yield step
                    break
                await asyncio.sleep(step)
    finally:
        if connection is not None:
            await connection.close()
