"""The caches: latents by content key in memory and on disk, and renders on disk. One thread uses an instance."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from lincae_studio.codecs.base import Array
from lincae_studio.engine.rendering.disk import DiskArrays, database, open_disk

MEMORY_BYTES = 512 * 1024 * 1024

#: Of each of the two caches.
DISK_BYTES = 4 * 1024 * 1024 * 1024


def latent_database(cache_dir: Path) -> Path:
    """The file of the cached latents."""
    return database(cache_dir / "latents", "latents")


def render_database(cache_dir: Path) -> Path:
    """The file of the cached renders."""
    return database(cache_dir / "renders", "renders")


class LatentSource(Protocol):
    """Latents that are there already, such as those of a bundle."""

    def get_many(self, keys: Iterable[str]) -> dict[str, Array]:
        """The latents `(D, T)` that it has, by key."""


class _OnDisk:
    """What both caches have in common: arrays on disk, or none where it is disabled or impossible."""

    def __init__(self, disk: DiskArrays | None) -> None:
        self._disk = disk

    def set_disk_limit(self, size: int) -> None:
        """Keep up to so many bytes on disk. Any thread."""
        if self._disk is not None:
            self._disk.set_cap(size)

    def flush(self) -> None:
        """Wait until what was put is on disk."""
        if self._disk is not None:
            self._disk.flush()

    def close(self) -> None:
        """Write what is left and close the database."""
        if self._disk is not None:
            self._disk.close()
            self._disk = None


class LatentCache(_OnDisk):
    """Least recently used latents stay, up to a number of bytes in memory and another on disk."""

    def __init__(
        self, cache_dir: Path | None = None, memory_bytes: int = MEMORY_BYTES, disk_bytes: int = DISK_BYTES
    ) -> None:
        """`cache_dir` None keeps everything in memory."""
        super().__init__(open_disk(latent_database(cache_dir), disk_bytes) if cache_dir is not None else None)
        self._memory: OrderedDict[str, Array] = OrderedDict()
        self._memory_bytes = memory_bytes
        self._used_bytes = 0
        self._bundles: tuple[LatentSource, ...] = ()

    def attach(self, bundles: Iterable[LatentSource]) -> None:
        """Have what these bundles hold, too, in place of those that were attached before. Any thread."""
        self._bundles = tuple(bundles)

    def set_limits(self, memory_bytes: int, disk_bytes: int) -> None:
        """Keep up to so many bytes; memory shrinks with what is remembered next. Any thread."""
        self._memory_bytes = memory_bytes
        self.set_disk_limit(disk_bytes)

    def get_many(self, keys: Iterable[str]) -> dict[str, Array]:
        """The latents `(D, T)` that are here, by key; they must not be changed."""
        wanted = list(dict.fromkeys(keys))
        found = {key: self._memory[key] for key in wanted if key in self._memory}
        for key in found:
            self._memory.move_to_end(key)
        missing = [key for key in wanted if key not in found]
        if missing and self._disk is not None:
            for key, latents in self._disk.get_many(missing).items():
                found[key] = latents
                self._remember(key, latents)
        missing = [key for key in missing if key not in found]
        for bundle in self._bundles if missing else ():
            for key, latents in bundle.get_many(missing).items():
                found[key] = latents
                self._remember(key, latents)
        return found

    def put_many(self, items: Mapping[str, Array]) -> None:
        """Keep latents."""
        for key, latents in items.items():
            self._remember(key, latents)
        if self._disk is not None:
            self._disk.put_many(items)

    def _remember(self, key: str, latents: Array) -> None:
        if key in self._memory:
            self._memory.move_to_end(key)
            return
        self._memory[key] = latents
        self._used_bytes += latents.nbytes
        while self._used_bytes > self._memory_bytes and len(self._memory) > 1:
            _, dropped = self._memory.popitem(last=False)
            self._used_bytes -= dropped.nbytes


class RenderCache(_OnDisk):
    """Decoded chunks on disk, by chunk key; least recently used ones stay, up to a number of bytes."""

    def __init__(self, cache_dir: Path, disk_bytes: int = DISK_BYTES) -> None:
        super().__init__(open_disk(render_database(cache_dir), disk_bytes))

    def get(self, key: str) -> tuple[Array, Array] | None:
        """Latents `(buses, D, T)` and audio `(buses, N)` of a chunk, if both are here."""
        if self._disk is None:
            return None
        names = _names(key)
        found = self._disk.get_many(list(names))
        return (found[names[0]], found[names[1]]) if len(found) == len(names) else None

    def put(self, key: str, latents: Array, audio: Array) -> None:
        """Keep a chunk."""
        if self._disk is not None:
            self._disk.put_many(dict(zip(_names(key), (latents, audio), strict=True)))


def _names(key: str) -> tuple[str, str]:
    return f"{key}/latents", f"{key}/audio"
