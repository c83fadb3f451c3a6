"""Files of operators: safetensors with one tensor, `weights`, and a JSON header in the metadata. Any thread.

`weights` is float32 `(channels, width, past + future + 1)`, as in `session.model.Operator`. The header, in the metadata
`header`, has the other fields. Files are read as a whole, up to a limit, and nothing in them is executed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct
from safetensors.numpy import save

from lincae_studio import atomic, bounded
from lincae_studio.engine.planning.inserts import digest_of
from lincae_studio.errors import EditError, ExportError, ProjectError, os_error_reason
from lincae_studio.session import operators
from lincae_studio.session.model import MAX_WEIGHTS, Operator, Session
from lincae_studio.session.rules import validated

FORMAT = "lincae-studio-operator"
VERSION = 1
SUFFIX = ".safetensors"

#: Weights, and more than enough for the header.
_MAX_BYTES = 4 * MAX_WEIGHTS + 2**20

_HEADER_BYTES = 8

#: The fields of an operator that are in the header.
_FIELDS = ("name", "space", "codec", "channels", "reach", "past", "future", "r2", "plain_r2", "bands")


class _Tensor(Struct, frozen=True):
    dtype: Literal["F32"]
    shape: tuple[int, int, int]
    data_offsets: tuple[Annotated[int, Meta(ge=0)], Annotated[int, Meta(ge=0)]]


class _Metadata(Struct, frozen=True):
    header: str


class _Index(Struct, frozen=True, forbid_unknown_fields=True):
    """The head of a safetensors file."""

    weights: _Tensor
    metadata: _Metadata = msgspec.field(name="__metadata__")


def save_operator(operator: Operator, path: Path) -> None:
    """Write an operator. Raises `ExportError`; an existing file is kept then."""
    header = {"format": FORMAT, "version": VERSION, "digest": digest_of(operator)}
    header |= {name: getattr(operator, name) for name in _FIELDS}
    shape = operator.channels, operator.width, operator.frames
    weights = np.frombuffer(operator.weights, "<f4").reshape(shape)
    data = save({"weights": weights}, metadata={"header": msgspec.json.encode(header).decode()})
    try:
        atomic.write_bytes(path, data)
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise ExportError(f"cannot write {path}: {reason}", remedy) from error


def load_operator(path: Path) -> Operator:
    """Read an operator.

    Raises:
        ProjectError: when it cannot be read, is not an operator, or was written by a newer version.
    """
    try:
        data = bounded.read(path, _MAX_BYTES)
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise ProjectError(f"cannot read {path}: {reason}", remedy) from error
    try:
        return _parsed(data)
    except (ValueError, RecursionError, EditError) as error:  # msgspec's errors are ValueErrors
        problem = error.problem if isinstance(error, EditError) else str(error)
        raise ProjectError(
            f"{path} is not an operator, or is damaged: {problem}", "Choose a file that an operator was exported to"
        ) from error


def _parsed(data: bytes) -> Operator:
    """The operator in the bytes of a file. Raises `ValueError` or `EditError`."""
    length = int.from_bytes(data[:_HEADER_BYTES], "little")
    body = _HEADER_BYTES + length
    if not 0 < length <= len(data) - _HEADER_BYTES:
        raise ValueError("it is not a safetensors file")
    index = msgspec.json.decode(data[_HEADER_BYTES:body], type=_Index)
    header: dict[str, Any] = msgspec.json.decode(index.metadata.header, type=dict[str, Any])
    if header.get("format") != FORMAT:
        raise ValueError("it has another format")
    if header.get("version") != VERSION:
        raise ValueError(f"it has version {header.get('version')}; this version reads {VERSION}")
    first, last = index.weights.data_offsets
    if (first, last) != (0, len(data) - body):
        raise ValueError("its weights do not fill it")
    fields = {name: header[name] for name in _FIELDS if name in header}
    operator = msgspec.convert(fields | {"id": 1, "weights": data[body:]}, Operator)
    if index.weights.shape != (operator.channels, operator.width, operator.frames):
        raise ValueError("its weights do not have the shape that its header says")
    validated(operators.add(Session(), operator))
    if header.get("digest") != digest_of(operator):
        raise ValueError("its weights are not those that it was written with")
    return operator
