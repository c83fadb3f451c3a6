"""The file of latents in a bundle: float16 tensors in safetensors, named after their windows. Any thread.

A name is `media/channel/position/first/last/fade in/fade out`: the number of the media file in the metadata, and the
fields of a `Source`; a fade is `start:length:shape`, or `-`. The metadata names the codec and the geometry, so that a
reader needs nothing else. The digest of audio known only as latents is derived from the digest of this file:
changing a number in the file makes it different media.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta, Struct
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array
from lincae_studio.codecs.computation import PRECISIONS, Computation
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.sources import Fade, FadeRamp, Source, key_of
from lincae_studio.errors import CodecError, ProjectError, os_error_reason
from lincae_studio.session.digests import digest_at
from lincae_studio.session.model import DEFAULT_RATE, MAX_FRAMES, Digest, FadeShape, Rate

FORMAT = "lincae-studio-latents"
VERSION = 1

Float16Array = npt.NDArray[np.float16]

#: Largest finite float16: no codec has louder latents.
_MAX_FLOAT16 = float(np.finfo(np.float16).max)

_NUMBER = r"-?\d{1,12}"
_FADE = rf"-|{_NUMBER}:\d{{1,12}}:(?:{'|'.join(get_args(FadeShape))})"
_NAME = re.compile(rf"({_NUMBER})/([01])/({_NUMBER})/(\d{{1,12}})/(\d{{1,12}})/({_FADE})/({_FADE})")

#: Copies of opened bundles are kept up to this size.
_KEPT_BYTES = 8 * 1024**3

_HEADER = "header"


class Header(Struct, frozen=True, kw_only=True):
    """The metadata of a file of latents.

    Attributes:
        codec: id of the codec that made it; `identity` is the identity of its latents.
        hop, window_extra, frames, overlap, dim, context: geometry of a window, as in `CodecInfo` and `Grid`; latents
            are `(dim, frames)`. `window_extra` is `edge` in files.
        rate: sample rate of the session, in Hz.
        media: digests of the audio, in the order in which tensor names number it.
    """

    format: str = FORMAT
    version: int = VERSION
    codec: Annotated[str, Meta(max_length=200)]
    identity: Annotated[str, Meta(max_length=400)]
    hop: Annotated[int, Meta(ge=1, le=2**20)]
    window_extra: Annotated[int, Meta(ge=0, le=2**20)] = msgspec.field(name="edge")
    frames: Annotated[int, Meta(ge=1, le=MAX_FRAMES)]
    overlap: Annotated[int, Meta(ge=0, le=MAX_FRAMES)]
    dim: Annotated[int, Meta(ge=1, le=2**20)]
    media: tuple[Digest, ...]
    rate: Rate = DEFAULT_RATE
    context: Annotated[int, Meta(ge=0, le=MAX_FRAMES)] = 0

    @property
    def grid(self) -> Grid:
        return Grid(self.hop, self.window_extra, self.frames, self.overlap, self.context)

    @property
    def window_samples(self) -> int:
        return self.grid.window_samples


def to_float16(latents: Array) -> Float16Array:
    """Latents as float16, limited to its range."""
    return np.clip(latents, -_MAX_FLOAT16, _MAX_FLOAT16).astype(np.float16)


def encode(header: Header, latents: Mapping[tuple[int, Source], Float16Array]) -> bytes:
    """The file's bytes, from latents `(dim, frames)` by media number and source (whose own digest is ignored)."""
    tensors = {_name(number, source): values for (number, source), values in latents.items()}
    return save(tensors, {_HEADER: msgspec.json.encode(header).decode()})


def media_digest(file_digest: str, number: int, rate: Rate) -> str:
    """The digest of audio known only as latents, from the digest of the file of latents and the session's rate."""
    return digest_at(hashlib.sha256(f"{file_digest}:{number}".encode()).hexdigest(), rate)


class BundledLatents:
    """An open file of latents; invalid tensors are treated as missing."""

    def __init__(self, path: Path) -> None:
        """`path`: a file named after its own digest.

        Raises:
            ProjectError: when it is not a valid file of latents.
        """
        self.path = path
        self._lock = threading.Lock()
        try:
            opened: Any = safe_open  # its methods have no types
            self._file: Any = opened(path, framework="numpy")
            metadata: dict[str, str] = self._file.metadata() or {}
            self.header = msgspec.json.decode(metadata.get(_HEADER, ""), type=Header)
            names = list(self._file.keys())
            size = os.path.getsize(path)
        except OSError as error:
            reason, remedy = os_error_reason(error, path)
            raise ProjectError(f"the latents in {path} cannot be read: {reason}", remedy) from error
        except Exception as error:  # an untrusted file can make the reader of safetensors raise anything
            raise ProjectError(f"the latents in {path} cannot be read: {error}", _RESTORE) from error
        if self.header.format != FORMAT or self.header.version > VERSION:
            raise ProjectError(
                f"the latents in {path} have a format that this version does not support", "Update LinCAE Studio"
            )
        self._check_geometry()
        if len(names) * math.prod(self.shape) * np.dtype(np.float16).itemsize > size:
            raise ProjectError(
                f"the latents in {path} are damaged: the file names more windows than it contains", _RESTORE
            )
        self.media = tuple(
            media_digest(path.stem, number, self.header.rate) for number in range(len(self.header.media))
        )
        self._names: dict[str, str] = {}
        self._sources: dict[str, list[Source]] = {digest: [] for digest in self.media}
        for name in names:
            source = self._source(name)
            if source is not None:
                self._names[key_of(source, self.header.window_samples, self.header.identity)] = name
                self._sources[source.media].append(source)

    @property
    def shape(self) -> tuple[int, int]:
        return self.header.dim, self.header.frames

    def problem(self, computation: Computation) -> str:
        """Why the latents cannot be used: the codec is missing or differs; empty when they can."""
        try:
            info = registry.for_session(self.header.codec, computation, self.header.rate)
        except CodecError as error:
            return f"they were made with the codec {self.header.codec}, which is not available: {error}"
        if info.latent_identity != self.header.identity:
            return (
                f"they were made by another version of {self.header.codec} than the one installed: with other weights "
                "or in another precision (Edit > Preferences > Engine)"
            )
        return ""

    def sources(self, digest: str) -> Sequence[Source]:
        """The windows of an audio file that this file contains."""
        return self._sources.get(digest, ())

    def holds(self, key: str) -> bool:
        """Whether the file contains the latents of a key."""
        return key in self._names

    def get_many(self, keys: Iterable[str]) -> dict[str, Array]:
        """The latents `(D, T)` that the file contains, by key."""
        found = {}
        for key in keys:
            name = self._names.get(key)
            if name is not None:
                latents = self._read(name)
                if latents is not None:
                    found[key] = latents
        return found

    def _read(self, name: str) -> Array | None:
        try:
            with self._lock:
                values = self._file.get_tensor(name)
        except (OSError, SafetensorError, TypeError, ValueError, AttributeError, MemoryError):
            return None
        if values.dtype != np.float16 or values.shape != self.shape:
            return None
        latents: Array = values.astype(np.float32)
        return latents if np.isfinite(latents).all() else None

    def _check_geometry(self) -> None:
        """Check the geometry against the codec, if it is installed: no file may choose how much memory windows take."""
        header = self.header
        try:
            # Any precision may be chosen later; the geometry is the same in all.
            every = [Computation(precision=precision) for precision in PRECISIONS]
            infos = [registry.for_session(header.codec, computation, header.rate) for computation in every]
        except CodecError:
            return  # then nothing is decoded
        if header.identity not in {info.latent_identity for info in infos}:
            return
        info, grid = infos[0], header.grid
        if header.dim != info.dim or not grid.is_of(info) or grid.problem(info):
            raise ProjectError(f"the latents in {self.path} do not have the shape of those of {header.codec}", _RESTORE)

    def _source(self, name: str) -> Source | None:
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        number, channel, position, first, last = map(int, match.groups()[:5])
        if not 0 <= number < len(self.media) or not 0 <= first < last <= self.header.window_samples:
            return None
        return Source(self.media[number], channel, position, first, last, _fade(match[6]), _fade(match[7]))


class BundleStore:
    """The files of latents in a folder, each opened at most once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: dict[str, BundledLatents] = {}

    def path(self, file_digest: str) -> Path:
        """The path of the file with a digest, whether it exists or not."""
        return self.folder / f"{file_digest}.safetensors"

    def keep(self, temporary: Path, file_digest: str) -> BundledLatents:
        """Move a file into the store, replacing an older, perhaps damaged copy. Raises `ProjectError`, `OSError`."""
        self._open.pop(file_digest, None)
        temporary.replace(self.path(file_digest))
        latents = self.open(file_digest)
        self._prune()
        return latents

    def _prune(self) -> None:
        """Delete the bundles opened least recently above the size limit, except those in use here."""
        kept = {self.path(digest) for digest in self._open}
        found = sorted(self.folder.glob("*.safetensors"), key=lambda path: path.stat().st_mtime, reverse=True)
        total = 0
        for path in found:
            total += path.stat().st_size
            if total > _KEPT_BYTES and path not in kept:
                with contextlib.suppress(OSError):  # open in another window, where open files cannot be deleted
                    path.unlink()

    def open(self, file_digest: str) -> BundledLatents:
        """Open the file with a digest. Raises `ProjectError`."""
        if file_digest not in self._open:
            self._open[file_digest] = BundledLatents(self.path(file_digest))
        return self._open[file_digest]

    def of_media(self, digest: str) -> BundledLatents | None:
        """The open file that contains the latents of an audio file, if any."""
        return next((latents for latents in self._open.values() if digest in latents.media), None)


def bundles_dir(cache_dir: Path) -> Path:
    """The folder of a cache for the latents of opened bundles."""
    return cache_dir / "bundles-v1"


def bundled_files(cache_dir: Path) -> Iterator[Path]:
    """All files of latents in a cache."""
    folder = bundles_dir(cache_dir)
    if os.path.isdir(folder):
        yield from sorted(folder.glob("*.safetensors"))


_RESTORE = "Copy the bundle again from its original location"


def _name(number: int, source: Source) -> str:
    fades = (_fade_name(source.fade_in), _fade_name(source.fade_out))
    parts = (number, source.channel, source.position, source.first, source.last, *fades)
    return "/".join(map(str, parts))


def _fade_name(fade: Fade | None) -> str:
    return f"{fade.start}:{fade.ramp.length}:{fade.ramp.shape}" if fade is not None else "-"


def _fade(name: str) -> Fade | None:
    if name == "-":
        return None
    start, length, shape = name.split(":")
    return Fade(int(start), FadeRamp(int(length), shape))  # type: ignore[arg-type]
