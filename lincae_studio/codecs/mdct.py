"""The built-in codec: a lapped-transform sketch, exactly linear both ways, with nothing to train or download.

Analysis is an orthonormal MDCT (TDAC, Princen and Bradley 1986) with hop M = 256 and the power-complementary window of
the Vorbis I specification (section 1.3.2) of 512 samples. Of the 256 bins the lowest `exact` are kept as they are; the
bins above are cut into bands of equal width in mel, and each band is sketched by one signed sum

    h = n**-0.5 * sum_k s_k c_k,

with fixed signs s_k, from which its bins are estimated as `c_k = s_k * h * gain / sqrt(n)`. A gain of 1 is the estimate
of least squared error for white bands, sqrt(n) keeps the band's energy; between them `gain = max(1, g * sqrt(n))` with

    g = 1 - (1 - g0) * exp(-(f - f_c) / f_w),

f the band's centre and f_c the first sketched frequency: nearly exact near f_c, nearly energy-true on top. Both
directions are therefore one constant matrix each: analysis (512, K) on overlapping frames, synthesis (K, 512) with
overlap-add. They are computed as a rotation of pairs of samples, which folds the aliases (TDAC), and a matrix of half
the size. Frequencies are those at 44.1 kHz. In sessions at 48 kHz the matrices are the same, so that the edges of
the bands are higher by 48 / 44.1. Runs in any process; numpy only.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from lincae_studio import cores
from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.family import CodecFamily, Entry, ModelFolder

Matrix = npt.NDArray[np.float64]

HOP = 256
WINDOW = 2 * HOP
_HALF = HOP // 2

#: Frames computed at a time, so that they stay in the processor's cache: those of a chunk.
_PART_FRAMES = 352

#: From as many parts on, threads gain more than they cost. The two channels of one chunk are decoded without.
_PARTS_FOR_THREADS = 4
SAMPLE_RATE = 44_100

#: Width of a bin, in Hz.
BIN_HZ = SAMPLE_RATE / WINDOW

#: Bit k is the sign of bin k in its band's sum (0: +1, 1: -1). A constant: part of the format.
_SIGN_BITS = 0x26B563B1E794EE14E1454C40C439F34AC963CFE0AFAE5A3BB9096A04E7D80068

#: Scale of the exponential with which the gain of sketched bands rises, in Hz.
_RISE_HZ = 3000.0


class MdctCodec:
    """MDCT of `exact` bins and `dim - exact` sketched bands; `exact == dim == 256` is lossless."""

    def __init__(self, info: CodecInfo, *, exact: int, lowest_gain: float = 1.0) -> None:
        """`exact`: number of bins kept as they are (`n_lf`); `lowest_gain`: g0 of the module's formula."""
        self._info = info
        sketch, estimate = _sketch(exact, info.dim - exact, lowest_gain)
        rotation, cosines = _folded_basis()
        self._rotation = rotation.astype(np.complex64)
        #: (256, K) and (K, 256): from folded frames to latents, and back.
        self._analysis = (cosines @ sketch.T).astype(np.float32)
        self._synthesis = (estimate @ cosines.T).astype(np.float32)

    @property
    def info(self) -> CodecInfo:
        return self._info

    @property
    def batch(self) -> int:
        """1, since a chunk takes only a millisecond."""
        return 1

    def encode(self, audio: Array) -> Array:
        """`(B, T*256 + 256)` samples to `(B, K, T)`."""
        batch, count = audio.shape
        frames = count // HOP - 1
        if frames < 1 or count != self._info.window_samples(frames):
            raise ValueError(f"a window must have a whole number of hops of {HOP}, at least 2, not {count} samples")
        blocks = np.ascontiguousarray(audio, np.float32).reshape(batch, frames + 1, 2, _HALF)
        latents = np.empty((batch, self._info.dim, frames), np.float32)

        def analyse(part: tuple[int, int]) -> None:
            item, first = part
            last = min(first + _PART_FRAMES, frames)
            pairs = np.empty((last - first + 1, _HALF), np.complex64)
            pairs.real = blocks[item, first : last + 1, 0, ::-1]
            pairs.imag = blocks[item, first : last + 1, 1]
            pairs *= self._rotation
            folded = np.empty((last - first, 2, _HALF), np.float32)
            folded[:, 0], folded[:, 1] = pairs.real[:-1], pairs.imag[1:]
            np.matmul(self._analysis.T, folded.reshape(-1, HOP).T, out=latents[item, :, first:last])

        _on_parts(analyse, batch, frames)
        return latents

    def decode(self, latents: Array, *, first_frames: Sequence[int] = (), seed: int = 0) -> Array:
        """`(B, K, T)` to `(B, T*256 + 256)`; deterministic, so frame numbers and seed have no effect."""
        batch, _, frames = latents.shape
        blocks = np.empty((batch, frames + 1, 2, _HALF), np.float32)

        def synthesise(part: tuple[int, int]) -> None:
            item, first = part
            last = min(first + _PART_FRAMES, frames + 1)
            before, end = max(first - 1, 0), min(last, frames)
            folded = (latents[item, :, before:end].T @ self._synthesis).reshape(-1, 2, _HALF)
            pairs = np.zeros((last - first, _HALF), np.complex64)  # nothing is known of what lies outside the window
            pairs.real[: end - first] = folded[first - before :, 0]
            pairs.imag[before + 1 - first :] = folded[: last - 1 - before, 1]
            pairs *= self._rotation.conj()
            blocks[item, first:last, 0], blocks[item, first:last, 1] = pairs.real[:, ::-1], pairs.imag

        _on_parts(synthesise, batch, frames + 1)
        return blocks.reshape(batch, (frames + 1) * HOP)

    def silence(self, frames: int) -> Array:
        """Zeros, since a linear encoder maps silence to the origin."""
        return np.zeros((self._info.dim, frames), np.float32)


def band_edges(exact: int, bands: int) -> list[int]:
    """First bins of the sketched bands, and the end of the last: equal steps on the mel scale (O'Shaughnessy)."""
    if bands == 0:
        return [exact]
    low, high = (np.log1p(edge * BIN_HZ / 700.0) for edge in (exact, HOP))
    edges = 700.0 * np.expm1(np.linspace(low, high, bands + 1)) / BIN_HZ
    return [int(edge) for edge in np.round(edges)]


def _on_parts(work: Callable[[tuple[int, int]], None], batch: int, frames: int) -> None:
    """Do the work for parts of windows: for their items of the batch and first frames. On all cores if it pays."""
    parts = [(item, first) for item in range(batch) for first in range(0, frames, _PART_FRAMES)]
    if len(parts) >= _PARTS_FOR_THREADS:
        cores.on_all(work, parts)
    else:
        for part in parts:
            work(part)


def _folded_basis() -> tuple[npt.NDArray[np.complex128], Matrix]:
    """The windowed MDCT in two orthogonal steps: a rotation `(128,)` and cosines (256, 256), a bin in each column.

    Time-domain aliasing folds the two halves of each block of 256 samples, p (reversed) and q, as `(p + iq) r` with
    `r = w_a + i w_b`, w_a and w_b being the first two quarters of the window, w_a reversed. The real part belongs to
    the frame that begins with the block, the imaginary one to the frame that ends with it. Rows 0 to 127 of the
    cosines are for the former, the others for the latter.
    """
    n = np.arange(HOP) + 0.5
    window = np.sin(np.pi / 2 * np.sin(np.pi * n / WINDOW) ** 2)
    cosines = np.sqrt(2.0 / HOP) * np.cos(np.pi / HOP * n[:, None] * n)  # a DCT-IV
    return window[_HALF - 1 :: -1] + 1j * window[_HALF:], np.concatenate([cosines[: _HALF - 1 : -1], -cosines[:_HALF]])


def _sketch(exact: int, bands: int, lowest_gain: float) -> tuple[Matrix, Matrix]:
    """Both (K, 256), exact bins first, then bands: row j sums bins into latent j, or spreads latent j over bins."""
    sketch = np.zeros((exact + bands, HOP))
    sketch[:exact, :exact] = np.eye(exact)
    estimate = sketch.copy()
    edges = band_edges(exact, bands)
    for band, (first, last) in enumerate(itertools.pairwise(edges)):
        count = last - first
        signs = np.array([-1.0 if _SIGN_BITS >> bin_ & 1 else 1.0 for bin_ in range(first, last)])
        distance_hz = ((first + last) / 2 - exact) * BIN_HZ
        g = 1.0 - (1.0 - lowest_gain) * np.exp(-distance_hz / _RISE_HZ)
        gain = max(1.0, g * np.sqrt(count))
        sketch[exact + band, first:last] = signs / np.sqrt(count)
        estimate[exact + band, first:last] = signs * gain / np.sqrt(count)
    return sketch, estimate


#: Two frames overlap: one covers the windows' edges, one is a crossfade of a hop. A step of 2 s renders the demo song
#: as fast as any length does, and one chunk in 2 ms (`lincae-studio bench chunks`).
_OVERLAP_FRAMES = 2
_CHUNK_FRAMES = 344 + _OVERLAP_FRAMES


def _info(codec_id: str, dim: int, title: str, description: str) -> CodecInfo:
    return CodecInfo(
        id=codec_id,
        title=title,
        description=description,
        identity=f"{codec_id}/1",
        sample_rate=SAMPLE_RATE,
        hop=HOP,
        dim=dim,
        window_extra=HOP,
        chunk_frames=_CHUNK_FRAMES,
        overlap_frames=_OVERLAP_FRAMES,
        linearity="exact",
        stochastic=False,
        any_rate=True,
        quick=True,
    )


MDCT_1X = _info("mdct-1x", 256, "MDCT 1x", "Built in, lossless: the latent mix equals the waveform mix")
MDCT_2X = _info("mdct-2x", 128, "MDCT 2x", "Built in, half the values: exact up to 9.6 kHz, approximated above")
MDCT_4X = _info("mdct-4x", 64, "MDCT 4x", "Built in, a quarter of the values: exact up to 4.5 kHz, approximated above")


def load_mdct_1x() -> MdctCodec:
    return MdctCodec(MDCT_1X, exact=256)


def load_mdct_2x() -> MdctCodec:
    return MdctCodec(MDCT_2X, exact=112, lowest_gain=0.5)


def load_mdct_4x() -> MdctCodec:
    return MdctCodec(MDCT_4X, exact=52, lowest_gain=0.3)


class MdctFamily(CodecFamily[ModelFolder]):
    """The built-in codecs."""

    name = "mdct"

    def codecs(self, computation: Computation) -> Sequence[Entry]:
        return _ENTRIES


_ENTRIES = (Entry(MDCT_1X, load_mdct_1x), Entry(MDCT_2X, load_mdct_2x), Entry(MDCT_4X, load_mdct_4x))

FAMILY = MdctFamily()
