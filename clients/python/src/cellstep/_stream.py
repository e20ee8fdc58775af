"""Steps over one WebSocket. What was not answered before a connection broke is sent again with the same key."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any

from numpy.typing import ArrayLike
from websockets.asyncio.client import ClientConnection as AsyncConnection
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from ._problems import Problem, Unreachable
from ._tensors import TensorFile, read_safetensors, write_safetensors
from ._transport import Options, wait_seconds
from .calls import SessionStep, session_step_of, step_message

_SUBPROTOCOLS = [Subprotocol("cellstep.v1")]
_PASSING = {429, 503}
# The service will not have this client, or its message: coming again does not help.
_REFUSED = {1002, 1007, 1008, 1009}


def _address(options: Options) -> str:
    return "ws" + options.url.removeprefix("http") + "/v1/stream"


def _headers(options: Options) -> dict[str, str]:
    return {} if options.key is None else {"authorization": f"Bearer {options.key}"}


def _read(data: str | bytes) -> TensorFile:
    """A message of the service; one of text has no tensors."""
    if isinstance(data, bytes):
        return read_safetensors(data)
    return TensorFile({}, {name: json.dumps(value) for name, value in json.loads(data).items()})


def _passing(problem: Any) -> bool:
    return problem is not None and problem["status"] in _PASSING


def _refusal(error: Exception, tries: int, retries: int) -> Unreachable | None:
    """The error to end with, or None where another connection may help."""
    code = error.rcvd.code if isinstance(error, ConnectionClosed) and error.rcvd else None
    if code not in _REFUSED and tries < retries:
        return None
    return Unreachable(f"The stream was closed: {error}")


def stream_steps(options: Options, session: str, inputs: Iterable[ArrayLike]) -> Iterator[SessionStep]:
    connection: ClientConnection | None = None
    try:
        for number, given in enumerate(inputs):
            message = write_safetensors(step_message(session, given, number))
            tries = 0
            while True:
                try:
                    connection = connection or connect(
                        _address(options),
                        subprotocols=_SUBPROTOCOLS,
                        additional_headers=_headers(options),
                        max_size=None,
                    )
                    connection.send(message)
                    answer = _read(connection.recv(timeout=options.timeout))
                except (OSError, ConnectionClosed) as error:
                    if (refusal := _refusal(error, tries, options.retries)) is not None:
                        raise refusal from error
                    connection = None
                    time.sleep(wait_seconds(tries, None))
                    tries += 1
                    continue
                problem = answer.value("problem")
                if problem is None:
                    yield session_step_of(answer)
                    break
                if not _passing(problem) or tries >= options.retries:
                    raise Problem(problem)
                time.sleep(wait_seconds(tries, str(problem.get("retry_after"))))
                tries += 1
    finally:
        if connection is not None:
            connection.close()


async def _each(inputs: AsyncIterable[ArrayLike] | Iterable[ArrayLike]) -> AsyncIterator[ArrayLike]:
    if isinstance(inputs, AsyncIterable):
        async for given in inputs:
            yield given
    else:
        for given in inputs:
            yield given


async def stream_steps_async(
    options: Options, session: str, inputs: AsyncIterable[ArrayLike] | Iterable[ArrayLike]
) -> AsyncIterator[SessionStep]:
    connection: AsyncConnection | None = None
    number = 0
    try:
        async for given in _each(inputs):
            message = write_safetensors(step_message(session, given, number))
            number += 1
            tries = 0
            while True:
                try:
                    connection = connection or await connect_async(
                        _address(options),
                        subprotocols=_SUBPROTOCOLS,
                        additional_headers=_headers(options),
                        max_size=None,
                    )
                    await connection.send(message)
                    answer = _read(await asyncio.wait_for(connection.recv(), options.timeout))
                except (OSError, ConnectionClosed) as error:
                    if (refusal := _refusal(error, tries, options.retries)) is not None:
                        raise refusal from error
                    connection = None
                    await asyncio.sleep(wait_seconds(tries, None))
                    tries += 1
                    continue
                problem = answer.value("problem")
                if problem is None:
                    yield session_step_of(answer)
                    break
                if not _passing(problem) or tries >= options.retries:
                    raise Problem(problem)
                await asyncio.sleep(wait_seconds(tries, str(problem.get("retry_after"))))
                tries += 1
    finally:
        if connection is not None:
            await connection.close()
