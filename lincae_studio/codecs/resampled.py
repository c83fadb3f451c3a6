"""A codec at another sample rate than its own. numpy and soxr only; any process.

A frame of the codec, `hop` samples at its rate, becomes `hop_s = round(hop * rate_s / rate)` samples at the session's
rate, and audio is resampled by exactly `hop_s : hop`, so that frames stay whole in both. That is the ratio of the rates
wherever they allow it, as for 960 samples at 48 kHz, 882 at 44.1 kHz. Else the codec hears audio a little faster or
slower, by at most half a sample per frame, which decoding undoes: 4096 samples at 44.1 kHz are 4458 at 48 kHz, a
difference of 52 ppm, or 0.09 cents.

A window begins `lead` samples before the codec's own window and ends as many after it, so that the resampling filter
sees what it needs on both sides, and all windows see the same: what one window determines reliably is what resampling
the whole signal would give, to 1e-6 of full scale. `lead` is a whole number of samples at both rates.

A codec that computes alike at every rate (`CodecInfo.any_rate`) is not resampled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import soxr
from msgspec.structs import replace

from lincae_studio.codecs.base import Array, Codec, CodecInfo

#: Quality of soxr: errors of 20 bits.
_QUALITY = "HQ"

#: Samples at the lower rate that its filter reaches to each side, above 1e-6 of its peak.
_REACH = 128


def info_at(info: CodecInfo, rate: int) -> CodecInfo:
    """The info of a codec at a sample rate in Hz: of `Resampled`, or of the codec itself at its own rate."""
    if rate == info.sample_rate:
        return info
    if info.any_rate:
        return replace(info, sample_rate=rate)
    hop, lead = _hop(info, rate), _lead(info, rate)
    extra = 2 * lead + math.ceil(info.window_extra * hop / info.hop)
    # Crossfades keep their length, and so do the steps between chunks unless windows are of one length.
    fade = (info.overlap_frames - 2 * info.context) * info.hop - info.window_extra
    overlap = 2 * info.context + math.ceil((fade * hop / info.hop + extra) / hop)
    step = info.chunk_frames - info.overlap_frames
    how = f" at {hop}:{info.hop}/1"
    return replace(
        info,
        identity=info.identity + how,
        requested=info.requested and info.requested + how,
        latents=info.latents and info.latents + how,
        space=info.latent_space,
        sample_rate=rate,
        hop=hop,
        window_extra=extra,
        chunk_frames=info.chunk_frames if info.fixed_window else step + overlap,
        overlap_frames=overlap,
    )


def at_rate(codec: Codec, rate: int) -> Codec:
    """A codec at a sample rate in Hz."""
    return codec if rate == codec.info.sample_rate else Resampled(codec, rate)


def at_own_rate(codec: Codec) -> Codec:
    """The codec of which `at_rate` may have made this one."""
    return codec.own if isinstance(codec, Resampled) else codec


class Resampled:
    """A codec at another rate than its own, with windows of the session's rate."""

    def __init__(self, codec: Codec, rate: int) -> None:
        self._codec = codec
        self._info = info_at(codec.info, rate)
        self._own = codec.info
        self._lead = 0 if codec.info.any_rate else _lead(codec.info, rate)

    @property
    def info(self) -> CodecInfo:
        return self._info

    @property
    def own(self) -> Codec:
        """The codec at its own rate."""
        return self._codec

    @property
    def batch(self) -> int:
        return self._codec.batch

    def encode(self, audio: Array) -> Array:
        """Windows `(B, T*hop + window_extra)` at the session's rate to latents `(B, D, T)`."""
        if self._own.any_rate:
            return self._codec.encode(audio)
        frames = (audio.shape[1] - self._info.window_extra) // self._info.hop
        first = self._lead * self._own.hop // self._info.hop
        heard = _resampled(audio, self._info.hop, self._own.hop)
        return self._codec.encode(np.ascontiguousarray(heard[:, first : first + self._own.window_samples(frames)]))

    def decode(self, latents: Array, *, first_frames: Sequence[int], seed: int) -> Array:
        """Latents `(B, D, T)` to windows `(B, T*hop + window_extra)` at the session's rate."""
        decoded = self._codec.decode(latents, first_frames=first_frames, seed=seed)
        if self._own.any_rate:
            return decoded
        audio = np.zeros((len(decoded), self._info.window_samples(latents.shape[2])), np.float32)
        found = _resampled(decoded, self._own.hop, self._info.hop)[:, : audio.shape[1] - self._lead]
        audio[:, self._lead : self._lead + found.shape[1]] = found
        return audio

    def silence(self, frames: int) -> Array:
        """Latents `(D, frames)` of digital silence."""
        return self._codec.silence(frames)


def _hop(info: CodecInfo, rate: int) -> int:
    return max(1, round(info.hop * rate / info.sample_rate))


def _lead(info: CodecInfo, rate: int) -> int:
    """Samples at `rate` from the start of a window to that of the codec's window: as many samples of the codec."""
    hop = _hop(info, rate)
    whole = hop // math.gcd(hop, info.hop)
    reach = _REACH * max(1.0, hop / info.hop)
    return whole * math.ceil(reach / whole)


def _resampled(audio: Array, from_hop: int, to_hop: int) -> Array:
    """Rows `(B, n)` resampled by the ratio of two hops; their first samples are at the same time."""
    columns = soxr.resample(np.ascontiguousarray(audio.T, np.float32), from_hop, to_hop, quality=_QUALITY)
    return np.ascontiguousarray(columns.T)
