"""A codec as it is measured: its results are checked, in batches of the size that it prefers, on the studio's grid.

Codecs may be anybody's. What they raise becomes a `CodecError`; an array of the wrong shape, or values that are NaN or
infinite, are one, too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from lincae_studio.codecs.base import Array, Codec, CodecInfo
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.errors import CodecError, StudioError

#: The latents `(D, T)` of each chunk of a signal.
Chunks = list[Array]


class CheckedCodec:
    """A `Codec` whose results can be relied on. Raises `CodecError` where the codec fails."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.info: CodecInfo = codec.info
        self.batch = max(1, codec.batch)

    def encode(self, audio: Array) -> Array:
        """Windows `(B, N)` to latents `(B, D, T)`."""

        def encoded(part: slice) -> Array:
            return self._codec.encode(audio[part])

        frames = (audio.shape[1] - self.info.window_samples(0)) // self.info.hop
        return self._batches(len(audio), (self.info.dim, frames), "encoding", encoded)

    def decode(self, latents: Array, *, first_frames: Sequence[int], seed: int) -> Array:
        """Latents `(B, D, T)` to windows `(B, N)`."""

        def decoded(part: slice) -> Array:
            return self._codec.decode(latents[part], first_frames=first_frames[part], seed=seed)

        return self._batches(len(latents), (self.info.window_samples(latents.shape[2]),), "decoding", decoded)

    def silence(self, frames: int) -> Array:
        """Latents `(D, frames)` of silence."""
        return self._checked((self.info.dim, frames), "encoding silence", lambda: self._codec.silence(frames))

    def _batches(self, count: int, shape: tuple[int, ...], doing: str, compute: Callable[[slice], Array]) -> Array:
        out = np.empty((count, *shape), np.float32)
        for first in range(0, count, self.batch):
            part = slice(first, min(first + self.batch, count))
            out[part] = self._checked((part.stop - first, *shape), doing, functools.partial(compute, part))
        return out

    def _checked(self, shape: tuple[int, ...], doing: str, compute: Callable[[], Array]) -> Array:
        try:
            found = np.asarray(compute(), np.float32)
        except StudioError:
            raise
        except Exception as error:
            raise CodecError(f"{doing} failed: {type(error).__name__}: {error}") from error
        if found.shape != shape:
            raise CodecError(f"{doing} gave an array of shape {found.shape} instead of {shape}")
        if not np.isfinite(found).all():
            raise CodecError(f"{doing} gave values that are NaN or infinite")
        return found


class SignalCoder:
    """Encodes and decodes signals of one length chunk by chunk, as the studio's renderer does."""

    def __init__(self, codec: CheckedCodec, length: int, seed: int = 0) -> None:
        """`length`: of all signals, in samples at the codec's rate."""
        self._codec = codec
        self._length = length
        self._seed = seed
        self.grid = Grid.of(codec.info)
        #: Latents of silence of one chunk.
        self.origin = codec.silence(self.grid.frames)

    def encode(self, signal: Array) -> Chunks:
        """`(length,)` samples to the latents of each chunk."""
        grid = self.grid
        count = grid.count(self._length)
        before = -grid.window_start(0)
        padded = np.zeros(before + max(self._length, grid.window_start(count - 1) + grid.window_samples), np.float32)
        padded[before : before + self._length] = signal
        starts = [before + grid.window_start(index) for index in range(count)]
        return list(self._codec.encode(np.stack([padded[start : start + grid.window_samples] for start in starts])))

    def decode(self, chunks: Chunks) -> Array:
        """The latents of each chunk to `(length,)` samples, crossfaded."""
        grid = self.grid
        frames = [index * grid.step for index in range(len(chunks))]
        decoded = self._codec.decode(np.stack(chunks), first_frames=frames, seed=self._seed)
        out = np.zeros(self._length, np.float32)
        for index, window in enumerate(decoded):
            start, end = grid.valid(index)
            start, end = max(0, start), min(end, self._length)
            at = grid.window_start(index)
            out[start:end] += window[start - at : end - at] * grid.weights(index, start, end)
        return out

    def frames(self, chunks: Chunks) -> Array:
        """The latents `(D, frames)` of the signal, without those that chunks share, for pictures."""
        lead, step = self.grid.lead_frames, self.grid.step
        owned = np.concatenate([chunk[:, lead : lead + step] for chunk in chunks], axis=1)
        return owned[:, : -(-self._length // self.grid.hop)]
