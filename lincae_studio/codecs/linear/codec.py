"""A linear codec as a codec of the studio; numpy only.

The encoder is the lapped transform, of which the lowest bins are latents as they are, and the others are summed up by
a constant matrix: latents of sums are sums of latents, whatever the audio.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lincae_studio import cores
from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.linear.config import LinearConfig
from lincae_studio.codecs.linear.decoder import Decoder
from lincae_studio.codecs.linear.folder import LinearFolder, read_weights
from lincae_studio.codecs.linear.transform import basis, frames_of, overlapped


class LinearCodec:
    """`Codec` of given sizes and weights (`config.shapes`)."""

    def __init__(self, info: CodecInfo, config: LinearConfig, weights: Mapping[str, Array]) -> None:
        self._info = info
        self._hop = config.hop
        self._basis = basis(config.hop)
        exact, sketched = self._basis[:, : config.exact], self._basis[:, config.exact :]
        #: (2 M, K)
        self._analysis = np.ascontiguousarray(np.concatenate([exact, sketched @ weights["sketch"].T], axis=1))
        self._decoder = Decoder(config, weights)

    @property
    def info(self) -> CodecInfo:
        return self._info

    @property
    def batch(self) -> int:
        """1, since a chunk takes a few milliseconds."""
        return 1

    def encode(self, audio: Array) -> Array:
        """`(B, (T + 1) M)` samples to `(B, K, T)`."""
        frames = audio.shape[1] // self._hop - 1
        if frames < 1 or audio.shape[1] != self._info.window_samples(frames):
            raise ValueError(f"a window must have a whole number of hops of {self._hop}, not {audio.shape[1]} samples")
        latents = frames_of(np.asarray(audio, np.float32), self._hop) @ self._analysis
        return np.ascontiguousarray(latents.transpose(0, 2, 1))

    def decode(self, latents: Array, *, first_frames: Sequence[int] = (), seed: int = 0) -> Array:
        """`(B, K, T)` to `(B, (T + 1) M)`; deterministic, so frame numbers and seed have no effect."""

        def frames(item: Array) -> Array:
            return self._decoder.bins(np.ascontiguousarray(item.T, np.float32)) @ self._basis.T

        return overlapped(np.stack(cores.on_all(frames, list(latents))))

    def silence(self, frames: int) -> Array:
        """Zeros, since a linear encoder maps silence to the origin."""
        return np.zeros((self._info.dim, frames), np.float32)


def load_codec(folder: LinearFolder, codec_id: str, computation: Computation) -> LinearCodec:
    """Load the codec of a folder. Raises `CodecError` when the weights are damaged or do not fit, or `OSError`."""
    return LinearCodec(folder.info(codec_id, computation), folder.config, read_weights(folder))
