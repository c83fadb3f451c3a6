"""Untrusted checkpoints: files written by torch are read; others are refused before they take memory."""

from __future__ import annotations

import collections
import contextlib
import io
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lincae_studio.codecs.lincae.checkpoint import RefusedError, read_state

LIMIT = 1 << 24

#: `bytearray(2**31 - 1)`, which torch's restricted reader would create.
CLAIM = b"\x80\x02cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R."


def sample() -> dict[str, torch.Tensor]:
    """Every layout of tensors in models: shared storages, views, parameters, scalars, empty ones, other types."""
    base = torch.arange(12.0).reshape(3, 4)
    return collections.OrderedDict(
        base=base,
        transposed=base.t(),
        part=base[1:, 1:],
        parameter=torch.nn.Parameter(torch.ones(2)),
        scalar=torch.tensor(7.0, dtype=torch.float64),
        empty=torch.zeros(0, 3),
        half=torch.full((3,), 0.5, dtype=torch.float16),
        brain=torch.full((3,), 0.5, dtype=torch.bfloat16),
        count=torch.tensor(5),
    )


def zipped(path: Path, pickled: bytes, data: dict[str, bytes] | None = None, compression: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("x/data.pkl", pickled)
        for key, content in (data or {}).items():
            archive.writestr(f"x/data/{key}", content)
    return path


class Stored:
    """A storage, for `pickled`."""

    def __init__(self, key: str, elements: int) -> None:
        self.identity = ("storage", torch.FloatStorage, key, "cpu", elements)


def pickled(content: object) -> bytes:
    """A pickle as torch writes it, with `Stored` as storages."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, item: object) -> object:
            return item.identity if isinstance(item, Stored) else None

    data = io.BytesIO()
    Pickler(data, 2).dump(content)
    return data.getvalue()


class View:
    """A tensor, for `pickled`."""

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return torch._utils._rebuild_tensor_v2, (*self.arguments, False, collections.OrderedDict())


def view(elements: int = 4, size: tuple[int, ...] = (4,), stride: tuple[int, ...] = (1,), offset: int = 0) -> View:
    return View(Stored("0", elements), offset, size, stride)


@pytest.mark.parametrize("zipped_form", [True, False])
@pytest.mark.parametrize("protocol", [2, 4])
def test_files_written_by_torch_are_read(tmp_path: Path, zipped_form: bool, protocol: int) -> None:
    path = tmp_path / "a.pth"
    torch.save(sample(), path, _use_new_zipfile_serialization=zipped_form, pickle_protocol=protocol)
    found = read_state(path, LIMIT)
    assert list(found) == list(sample())
    for name, value in sample().items():
        assert torch.equal(found[name], value)
        assert found[name].dtype == value.dtype
        assert found[name].stride() == value.stride()
    assert found["base"].untyped_storage().data_ptr() == found["part"].untyped_storage().data_ptr()


def test_the_state_of_a_module_is_read(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Conv1d(2, 3, 3), torch.nn.BatchNorm1d(3))
    torch.save(module.state_dict(), tmp_path / "a.pth")
    found = read_state(tmp_path / "a.pth", LIMIT)
    assert all(torch.equal(found[name], value) for name, value in module.state_dict().items())


def as_is(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "write",
    [
        lambda path: as_is(path, CLAIM),
        lambda path: zipped(path, CLAIM),
        lambda path: zipped(path, pickled({"a": view(1 << 29, (1 << 29,))}), {"0": bytes(16)}),
        lambda path: zipped(path, pickled({"a": view(1 << 25)}), {"0": bytes(1 << 25)}, zipfile.ZIP_DEFLATED),
        lambda path: zipped(path, bytes(1 << 25), compression=zipfile.ZIP_DEFLATED),
        lambda path: zipped(path, b"\x80\x02\x8a\xff" + bytes(255) + b"."),
        lambda path: zipped(path, b"\x80\x02X\xff\xff\xff\x7fabc."),
    ],
    ids=["older", "zipped", "elements", "deflated", "deflated-pickle", "integer", "text"],
)
def test_no_memory_is_allocated_for_data_missing_from_the_file(tmp_path: Path, write: Any) -> None:
    path = write(tmp_path / "a.pth")
    tracemalloc.start()
    try:
        with pytest.raises(RefusedError):
            read_state(path, LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_storages_larger_than_an_older_file_are_refused_before_they_are_read(tmp_path: Path) -> None:
    class Parts(io.BytesIO):
        def add(self, content: object) -> None:
            self.write(pickled(content))

    parts = Parts()
    identity = Stored("0", 1 << 40)
    identity.identity = (*identity.identity, None)  # type: ignore[assignment]  # as older files have it
    for content in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, {"a": View(identity, 0, (4,), (1,))}, ["0"]):
        parts.add(content)
    parts.write(struct.pack("<q", 1 << 40) + bytes(16))
    with pytest.raises(RefusedError, match="larger than the file"):
        read_state(as_is(tmp_path / "a.pth", parts.getvalue()), LIMIT)


@pytest.mark.parametrize(
    ("content", "data"),
    [
        ([view()], bytes(16)),
        ({"a": 1}, bytes(16)),
        ({"a": {"b": view()}}, bytes(16)),
        ({1: view()}, bytes(16)),
        ({"a": view(4, (5,))}, bytes(16)),
        ({"a": view(4, (4,), (2,))}, bytes(16)),
        ({"a": view(4, (4,), (1,), 1)}, bytes(16)),
        ({"a": view(4, (2, 2), (1,))}, bytes(16)),
        ({"a": view(4, (-1,))}, bytes(16)),
        ({"a": view(4, (1 << 40, 1 << 40), (0, 0))}, bytes(16)),
        ({"a": view(5, (5,))}, bytes(16)),
        ({"a": view()}, bytes(15)),
        ({"a": view()}, None),
        ({"a": torch.nn.Linear}, bytes(16)),
        ({"a": complex(1, 2)}, bytes(16)),
    ],
    ids=range(15),
)
def test_anything_but_a_state_dict_is_refused(tmp_path: Path, content: object, data: bytes | None) -> None:
    path = zipped(tmp_path / "a.pth", pickled(content), {} if data is None else {"0": data})
    with pytest.raises(RefusedError):
        read_state(path, LIMIT)
    zipped(path, pickled({"a": view()}), {"0": bytes(16)})
    assert list(read_state(path, LIMIT)) == ["a"]


def test_keys_that_take_forever_to_hash_are_refused(tmp_path: Path) -> None:
    nested = b"N" + b"q\x00h\x00\x86" * 200  # a pair of the same pair, 200 times
    with pytest.raises(RefusedError):
        read_state(zipped(tmp_path / "a.pth", b"\x80\x02}" + nested + b"Ns."), LIMIT)


def test_parts_that_overlap_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.pth", pickled({"a": view()}), {"0": bytes(100_000)})
    data = path.read_bytes()
    at = data.rindex(b"PK\x01\x02")
    entry = data[at : data.index(b"PK\x05\x06")]
    copies = b"".join(entry.replace(b"x/data/0", f"x/data/{n}".encode()) for n in range(9))
    end = bytearray(data[data.index(b"PK\x05\x06") :])
    end[8:16] = struct.pack("<HHI", 10, 10, len(data[data.index(b"PK\x01\x02") : at]) + len(copies))
    path.write_bytes(data[:at] + copies + end)
    assert len(zipfile.ZipFile(path).infolist()) == 10
    with pytest.raises(RefusedError, match="larger than the file"):
        read_state(path, LIMIT)


def test_a_file_larger_than_its_configuration_needs_is_refused(tmp_path: Path) -> None:
    torch.save(sample(), tmp_path / "a.pth")
    with pytest.raises(RefusedError, match="more than its configuration"):
        read_state(tmp_path / "a.pth", 1000)


@pytest.mark.parametrize("zipped_form", [True, False])
def test_damaged_files_are_read_or_refused(tmp_path: Path, zipped_form: bool) -> None:
    path = tmp_path / "a.pth"
    torch.save(sample(), path, _use_new_zipfile_serialization=zipped_form)
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), 3):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged[: rng.integers(len(data) // 2, len(data) + 1)])
        with contextlib.suppress(RefusedError):
            read_state(path, LIMIT)
