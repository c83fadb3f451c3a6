"""The interface of a codec.

Letters: B batch, D latent channels, T latent frames, N samples. Arrays at this boundary are numpy float32, since
latents are cached and sent between processes, and a codec that does not need torch must not load it.
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
    """Information about a codec, available without loading it.

    Attributes:
        id: id used by sessions and the command line.
        title: name for the user.
        description: one sentence for lists and tooltips.
        identity: changes whenever the same input would give different output; part of the key of every render. It
            contains the kind of device and the precision that the decoder computes in, unless `provisional`.
        requested: stands for the identity in plans while those two are not known, since only a process with torch can
            resolve them. It contains the requested device and precision. Empty if there is nothing to resolve.
        latents: changes whenever the same audio would give different latents, and is part of their keys; the precision
            of the decoder does not affect it. Empty if it equals `identity`.
        space: identifies the meaning of its latent channels, regardless of precision, device and rate: the weights.
            Regions belong to it. Empty if it equals `latents`.
        arithmetic: for the user: the precision that the decoder computes in, the kind of device, and the version of the
            codec's arithmetic. Empty if the results are the same everywhere, or while it is not known.
        sample_rate: sample rate of its audio, in Hz.
        hop: samples per latent frame.
        dim: channels of a latent frame.
        window_extra: surplus samples of a window, whose T frames are computed from `T * hop + window_extra` samples;
            the first and last `window_extra` of them are under-determined (an STFT or MDCT without padding).
        context: number of frames at each end of a window that are unreliable, since what lies beyond the window would
            change them (the receptive field of a convolutional codec); likewise the samples decoded from them.
        any_rate: whether the codec works at every sample rate without resampling: the edges of its bands and the
            duration of its frames scale with the rate.
        fixed_window: whether all windows must have `chunk_frames` frames, as the codec attends over its whole window.
        quick: whether encoding a window takes no longer than reading its latents from disk; they are then not kept
            there.
        chunk_frames: frames per chunk, chosen by measurement.
        overlap_frames: frames that neighbouring chunks share.
        linearity: of encoder and decoder: exact by construction, trained (nearly), or none.
        stochastic: whether the decoder starts from noise, so that the position of a chunk matters.
    """

    id: str
    title: str
    description: str
    identity: str
    sample_rate: int
    hop: int
    dim: int
    window_extra: int
    chunk_frames: int
    overlap_frames: int
    linearity: Linearity
    stochastic: bool
    context: int = 0
    any_rate: bool = False
    fixed_window: bool = False
    quick: bool = False
    latents: str = ""
    space: str = ""
    requested: str = ""
    arithmetic: str = ""

    @property
    def provisional(self) -> bool:
        """Whether `identity` lacks device and precision: then nothing may be kept on disk under keys made with it."""
        return self.identity == self.requested

    def matches(self, identity: str) -> bool:
        """Whether a plan with this identity was made for this codec, even before device and precision were known."""
        return identity == self.identity or (bool(identity) and identity == self.requested)

    @property
    def latent_identity(self) -> str:
        """The identity used in keys of latents."""
        return self.latents or self.identity

    @property
    def latent_space(self) -> str:
        """Identifies what its channels mean: regions of latents are applied with equal ones only."""
        return self.space or self.latent_identity

    @property
    def compression(self) -> float:
        """Samples per latent value."""
        return self.hop / self.dim

    def window_samples(self, frames: int) -> int:
        """Number of samples that `frames` frames are encoded from and decoded to."""
        return frames * self.hop + self.window_extra

    @property
    def margin(self) -> int:
        """Samples at each end of a window that are unreliable."""
        return self.window_extra + self.context * self.hop


class Codec(Protocol):
    """An encoder and a decoder for batches of windows. Implementations never modify their arguments."""

    @property
    def info(self) -> CodecInfo: ...

    @property
    def batch(self) -> int:
        """Best batch size for decoding chunks, on the device of the codec."""
        ...

    def encode(self, audio: Array) -> Array:
        """Windows `(B, T*hop + window_extra)` to latents `(B, D, T)`."""
        ...

    def decode(self, latents: Array, *, first_frames: Sequence[int], seed: int) -> Array:
        """Latents `(B, D, T)` to windows `(B, T*hop + window_extra)`.

        `first_frames` (B absolute frame numbers) and `seed` determine the noise of a stochastic decoder; equal
        arguments give equal audio, independent of the batch.
        """
        ...

    def silence(self, frames: int) -> Array:
        """Latents `(D, frames)` of digital silence: the origin of the affine algebra."""
        ...
