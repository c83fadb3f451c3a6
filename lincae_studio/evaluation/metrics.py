"""Distances between two signals: of samples, spectra and mel bands. numpy only; any thread.

Signals are `(N,)` arrays of equal length. Sums over samples are taken in float64, spectra in float32, which is several
times as fast and agrees to some 1e-7.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

Signal = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Spectrogram = npt.NDArray[np.float32]

#: STFT sizes of `mr_stft`; each hop is a quarter of the size.
STFT_SIZES = (512, 1024, 2048)

#: Sizes, hops and window lengths of auraloss, which the authors of Lin-CAE evaluate with.
_AURALOSS_STFTS = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))

#: Limit of ratios in dB. Rounding of 32-bit samples alone gives about 150 dB, so only equal signals reach it.
LIMIT_DB = 160.0

#: Magnitudes below this count as this: the square root of the 1e-8 that auraloss adds to power spectra.
MAGNITUDE_FLOOR = 1e-4

_MEL_BANDS = 80
_MEL_SIZE = 2048
_MEL_RANGE_DB = 80.0

#: Power of a mel band below which it counts as silent, regardless of the reference.
_MEL_FLOOR = 1e-10


def limited(ratio_db: float) -> float:
    """A ratio in dB, at most `LIMIT_DB` and at least its negative, so that it can be averaged; NaN stays NaN."""
    return min(max(ratio_db, -LIMIT_DB), LIMIT_DB) if ratio_db == ratio_db else ratio_db


def si_sdr(estimate: Signal, reference: Signal) -> float:
    """Scale-invariant signal-to-distortion ratio in dB; infinite when equal up to a factor.

    It is minus infinity, the worst, if one of the signals is silent, or is orthogonal to the other.

    Le Roux, Wisdom, Erdogan, Hershey, "SDR - half-baked or well done?" (ICASSP 2019), equation 3: with
    `a = <estimate, reference> / |reference|**2`, `10 log10(|a * reference|**2 / |a * reference - estimate|**2)`.
    Means are not removed.
    """
    reference = reference.astype(np.float64)
    energy = float(np.dot(reference, reference))
    scale = float(np.dot(estimate, reference)) / energy if energy else 0.0
    return snr(estimate, scale * reference) if scale else -math.inf


def snr(estimate: Signal, reference: Signal) -> float:
    """Signal-to-noise ratio in dB, `10 log10(|reference|**2 / |estimate - reference|**2)`; infinite when equal.

    Minus infinity if only the reference is silent, NaN if both signals are: nothing is measured then.
    """
    reference = reference.astype(np.float64)
    error = estimate - reference
    signal_energy, error_energy = float(np.dot(reference, reference)), float(np.dot(error, error))
    if error_energy == 0.0:
        return math.inf if signal_energy else math.nan
    return 10.0 * math.log10(signal_energy / error_energy) if signal_energy else -math.inf


def mr_stft(estimate: Signal, reference: Signal) -> float:
    """Multi-resolution STFT distance, without unit; 0 for equal signals.

    Yamamoto, Song, Kim, "Parallel WaveGAN" (ICASSP 2020), equations 4 to 6, averaged over `STFT_SIZES` with hops of a
    quarter: spectral convergence `|S - E| / |S|` (Frobenius norms, S the reference's magnitudes) plus the mean of
    `|ln S - ln E|`, magnitudes being at least 1e-4 of an unnormalised Hann STFT. NaN if the reference is silent.
    """
    if not reference.any():
        return math.nan
    return float(np.mean([_stft_distance(estimate, reference, size) for size in STFT_SIZES]))


def mr_stft_auraloss(estimate: Signal, reference: Signal) -> float:
    """`MultiResolutionSTFTLoss` of auraloss with its default windows, which the authors' figures use.

    As `mr_stft`, but with windows shorter than the transform (600 of 1024, 1200 of 2048, 240 of 512 samples) and hops
    of 120, 240 and 50, on signals that are continued at both ends by half a transform of their mirror image.
    """
    if not reference.any():
        return math.nan
    distances = []
    for size, hop, length in _AURALOSS_STFTS:
        # The window is in the middle of the transform, which the magnitudes do not depend on.
        around = length // 2
        theirs, ours = (
            _windowed(
                np.pad(signal.astype(np.float32), size // 2, "reflect")[size // 2 - around : around - size // 2],
                length,
                hop,
                size,
            )
            for signal in (reference, estimate)
        )
        distances.append(_spectral_distance(ours, theirs))
    return float(np.mean(distances))


def mel_distance(estimate: Signal, reference: Signal, sample_rate: int) -> float:
    """Mean absolute difference of log-mel spectrograms, in dB.

    Power spectra of a Hann STFT of 2048 samples, hop 512; 80 triangular bands of equal width in mel from 0 Hz to half
    the sample rate (O'Shaughnessy's `2595 log10(1 + f / 700)`, peaks of 1); levels in dB, those more than 80 dB below
    the loudest of the reference being raised to there.
    """
    bands = _mel_bands(sample_rate)
    levels = [_magnitudes(signal, _MEL_SIZE) ** 2 @ bands for signal in (reference, estimate)]
    floor = max(float(levels[0].max()) * 10.0 ** (-_MEL_RANGE_DB / 10.0), _MEL_FLOOR)
    reference_db, estimate_db = (10.0 * np.log10(np.maximum(level, floor)) for level in levels)
    return float(np.abs(reference_db - estimate_db).mean())


def _stft_distance(estimate: Signal, reference: Signal, size: int) -> float:
    return _spectral_distance(_magnitudes(estimate, size), _magnitudes(reference, size))


def _spectral_distance(ours: Spectrogram, theirs: Spectrogram) -> float:
    """Spectral convergence and mean difference of logarithms, of magnitudes above the floor."""
    ours, theirs = (np.maximum(one, np.float32(MAGNITUDE_FLOOR)) for one in (ours, theirs))
    convergence = float(np.linalg.norm(theirs - ours)) / float(np.linalg.norm(theirs))
    return convergence + float(np.abs(np.log(theirs / ours)).mean(dtype=np.float64))


def _magnitudes(signal: Signal, size: int) -> Spectrogram:
    """`(frames, size // 2 + 1)` magnitudes of a periodic Hann STFT, hop `size / 4`, of whole frames only."""
    return _windowed(signal, size, size // 4, size)


@functools.cache
def _hann(length: int) -> npt.NDArray[np.float32]:
    return (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)).astype(np.float32)


def _windowed(signal: Signal, length: int, hop: int, size: int) -> Spectrogram:
    """Magnitudes of transforms of `size` samples, of a Hann window of `length`."""
    frames = np.lib.stride_tricks.sliding_window_view(signal.astype(np.float32), length)[::hop]
    return np.asarray(np.abs(np.fft.rfft(frames * _hann(length), n=size, axis=1)), np.float32)


@functools.cache
def _mel_bands(sample_rate: int) -> npt.NDArray[np.float64]:
    """`(bins, 80)` weights of the triangular bands."""
    top_mel = 2595.0 * math.log10(1.0 + sample_rate / 2 / 700.0)
    edges = 700.0 * (10.0 ** (np.linspace(0.0, top_mel, _MEL_BANDS + 2) / 2595.0) - 1.0)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    frequency = np.fft.rfftfreq(_MEL_SIZE, 1.0 / sample_rate)[:, None]
    rising, falling = (frequency - low) / (centre - low), (high - frequency) / (high - centre)
    return np.maximum(0.0, np.minimum(rising, falling))
