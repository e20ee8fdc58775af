"""Tensors on the wire: safetensors, whose metadata has the fields that are not tensors, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

SAFETENSORS = "application/x-safetensors"

Array = NDArray[Any]
# Types of safetensors and of NumPy, by the service's names.
_TYPES = {
    "float64": ("F64", "<f8"),
    "float32": ("F32", "<f4"),
    "int64": ("I64", "<i8"),
    "int32": ("I32", "<i4"),
    "bool": ("BOOL", "|b1"),
}
_DTYPES: dict[str, str] = {**dict(_TYPES.values()), "F16": "<f2"}
_MAX_HEADER_BYTES = 2**26


@dataclass(frozen=True)
class TensorFile:
    """Named tensors, and fields that are not tensors as JSON text."""

    tensors: Mapping[str, Array]
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])

    def array(self, name: str) -> Array:
        return self.tensors[name]

    def arrays(self, name: str) -> list[Array]:
        """The tensors `name.0`, `name.1` …"""
        found: list[Array] = []
        while f"{name}.{len(found)}" in self.tensors:
            found.append(self.tensors[f"{name}.{len(found)}"])
        return found

    def value(self, name: str) -> Any:
        return json.loads(self.metadata.get(name, "null"))


def as_array(value: ArrayLike) -> Array:
    """Numbers as the service takes them: NumPy's own types where it has them, all else as float32."""
    array = np.asarray(value)
    if str(array.dtype) in _TYPES and (isinstance(value, np.ndarray | np.generic) or array.dtype == np.bool_):
        return array
    return array.astype(np.float32)


def file_of(
    tensors: Mapping[str, ArrayLike | None],
    lists: Mapping[str, Sequence[ArrayLike] | None] | None = None,
    **fields: Any,
) -> TensorFile:
    """A request as a file; what is None is left out. The tensors of a list are `name.0`, `name.1` …"""
    named = {name: as_array(value) for name, value in tensors.items() if value is not None}
    for name, values in (lists or {}).items():
        for i, value in enumerate(values or []):
            named[f"{name}.{i}"] = as_array(value)
    return TensorFile(named, {name: json.dumps(value) for name, value in fields.items() if value is not None})


def write_safetensors(file: TensorFile) -> bytes:
    """8 bytes of length, a JSON header, the tensors' bytes; the widest elements first, so that all are aligned."""
    header: dict[str, Any] = {"__metadata__": dict(file.metadata)} if file.metadata else {}
    parts: list[bytes] = []
    size = 0
    for name, array in sorted(file.tensors.items(), key=lambda item: -item[1].itemsize):
        kind, dtype = _TYPES[str(array.dtype)]
        data = np.asarray(array, dtype).tobytes()
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [size, size + len(data)]}
        parts.append(data)
        size += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])


def read_safetensors(data: bytes) -> TensorFile:
    """Reads a file; bfloat16 becomes float32. Raises ValueError where the bytes are not such a file."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(_MAX_HEADER_BYTES, len(data) - 8):
        raise ValueError("The reply is not a safetensors file.")
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    body = memoryview(data)[8 + length :]
    tensors: dict[str, Array] = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        tensors[name] = np.reshape(_read_array(entry["dtype"], body[start:end]), entry["shape"])
    return TensorFile(tensors, metadata)


def _read_array(kind: str, data: memoryview) -> Array:
    if kind == "BF16":
        wide: Array = np.frombuffer(data, np.uint16).astype(np.uint32) << 16
        return np.frombuffer(wide.tobytes(), np.float32)
    return np.array(np.frombuffer(data, _DTYPES[kind]))
