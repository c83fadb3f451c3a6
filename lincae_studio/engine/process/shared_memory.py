"""Shared memory through which renders come from the engine process: two slots, written and read in turn.

The window creates the block and deletes it. Renders that do not fit into a slot go through the pipe, and so do all of
them where there is no room for the block. A slot is copied when it is read: renders outlive the engine process.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from multiprocessing.context import SpawnContext
from multiprocessing.shared_memory import SharedMemory
from multiprocessing.synchronize import BoundedSemaphore
from pathlib import Path

import numpy as np
from msgspec import Struct

from lincae_studio.codecs.base import Array

_SLOTS = 2
#: Enough for a stereo chunk of 45 seconds.
_SLOT_BYTES = 16 << 20

#: Where Linux keeps shared memory. A process that writes to it when it is full is killed, so there must be plenty.
_LINUX_FOLDER = Path("/dev/shm")


class SharedHandle(Struct, frozen=True):
    """What the other process needs to open the block. `free` counts the slots that may be written."""

    name: str
    free: BoundedSemaphore


class SharedReader:
    """The window's side, which owns the block. One process at a time writes to it; one thread reads."""

    def __init__(self, context: SpawnContext) -> None:
        """Raises `OSError` when there is no shared memory."""
        if _LINUX_FOLDER.is_dir() and shutil.disk_usage(_LINUX_FOLDER).free < 2 * _SLOTS * _SLOT_BYTES:
            raise OSError(f"{_LINUX_FOLDER} is nearly full")
        self._memory = SharedMemory(create=True, size=_SLOTS * _SLOT_BYTES)
        self.handle = SharedHandle(self._memory.name, context.BoundedSemaphore(_SLOTS))

    def read(self, slot: int, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
        """Copy the arrays of a slot, and free it. Raises `ValueError` if they do not fit into one."""
        if not 0 <= slot < _SLOTS or sum(map(_nbytes, shapes)) > _SLOT_BYTES:
            raise ValueError(f"slot {slot} cannot hold arrays of shapes {shapes}")
        arrays, offset = [], slot * _SLOT_BYTES
        for shape in shapes:
            arrays.append(np.ndarray(shape, np.float32, self._memory.buf, offset).copy())
            offset += _nbytes(shape)
        self.handle.free.release()
        return arrays

    def close(self) -> None:
        """Delete the block."""
        self._memory.close()
        self._memory.unlink()


class SharedWriter:
    """The engine's side."""

    def __init__(self, handle: SharedHandle) -> None:
        self._memory = SharedMemory(name=handle.name)
        self._free = handle.free
        self._next = 0

    def write(self, arrays: Sequence[Array]) -> int | None:
        """Wait for a free slot, write arrays into it, and return its number; None if they are too large."""
        if sum(array.nbytes for array in arrays) > _SLOT_BYTES:
            return None
        self._free.acquire()
        slot, self._next = self._next, (self._next + 1) % _SLOTS
        offset = slot * _SLOT_BYTES
        for array in arrays:
            np.ndarray(array.shape, np.float32, self._memory.buf, offset)[...] = array
            offset += array.nbytes
        return slot


def _nbytes(shape: tuple[int, ...]) -> int:
    return 4 * math.prod(shape)
