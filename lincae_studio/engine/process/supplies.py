"""On the engine's machine: audio and latents that the window has, asked for by name, in blocks, when they are needed.

Blocks of audio are kept on disk, up to a limit, so that each is sent once, even if the link is lost; the least
recently used are deleted first. They are verified when they are read (`rendering/disk.py`). No name is used as a path.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from lincae_studio.codecs.base import Array
from lincae_studio.engine.planning.sources import Source
from lincae_studio.engine.process import messages
from lincae_studio.engine.process.packing import unpack
from lincae_studio.engine.rendering.disk import DiskArrays, database
from lincae_studio.errors import MediaError

#: Samples of each channel in a block.
BLOCK_FRAMES = 1 << 15

#: Names that may be asked for and not answered: enough for a fast link, few enough that an edit does not wait long.
_UNDER_WAY = 8

#: Size limit in memory.
_MEMORY_BYTES = 64 * 1024 * 1024

_AUDIO, _LATENTS = "audio", "latents"


def sent_media_database(cache_dir: Path) -> Path:
    """The database of audio that other machines have sent."""
    return database(cache_dir / "sent", "media")


def block_name(digest: str, index: int) -> str:
    return f"{_AUDIO}/{digest}/{index}"


def latents_name(key: str) -> str:
    return f"{_LATENTS}/{key}"


def parsed(name: str) -> tuple[str, int | None]:
    """The digest and index of a block of audio, or the key of latents and None. Raises `ValueError` for other names."""
    match name.split("/"):
        case [kind, digest, index] if kind == _AUDIO and index.isascii() and index.isdecimal() and len(index) <= 9:
            return digest, int(index)
        case [kind, key] if kind == _LATENTS:
            return key, None
    raise ValueError("this is no name of audio or latents")


class Supplies:
    """What the window has sent. Any thread."""

    def __init__(self, ask: Callable[[tuple[str, ...]], None], disk: DiskArrays | None) -> None:
        """`ask` sends a `Need`; `disk` keeps blocks of audio."""
        self._ask = ask
        self._disk = disk
        self._disk_lock = threading.Lock()
        self._changed = threading.Condition()
        self._memory: OrderedDict[str, Array] = OrderedDict()
        self._bytes = 0
        #: Names to ask for, in this order, and those asked for.
        self._wanted: dict[str, None] = {}
        self._asked: set[str] = set()
        self._problems: dict[str, str] = {}
        #: How many callers wait for each name.
        self._waiting: Counter[str] = Counter()

    def expect(self, names: Iterable[str]) -> None:
        """Ask for what is not here, and do not wait for it."""
        names = self._load(names)
        with self._changed:
            self._wanted.update((name, None) for name in names if name not in self._asked)
            asked = self._next()
        if asked:
            self._ask(asked)

    def get(self, names: Sequence[str]) -> dict[str, Array | str]:
        """The arrays with these names, which are waited for; or why there is none."""
        with self._changed:
            self._waiting.update(names)
            for name in names:
                self._problems.pop(name, None)
        try:
            self.expect(names)
            with self._changed:
                self._changed.wait_for(lambda: all(n in self._memory or n in self._problems for n in names))
                return {name: self._memory[name] if name in self._memory else self._problems[name] for name in names}
        finally:
            with self._changed:
                self._waiting.subtract(names)
                self._evict()

    def put(self, item: messages.Item) -> None:
        """Take what the window has sent.

        Raises:
            ValueError: when that was not asked for, or is not valid.
        """
        with self._changed:
            if item.name not in self._asked:
                raise ValueError("received audio or latents that were not asked for")
        array = None if item.problem else _checked(item)
        if array is not None and self._disk is not None and parsed(item.name)[1] is not None:
            self._disk.put_many({item.name: array})
        with self._changed:
            self._asked.discard(item.name)
            if array is None:
                self._problems[item.name] = item.problem
            else:
                self._keep(item.name, array)
            self._changed.notify_all()
            asked = self._next()
        if asked:
            self._ask(asked)

    def set_limit(self, size: int) -> None:
        """Keep up to `size` bytes on disk."""
        if self._disk is not None:
            self._disk.set_cap(size)

    def flush(self) -> None:
        """Wait until everything that was sent is on disk."""
        if self._disk is not None:
            self._disk.flush()

    def _load(self, names: Iterable[str]) -> list[str]:
        """Read from disk what is there; the names of the rest."""
        with self._changed:
            missing = [name for name in dict.fromkeys(names) if name not in self._memory]
            for name in missing:
                self._problems.pop(name, None)
        if self._disk is None or not missing:
            return missing
        with self._disk_lock:
            found = self._disk.get_many(missing)
        with self._changed:
            for name, array in found.items():
                self._keep(name, array)
            self._changed.notify_all()
        return [name for name in missing if name not in found]

    def _next(self) -> tuple[str, ...]:
        asked = tuple(self._wanted)[: max(0, _UNDER_WAY - len(self._asked))]
        for name in asked:
            del self._wanted[name]
        self._asked.update(asked)
        return asked

    def _keep(self, name: str, array: Array) -> None:
        if name not in self._memory:
            self._memory[name] = array
            self._bytes += array.nbytes
        self._memory.move_to_end(name)
        self._evict()

    def _evict(self) -> None:
        for name in list(self._memory) if self._bytes > _MEMORY_BYTES else ():
            if self._bytes <= _MEMORY_BYTES:
                break
            if self._waiting[name] <= 0:
                self._bytes -= self._memory.pop(name).nbytes
        self._waiting = +self._waiting


class SuppliedAudio:
    """Reads the audio of sources, as `StoreReader` does, from what the window sends."""

    def __init__(self, supplies: Supplies) -> None:
        self._supplies = supplies

    def expect(self, sources: Iterable[Source]) -> None:
        """Ask for the audio of sources, and do not wait for it."""
        names: list[str] = []
        for source in sources:
            start, count = source.position + source.first, source.last - source.first
            names += (block_name(source.media, index) for index in _blocks(start, count))
        self._supplies.expect(names)

    def read(self, digest: str, channel: int, start: int, count: int) -> Array:
        out = np.zeros(count, np.float32)
        places = {block_name(digest, index): index * BLOCK_FRAMES for index in _blocks(start, count)}
        for name, block in self._supplies.get(list(places)).items():
            if isinstance(block, str):
                raise MediaError(block)
            if channel >= len(block):
                raise MediaError(f"media file {digest[:12]} has no channel {channel + 1}", "Import the file again")
            first = places[name]
            lo, hi = max(start, first), min(start + count, first + block.shape[1])
            if hi > lo:
                out[lo - start : hi - start] = block[channel, lo - first : hi - first]
        return out


class SuppliedLatents:
    """Latents of bundles that the window has opened."""

    def __init__(self, supplies: Supplies) -> None:
        self._supplies = supplies

    def get_many(self, keys: Iterable[str]) -> dict[str, Array]:
        names = {latents_name(key): key for key in keys}
        found = self._supplies.get(list(names))
        return {names[name]: latents for name, latents in found.items() if not isinstance(latents, str)}


def _blocks(start: int, count: int) -> range:
    """The indices of the blocks with `count` samples from `start` on, of which those before 0 do not exist."""
    end = start + count
    return range(max(0, start) // BLOCK_FRAMES, -(-end // BLOCK_FRAMES)) if end > 0 and count > 0 else range(0)


def _checked(item: messages.Item) -> Array:
    _, index = parsed(item.name)
    array = unpack(item.data, item.shape)
    if index is not None and (len(array) not in (1, 2) or array.shape[1] > BLOCK_FRAMES):
        raise ValueError(f"a block of audio has the shape {array.shape}")
    return array
