"""What the studio asks of a codec.

Letters: B batch, D latent channels, T latent frames, N samples. Arrays at this boundary are numpy float32: latents are
kept in caches and sent between processes, and a codec that needs no torch must not load it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from msgspec import Struct

Array = npt.NDArray[np.float32]

Linearity = Literal["exact", "trained", "none"]


class CodecInfo(Struct, frozen=True, kw_only=True):
    """What is known of a codec without loading it.

    Attributes:
        id: how sessions and the command line name it.
        title: how people know it.
        description: one sentence for lists and tooltips.
        identity: changes whenever equal input would give other output; part of every key of a render.
        latents: changes whenever equal audio would give other latents, part of every key of these: what the decoder
            computes in does not matter to them. Empty where it is the identity.
        sample_rate: of its audio, in Hz.
        hop: samples per latent frame.
        dim: channels of a latent frame.
        edge: the frames of a window of T frames are computed from `T * hop + edge` samples; the first and last `edge`
            of them are under-determined (an STFT or MDCT without padding).
        chunk_frames: frames per chunk, chosen by measurement.
        overlap_frames: frames that neighbouring chunks share.
        linearity: of encoder and decoder: exact by construction, trained (nearly), or none.
        stochastic: whether the decoder starts from noise, so that a chunk's place in time matters.
    """

    id: str
    title: str
    description: str
    identity: str
    sample_rate: int
    hop: int
    dim: int
    edge: int
    chunk_frames: int
    overlap_frames: int
    linearity: Linearity
    stochastic: bool
    latents: str = ""

    @property
    def latent_identity(self) -> str:
        """What keys of latents are made with."""
        return self.latents or self.identity

    @property
    def compression(self) -> float:
        """Samples per latent value."""
        return self.hop / self.dim

    def window_samples(self, frames: int) -> int:
        """Samples that `frames` frames are computed from, and that decoding them gives."""
        return frames * self.hop + self.edge


class Codec(Protocol):
    """An encoder and a decoder for batches of windows. Implementations never change their arguments."""

    @property
    def info(self) -> CodecInfo: ...

    @property
    def batch(self) -> int:
        """Chunks that are best decoded at once, on the device where the codec is."""
        ...

    def encode(self, audio: Array) -> Array:
        """Windows `(B, T*hop + edge)` to latents `(B, D, T)`."""
        ...

    def decode(self, latents: Array, *, first_frames: Sequence[int], seed: int) -> Array:
        """Latents `(B, D, T)` to windows `(B, T*hop + edge)`.

        `first_frames` (B absolute frame numbers) and `seed` choose the noise of a stochastic decoder; equal arguments
        give equal audio, whatever the batch.
        """
        ...

    def silence(self, frames: int) -> Array:
        """Latents `(D, frames)` of digital silence: the origin of the affine algebra."""
        ...
