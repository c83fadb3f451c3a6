"""Reading torch checkpoints (`.pth`) from untrusted sources. Any thread; nothing is executed or unpickled.

torch's own restricted reader allocates all that a pickle asks for: 132 bytes of `bytearray(2**31 - 1)` take 2 GiB. Here
the few opcodes that a state dict needs are interpreted, and memory for a tensor is allocated only if the file has its
values.

Two forms are read. A zip archive (torch 1.6 and later) has the pickle in `<name>/data.pkl` and each storage in
`<name>/data/<key>`, uncompressed. An older file is a series of pickles (magic number, version, system, state dict, list
of storage keys), followed by the number of elements and the values of each storage.
"""

from __future__ import annotations

import io
import os
import pickletools
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch
from msgspec import Struct
from torch import Tensor

from lincae_studio import bounded

#: Largest pickle, in bytes and in opcodes: a tensor takes about 100 bytes and 30 opcodes.
_MAX_PICKLE_BYTES, _MAX_OPCODES = 1 << 22, 500_000

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001

_TYPES = {
    f"{name}Storage": kind
    for name, kind in {
        "Double": torch.float64,
        "Float": torch.float32,
        "Half": torch.float16,
        "BFloat16": torch.bfloat16,
        "Long": torch.int64,
        "Int": torch.int32,
        "Short": torch.int16,
        "Char": torch.int8,
        "Byte": torch.uint8,
        "ComplexFloat": torch.complex64,
        "ComplexDouble": torch.complex128,
    }.items()
}


class RefusedError(ValueError):
    """Why a file is refused."""


class _Name(NamedTuple):
    """A global, by module and name; it is never imported."""

    module: str
    name: str


class _Storage(Struct, frozen=True):
    """A run of elements in the file, by its key."""

    key: str
    kind: torch.dtype
    elements: int

    @property
    def bytes(self) -> int:
        return self.elements * self.kind.itemsize


class _View(Struct, frozen=True):
    """A tensor, before its storage is read; counted in elements."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def read_state(path: Path, limit_bytes: int) -> dict[str, Tensor]:
    """The state dict in a file of at most `limit_bytes`.

    Raises:
        RefusedError: when it is damaged or too large, or contains anything but tensors by name.
        OSError: when it cannot be read.
    """
    try:
        with bounded.open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit_bytes:
                raise RefusedError(f"it has {size:,} bytes, more than its configuration can need ({limit_bytes:,})")
            return _read_archive(file, size) if zipfile.is_zipfile(file) else _read_older(file, size)
    except (RefusedError, OSError):
        raise
    except Exception as error:  # a damaged file can make the readers of zip and pickles raise anything
        raise RefusedError(f"its structure is not valid ({type(error).__name__})") from error


def _read_archive(file: BinaryIO, size: int) -> dict[str, Tensor]:
    with bounded.open_archive(file) as archive:
        listed = archive.infolist()
        if any(info.compress_type != zipfile.ZIP_STORED for info in listed):
            raise RefusedError("it is compressed")
        if sum(info.file_size for info in listed) > size:  # they overlap
            raise RefusedError("its parts are larger than the file")
        members = {info.filename: info for info in listed}
        (pickled,) = (name for name in members if name.split("/")[1:] == ["data.pkl"])
        prefix = pickled.removesuffix("data.pkl")
        if members[pickled].file_size > _MAX_PICKLE_BYTES:
            raise RefusedError("its pickle is too large")
        order = members.get(f"{prefix}byteorder")
        if order is not None and (order.file_size != 6 or archive.read(order) != b"little"):
            raise RefusedError("its numbers are not little-endian")
        state = _state(_interpreted(io.BytesIO(archive.read(pickled))))

        def read(storage: _Storage) -> Tensor:
            info = members[f"{prefix}data/{storage.key}"]
            if info.file_size != storage.bytes:
                raise RefusedError("a tensor does not have the size of its data")
            with archive.open(info) as part:
                return _elements(part, storage)

        return _tensors(state, read)


def _read_older(file: BinaryIO, size: int) -> dict[str, Tensor]:
    file.seek(0)
    start = io.BytesIO(file.read(_MAX_PICKLE_BYTES))
    magic, protocol, system = (_interpreted(start) for _ in range(3))
    if (magic, protocol) != (_MAGIC, _PROTOCOL) or not system["little_endian"]:
        raise RefusedError("it is not a torch checkpoint")
    state, keys = _state(_interpreted(start)), _interpreted(start)
    storages = {view.storage.key: view.storage for view in state.values()}
    if sorted(keys) != sorted(storages) or any(view.storage != storages[view.storage.key] for view in state.values()):
        raise RefusedError("its storages are not those of its tensors")
    if start.tell() + sum(8 + storage.bytes for storage in storages.values()) > size:
        raise RefusedError("its tensors are larger than the file")
    file.seek(start.tell())
    read = {}
    for key in keys:
        if struct.unpack("<q", file.read(8))[0] != storages[key].elements:
            raise RefusedError("a tensor does not have the size of its data")
        read[key] = _elements(file, storages[key])
    return _tensors(state, lambda storage: read[storage.key])


def _state(found: Any) -> dict[str, _View]:
    if not isinstance(found, dict) or not all(isinstance(value, _View) for value in found.values()):
        raise RefusedError("it is not a state dict")
    return found


def _elements(file: Any, storage: _Storage) -> Tensor:
    """The elements of a storage, read from the position of a file."""
    if not storage.elements:
        return torch.empty(0, dtype=storage.kind)
    data = bytearray(storage.bytes)
    view, done = memoryview(data), 0
    while done < len(data):
        count = file.readinto(view[done : done + (1 << 22)])
        if not count:
            raise EOFError
        done += count
    return torch.frombuffer(data, dtype=storage.kind)


def _tensors(state: dict[str, _View], read: Callable[[_Storage], Tensor]) -> dict[str, Tensor]:
    storages: dict[_Storage, Tensor] = {}
    found = {}
    for name, view in state.items():
        if view.storage not in storages:
            storages[view.storage] = read(view.storage)
        # Raises an error for a view beyond the storage.
        found[name] = torch.as_strided(storages[view.storage], view.size, view.stride, view.offset)
    return found


def _interpreted(data: io.BytesIO) -> Any:
    """The value of the pickle at the position of `data`: numbers, text, lists, tuples, dicts with text as keys, and
    `_View` for tensors. Raises `RefusedError` for anything else, and any exception if it is damaged."""
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}

    def since_mark() -> list[Any]:
        at = marks.pop()
        items, stack[at:] = stack[at:], []
        return items

    def taken(count: int) -> list[Any]:
        if len(stack) - (marks[-1] if marks else 0) < count:
            raise IndexError
        items, stack[len(stack) - count :] = stack[len(stack) - count :], []
        return items

    argument: Any
    for number, (opcode, argument, _) in enumerate(pickletools.genops(data)):
        if number > _MAX_OPCODES:
            raise RefusedError("its pickle is too long")
        match opcode.name:
            case "PROTO" | "FRAME":
                pass
            case "STOP":
                (value,) = stack
                return value
            case "MARK":
                marks.append(len(stack))
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[opcode.name])
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT":
                stack.append(argument)
            case "BINUNICODE" | "SHORT_BINUNICODE":
                stack.append(argument)
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[opcode.name]())
            case "TUPLE":
                stack.append(tuple(since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(taken(int(opcode.name[-1]))))
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "APPEND" | "APPENDS":
                items = taken(1) if opcode.name == "APPEND" else since_mark()
                _expect(stack[-1], list).extend(items)
            case "SETITEM" | "SETITEMS":
                items = taken(2) if opcode.name == "SETITEM" else since_mark()
                target = _expect(stack[-1], dict)
                for key, value in _pairs(items):
                    target[_expect(key, str)] = value
            case "GLOBAL":
                stack.append(_Name(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                stack.append(_Name(*(_expect(text, str) for text in taken(2))))
            case "BINPERSID":
                stack.append(_storage(*taken(1)))
            case "REDUCE":
                function, arguments = taken(2)
                stack.append(_called(function, _expect(arguments, tuple)))
            case "BUILD":  # attributes of a dict, such as the versions of modules
                taken(1)
                _expect(stack[-1], dict)
            case name:
                raise RefusedError(f"its pickle contains {name}")
    raise EOFError


def _pairs(items: list[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(items[::2], items[1::2], strict=True)


def _expect(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise RefusedError("its pickle contains values other than named tensors")
    return value


def _storage(identity: Any) -> _Storage:
    """A storage, from a tuple of "storage", type, key, device, elements, and in older files a view, which is None."""
    what, kind, key, _device, elements, *view = _expect(identity, tuple)
    if what != "storage" or not isinstance(kind, _Name) or kind.module != "torch" or any(view):
        raise RefusedError("its pickle refers to something that is not in the file")
    if kind.name not in _TYPES:
        raise RefusedError(f"its numbers have a type that is not supported ({kind.name})")
    return _Storage(_expect(key, str), _TYPES[kind.name], _natural(elements))


def _called(function: Any, arguments: tuple[Any, ...]) -> Any:
    if function == _Name("collections", "OrderedDict") and not arguments:
        return {}
    if function == _Name("torch._utils", "_rebuild_tensor_v2"):
        storage, offset, size, stride, *_ = arguments
        if not isinstance(storage, _Storage):
            raise RefusedError("a tensor has no storage")
        shape, steps = (tuple(map(_natural, _expect(values, tuple))) for values in (size, stride))
        return _View(storage, _natural(offset), shape, steps)
    if function == _Name("torch._utils", "_rebuild_parameter"):
        return arguments[0]
    name = ".".join(function) if isinstance(function, _Name) else type(function).__name__
    raise RefusedError(f"its pickle calls {name}")


def _natural(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise RefusedError("the shape of a tensor is not valid")
    return value
