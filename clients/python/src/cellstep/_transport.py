"""Requests, and when they may be sent again."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx

from ._problems import Problem, Unreachable, problem_of
from ._tensors import SAFETENSORS, TensorFile, read_safetensors, write_safetensors

T = TypeVar("T")

_PASSING = {429, 502, 503, 504}
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 10.0


@dataclass(frozen=True)
class Call:
    """One request of the API. With a key, or where it changes nothing, it can be sent again."""

    method: str
    path: str
    json: Any = None
    file: TensorFile | None = None
    content: tuple[str, bytes] | None = None
    accept: str | None = None
    key: str | None = None
    if_match: int | None = None
    repeatable: bool = False
    params: dict[str, str] | None = None

    @property
    def may_repeat(self) -> bool:
        return self.repeatable or self.key is not None or self.method in ("GET", "PUT")

    def request(self, token: str | None) -> dict[str, Any]:
        """Arguments for httpx."""
        headers: dict[str, str] = {}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        if self.accept is not None:
            headers["accept"] = self.accept
        if self.key is not None:
            headers["idempotency-key"] = self.key
        if self.if_match is not None:
            headers["if-match"] = f'"{self.if_match}"'
        body: dict[str, Any] = {}
        if self.file is not None:
            headers["content-type"] = SAFETENSORS
            body = {"content": write_safetensors(self.file)}
        elif self.content is not None:
            headers["content-type"], content = self.content
            body = {"content": content}
        elif self.json is not None:
            body = {"json": self.json}
        return {"method": self.method, "url": self.path, "params": self.params, "headers": headers, **body}


@dataclass(frozen=True)
class Request(Generic[T]):
    """A call, and what its reply means."""

    call: Call
    read: Callable[[httpx.Response], T]


def json_request(call: Call, read: Callable[[Any], T]) -> Request[T]:
    return Request(call, lambda reply: read(None if reply.status_code == 204 else reply.json()))


def file_request(call: Call, read: Callable[[TensorFile], T]) -> Request[T]:
    return Request(call, lambda reply: read(read_safetensors(reply.content)))


def new_key() -> str:
    return str(uuid.uuid4())


def wait_seconds(tries: int, retry_after: str | None) -> float:
    """As long as the service asks, else twice as long each time, less a random part so that clients spread out."""
    own = min(_LONGEST_WAIT, _FIRST_WAIT * 2**tries) * (0.5 + random.random() / 2)
    try:
        return min(_LONGEST_WAIT, max(own, float(retry_after or "")))
    except ValueError:
        return own


class _Attempts:
    """How often a call is tried: the part that both transports share."""

    def __init__(self, call: Call, retries: int) -> None:
        self.call = call
        self.retries = retries if call.may_repeat else 0
        self.tries = 0

    def after_error(self, error: httpx.TransportError) -> float:
        """Seconds to wait. Raises Unreachable after the last try."""
        if self.tries >= self.retries:
            raise Unreachable(f"{self.call.method} {self.call.path}: {error}") from error
        self.tries += 1
        return wait_seconds(self.tries - 1, None)

    def after_reply(self, reply: httpx.Response) -> float:
        """Seconds to wait. Raises the Problem where waiting does not help."""
        problem: Problem = problem_of(reply.status_code, reply.text)
        passes = problem.status in _PASSING or problem.code == "in-progress"
        if not passes or self.tries >= self.retries:
            raise problem
        self.tries += 1
        return wait_seconds(self.tries - 1, reply.headers.get("retry-after"))


@dataclass(frozen=True)
class Options:
    url: str
    key: str | None = None
    retries: int = 5
    timeout: float = 60.0


class Transport:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.http = httpx.Client(base_url=options.url, timeout=options.timeout)

    def run(self, request: Request[T]) -> T:
        attempts = _Attempts(request.call, self.options.retries)
        while True:
            try:
                reply = self.http.request(**request.call.request(self.options.key))
            except httpx.TransportError as error:
                time.sleep(attempts.after_error(error))
                continue
            if reply.is_success:
                return request.read(reply)
            time.sleep(attempts.after_reply(reply))


class AsyncTransport:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.http = httpx.AsyncClient(base_url=options.url, timeout=options.timeout)

    async def run(self, request: Request[T]) -> T:
        attempts = _Attempts(request.call, self.options.retries)
        while True:
            try:
                reply = await self.http.request(**request.call.request(self.options.key))
            except httpx.TransportError as error:
                await asyncio.sleep(attempts.after_error(error))
                continue
            if reply.is_success:
                return request.read(reply)
            await asyncio.sleep(attempts.after_reply(reply))
