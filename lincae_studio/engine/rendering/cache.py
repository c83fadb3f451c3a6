"""The caches: latents by content key in memory and on disk, and renders on disk. One thread uses an instance."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from lincae_studio.codecs.base import Array
from lincae_studio.engine.rendering.disk import DiskArrays, database, open_disk

MEMORY_BYTES = 512 * 1024 * 1024

#: Default limit of each of the two caches on disk.
DISK_BYTES = 4 * 1024 * 1024 * 1024


def latent_database(cache_dir: Path) -> Path:
    """The database of cached latents."""
    return database(cache_dir / "latents", "latents")


def render_database(cache_dir: Path) -> Path:
    """The database of cached renders."""
    return database(cache_dir / "renders", "renders")


class LatentSource(Protocol):
    """Provides latents that exist already, such as those of a bundle."""

    def get_many(self, keys: Iterable[str]) -> dict[str, Array]:
        """The latents `(D, T)` that it has, by key; it leaves out the others."""


class _OnDisk:
    """The base of both caches: arrays on disk, or none if that is disabled or impossible."""

    def __init__(self, disk: DiskArrays | None) -> None:
        self._disk = disk

    def set_disk_limit(self, size: int) -> None:
        """Keep up to `size` bytes on disk. Any thread."""
        if self._disk is not None:
            self._disk.set_cap(size)

    def flush(self) -> None:
        """Wait until everything that was put is on disk."""
        if self._disk is not None:
            self._disk.flush()

    def close(self) -> None:
        """Finish writing and close the database."""
        if self._disk is not None:
            self._disk.close()
            self._disk = None


class LatentCache(_OnDisk):
    """Latents by content key, with a size limit in memory and another on disk; the least recently used are evicted."""

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
        """Also provide the latents of these bundles, which replace those attached before. Any thread."""
        self._bundles = tuple(bundles)

    def set_limits(self, memory_bytes: int, disk_bytes: int) -> None:
        """Set the size limits; memory shrinks when the next latents are stored. Any thread."""
        self._memory_bytes = memory_bytes
        self.set_disk_limit(disk_bytes)

    def get_many(self, keys: Iterable[str]) -> dict[str, Array]:
        """The cached latents `(D, T)`, by key; callers must not modify them."""
        unique = list(dict.fromkeys(keys))
        found = {key: self._memory[key] for key in unique if key in self._memory}
        for key in found:
            self._memory.move_to_end(key)
        missing = [key for key in unique if key not in found]
        if missing and self._disk is not None:
            for key, latents in self._disk.get_many(missing).items():
                found[key] = latents
                self._store_in_memory(key, latents)
        missing = [key for key in missing if key not in found]
        for bundle in self._bundles if missing else ():
            for key, latents in bundle.get_many(missing).items():
                found[key] = latents
                self._store_in_memory(key, latents)
        return found

    def put_many(self, items: Mapping[str, Array], on_disk: bool = True) -> None:
        """Store latents, in memory only unless `on_disk`."""
        for key, latents in items.items():
            self._store_in_memory(key, latents)
        if on_disk and self._disk is not None:
            self._disk.put_many(items)

    def _store_in_memory(self, key: str, latents: Array) -> None:
        if key in self._memory:
            self._memory.move_to_end(key)
            return
        self._memory[key] = latents
        self._used_bytes += latents.nbytes
        while self._used_bytes > self._memory_bytes and len(self._memory) > 1:
            _, dropped = self._memory.popitem(last=False)
            self._used_bytes -= dropped.nbytes


class RenderCache(_OnDisk):
    """Decoded chunks on disk by chunk key, with a size limit; the least recently used are evicted."""

    def __init__(self, cache_dir: Path, disk_bytes: int = DISK_BYTES) -> None:
        super().__init__(open_disk(render_database(cache_dir), disk_bytes))

    def get(self, key: str) -> tuple[Array, Array] | None:
        """Latents `(buses, D, T)` and audio `(buses, N)` of a chunk, if both are cached."""
        if self._disk is None:
            return None
        names = _names(key)
        found = self._disk.get_many(list(names))
        return (found[names[0]], found[names[1]]) if len(found) == len(names) else None

    def has(self, key: str) -> bool:
        """Whether a chunk is probably cached."""
        return self._disk is not None and all(map(self._disk.has, _names(key)))

    def put(self, key: str, latents: Array, audio: Array) -> None:
        """Store a chunk."""
        if self._disk is not None:
            self._disk.put_many(dict(zip(_names(key), (latents, audio), strict=True)))


def _names(key: str) -> tuple[str, str]:
    return f"{key}/latents", f"{key}/audio"
