"""Codecs to measure whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.codecs.mdct import MDCT_1X

HOP = 16
FACTS = replace(
    MDCT_1X, id="fake", sample_rate=8_000, hop=HOP, dim=HOP, window_extra=0, chunk_frames=250, overlap_frames=1
)


class Frames:
    """Latents are the samples of a frame, through a curve given by the test; decoding is the plain inverse."""

    batch = 1

    def __init__(self, offset: float = 0.0, bend: float = 0.0, sample_rate: int = 8_000) -> None:
        self._offset, self._bend = np.float32(offset), np.float32(bend)
        self.info: CodecInfo = replace(FACTS, sample_rate=sample_rate)

    def encode(self, audio: Array) -> Array:
        frames = audio.reshape(len(audio), -1, HOP).transpose(0, 2, 1)
        return frames + self._bend * frames**3 + self._offset

    def decode(self, latents: Array, *, first_frames: Sequence[int], seed: int) -> Array:
        return (latents - self._offset).transpose(0, 2, 1).reshape(len(latents), -1)

    def silence(self, frames: int) -> Array:
        return np.full((HOP, frames), self._offset, np.float32)


class Silent(Frames):
    """A decoder that has collapsed."""

    def decode(self, latents: Array, *, first_frames: Sequence[int], seed: int) -> Array:
        return np.zeros((len(latents), latents.shape[2] * HOP), np.float32)


class Faint(Frames):
    """Decodes one sample in sixteen, and that faintly: as linear as can be, and useless."""

    def decode(self, latents: Array, *, first_frames: Sequence[int], seed: int) -> Array:
        kept = np.zeros_like(latents)
        kept[:, 3] = np.float32(0.001) * latents[:, 3]
        return super().decode(kept, first_frames=first_frames, seed=seed)


class Numbered(Frames):
    """Decodes every frame to its number, as a stochastic decoder takes its noise from there."""

    def decode(self, latents: Array, *, first_frames: Sequence[int], seed: int) -> Array:
        numbers = np.asarray(first_frames)[:, None] + np.arange(latents.shape[2])
        return np.repeat(numbers, HOP, axis=1).astype(np.float32)


class Ragged(Frames):
    """Wrong in the frames that its info calls unreliable, at each end of a window, and nowhere else."""

    CONTEXT = 5

    def __init__(self) -> None:
        super().__init__()
        self.info = replace(self.info, context=self.CONTEXT, overlap_frames=2 * self.CONTEXT + 1)

    def encode(self, audio: Array) -> Array:
        return self._spoilt(super().encode(audio))

    def decode(self, latents: Array, *, first_frames: Sequence[int], seed: int) -> Array:
        return super().decode(self._spoilt(latents), first_frames=first_frames, seed=seed)

    def _spoilt(self, latents: Array) -> Array:
        return np.pad(latents[:, :, self.CONTEXT : -self.CONTEXT], ((0, 0), (0, 0), (self.CONTEXT, self.CONTEXT)))


class Failing(Frames):
    """Raises an exception of its own, or returns something else than audio."""

    def __init__(self, returned: Array | None = None) -> None:
        super().__init__()
        self._returned = returned

    def decode(self, latents: Array, *, first_frames: Sequence[int], seed: int) -> Array:
        if self._returned is None:
            raise LookupError("no such frame")
        return self._returned
