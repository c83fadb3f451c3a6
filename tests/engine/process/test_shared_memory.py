"""Shared memory between window and engine; real processes use it in `test_client`."""

from __future__ import annotations

import multiprocessing
import shutil
from collections import namedtuple
from collections.abc import Iterator

import numpy as np
import pytest

from lincae_studio.engine.process.shared_memory import SharedReader, SharedWriter
from tests.helpers import noise


@pytest.fixture
def reader() -> Iterator[SharedReader]:
    reader = SharedReader(multiprocessing.get_context("spawn"))
    yield reader
    reader.close()


def test_arrays_are_read_unchanged_and_stay_valid(reader: SharedReader) -> None:
    writer = SharedWriter(reader.handle)
    kept = []
    for number in range(5):
        arrays = (noise(number, 2, 30), noise(number + 100, 2, 500))
        slot = writer.write(arrays)
        assert slot == number % 2
        kept.append((arrays, reader.read(slot, [array.shape for array in arrays])))
    for written, read in kept:
        assert all(map(np.array_equal, written, read))


def test_no_slot_is_written_before_it_was_read(reader: SharedReader) -> None:
    writer = SharedWriter(reader.handle)
    for number in range(2):
        writer.write([noise(number, 3, 4)])
    assert not reader.handle.free.acquire(block=False)
    reader.read(0, [(3, 4)])
    assert reader.handle.free.acquire(block=False)


def test_arrays_that_are_too_large_are_sent_another_way(reader: SharedReader) -> None:
    assert SharedWriter(reader.handle).write([np.zeros((2, 3_000_000), np.float32)]) is None


@pytest.mark.parametrize(("slot", "shape"), [(2, (3,)), (-1, (3,)), (0, (2, 3_000_000))])
def test_invalid_slots_and_shapes_are_refused(reader: SharedReader, slot: int, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="cannot hold arrays"):
        reader.read(slot, [shape])


def test_a_full_machine_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1 << 30, 1 << 30, 1 << 20))
    with pytest.raises(OSError, match="nearly full"):
        SharedReader(multiprocessing.get_context("spawn"))
