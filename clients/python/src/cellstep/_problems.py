"""What the service answers in place of a result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class CellstepError(Exception):
    """Every error of this package."""


class Unreachable(CellstepError):
    """The service could not be reached, or hung up, as often as the request was tried."""


class Problem(CellstepError):
    """A refusal. `code` says which problem, the message quotes what was sent and says what to send (RFC 9457)."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__(str(document.get("detail", "")))
        self.document = dict(document)

    @property
    def code(self) -> str:
        return str(self.document.get("code", "unknown"))

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.document.get("status", 0))

    @property
    def errors(self) -> list[Any]:
        """The places of the request that are wrong: `pointer` (JSON pointer) and `detail`."""
        return list(self.document.get("errors", []))

    @property
    def request_id(self) -> str:
        """The request's id, which the service's log has too."""
        return str(self.document.get("request_id", ""))


def problem_of(status: int, text: str) -> Problem:
    """A reply as a problem, also where something between the client and the service answered."""
    try:
        document = json.loads(text)
        if isinstance(document, dict) and "code" in document:
            return Problem(document)  # pyright: ignore[reportUnknownArgumentType]
    except ValueError:
        pass
    return Problem({"code": "unknown", "status": status, "detail": f"HTTP status {status}: {text[:200]}"})
