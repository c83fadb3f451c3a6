"""Latents as a value of the Python interface: chunks on the timeline, arithmetic relative to silence, decoding. Any
thread.

The arithmetic is that of the mixer (`engine/rendering/algebra.py`).
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from lincae_studio.codecs.base import Array, Codec
from lincae_studio.engine.bundles import latent_files
from lincae_studio.errors import UsageError
from lincae_studio.session.times import format_time
from lincae_studio.studio import display
from lincae_studio.studio.audio import Audio
from lincae_studio.studio.engine import Engine


class Latents:
    """Latents of a mix, or of one track. A notebook shows them as a heatmap.

    They can be added, subtracted and multiplied by numbers. As in the mixer, this is relative to the latents of
    silence: `0.5 * z` are the latents of the signal at half the level for every codec whose encoder is linear up to an
    offset. Added to stereo latents, mono latents are heard on both sides.

    Attributes:
        header: codec, rate, grid and place of the latents (`engine.bundles.latent_files.LatentHeader`).
        chunks: float32 `(chunks, channels, D, frames)`, as they are decoded: neighbours overlap.
        audible: uint8 `(chunks,)`, 0 for chunks of digital silence, which are not decoded.
    """

    #: Makes numpy scalars leave arithmetic to this class, instead of converting it to an array.
    __array_priority__ = 1000.0

    def __init__(self, content: latent_files.Latents, engine: Engine) -> None:
        """`content`: as in a file of latents."""
        self.header = content.header
        self.chunks: Array = content.latents
        self.audible = content.audible
        self._engine = engine

    @property
    def codec(self) -> str:
        """Id of the codec."""
        return self.header.codec

    @property
    def rate(self) -> int:
        """Sample rate of their audio, in Hz."""
        return self.header.sample_rate_hz

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return self.header.hop

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of `values`, `(channels, D, T)`."""
        return self.values.shape

    @cached_property
    def values(self) -> Array:
        """The frames in a row, without those that chunks share: float32 `(channels, D, T)`, T at `times`."""
        return latent_files.frames_of(latent_files.Latents(self.header, self.chunks, self.audible))

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """Where each frame begins on the timeline, in seconds: `(T,)`."""
        first = self.header.start // self.hop
        return np.arange(first, first + self.values.shape[2]) * (self.hop / self.rate)

    @cached_property
    def silence(self) -> Array:
        """The codec's latents of digital silence: float32 `(D, frames)` of a chunk; zeros if its encoder is linear."""
        return self._codec.silence(self.header.frames)

    def with_chunks(self, chunks: npt.ArrayLike) -> Latents:
        """A copy with other numbers `(chunks, channels, D, frames)`; all its chunks are decoded, also silent ones.

        Raises:
            UsageError: for another shape, or NaN or infinite values.
        """
        found = np.array(chunks, np.float32)
        if found.shape != self.chunks.shape:
            raise UsageError(f"chunks {found.shape} do not have the shape {self.chunks.shape}", "Keep it")
        if not np.isfinite(found).all():
            raise UsageError("latents cannot be NaN or infinite", "Replace these values")
        return Latents(latent_files.Latents(self.header, found, np.ones_like(self.audible)), self._engine)

    def decode(self, *, seed: int | None = None) -> Audio:
        """Decode to audio of the same span.

        Args:
            seed: of the noise that some decoders start from; None for the session's.

        Raises:
            MediaError: when another version of the codec is installed than the one that made them.
            CodecError: when the codec is missing or fails.
            EngineError: when there is no engine.
        """
        header = self.header if seed is None else replace(self.header, seed=seed)
        stream = latent_files.decoded(latent_files.Latents(header, self.chunks, self.audible), self._codec)
        out = np.zeros((stream.channels, header.length), np.float32)
        done = 0
        for block in stream.blocks(header.start, header.start + header.length):
            out[:, done : done + block.shape[1]] = block
            done += block.shape[1]
        return Audio(out, self.rate)

    def save(self, path: str | Path) -> Path:
        """Write a file, safetensors or npz by its ending, as `lincae-studio encode` does. Returns its path.

        Raises:
            ExportError: when the ending is unknown, or the file cannot be written; an older file is kept.
        """
        latent_files.save_latents(latent_files.Latents(self.header, self.chunks, self.audible), Path(path))
        return Path(path)

    def __add__(self, other: Latents) -> Latents:
        return self._summed(other, 1.0)

    def __sub__(self, other: Latents) -> Latents:
        return self._summed(other, -1.0)

    def __mul__(self, factor: float) -> Latents:
        if not isinstance(factor, int | float | np.integer | np.floating):
            return NotImplemented
        chunks = self.silence + np.float32(factor) * (self.chunks - self.silence)
        return Latents(latent_files.Latents(self.header, chunks, self.audible), self._engine)

    __rmul__ = __mul__

    def __neg__(self) -> Latents:
        return self * -1.0

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.array(self.values, dtype) if copy else self.values.astype(dtype, copy=False)

    def __repr__(self) -> str:
        return f"<Latents {self.shape} of {self.codec}, {format_time(self.header.length / self.rate)}>"

    def _repr_html_(self) -> str:
        channels, dim, frames = self.shape
        about = f"{self.codec}: {dim} channels, {frames:,} frames of {1000 * self.hop / self.rate:.1f} ms"
        sides = "" if channels == 1 else "; left above right"
        return display.block(*map(display.picture, self.values), display.caption(about + sides))

    @cached_property
    def _codec(self) -> Codec:
        return self._engine.load(self.header.codec, self.rate)

    def _summed(self, other: Latents, sign: float) -> Latents:
        if not isinstance(other, Latents):
            return NotImplemented
        if self._place != other._place:
            raise UsageError(
                "latents of different codecs, grids or spans cannot be combined",
                "Take them from one session, with the same codec and span",
            )
        chunks = self.silence + (self.chunks - self.silence) + np.float32(sign) * (other.chunks - self.silence)
        header = replace(self.header, channels=chunks.shape[1])
        return Latents(latent_files.Latents(header, chunks, self.audible | other.audible), self._engine)

    @property
    def _place(self) -> tuple[object, ...]:
        header = self.header
        return header.identity, header.sample_rate_hz, header.grid, header.start, header.length


def load_latents(path: str | Path, *, engine: Engine | None = None) -> Latents:
    """Read a file of latents, which this interface, an export or `lincae-studio encode` has written.

    Raises:
        ExportError: when the ending is unknown.
        MediaError: when it cannot be read, does not contain latents, or is damaged.
    """
    return Latents(latent_files.load_latents(Path(path)), engine or Engine())
