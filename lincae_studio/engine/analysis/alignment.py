"""Where the stems of a mix are, to the sample: the lag of each, by cross-correlation of waveforms.

Beside other stems that sound together with it, a stem's lag is hard to see. So all stems are fitted to the mix first,
and each is looked for in what is left of the mix when the others are subtracted; this is repeated until no lag changes
(backfitting). A lag is accepted only if it leaves less energy than the one before.

A stem may lie between two samples of the mix, as after a conversion of its rate. Then what is left is least at a
fraction of a sample, to which the cross-correlation is interpolated by its spectrum. Clips move by whole samples only:
by the likeness of the stem there with itself beside it, inner products are corrected instead (`Grams.sharpened`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from lincae_studio.codecs.base import Array
from lincae_studio.engine.analysis.grams import fit
from lincae_studio.engine.analysis.matching import SEGMENT_SAMPLES, find_lag, loudest
from lincae_studio.engine.planning.sources import AudioReader
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress
from lincae_studio.session.excerpt import only_track
from lincae_studio.session.model import Session

#: Stems are aligned by this much of their session, in seconds, which bounds the memory.
_LONGEST_S = 1200.0

#: Samples that are read at once.
_BLOCK = 1 << 18

_ROUNDS = 3

#: A stem is in place if the rest of the mix is below this part of its energy; another place must leave less than
#: `_BETTER` of what the present one leaves.
_IN_PLACE = 1e-6
_BETTER = 0.9

#: Fractions of a sample that are less than this are none. Taps of the filter that moves audio by one.
_LEAST_FRACTION = 0.05
_TAPS = 65


class Delay(Struct, frozen=True):
    """How much later a stem is in the mix than on its track.

    Attributes:
        samples: to the nearest sample; negative if it is earlier.
        fraction: of a sample that it is later than that, from -0.5 to 0.5.
        likeness: the correlation of the stem with itself moved by the fraction; 1 without one.
    """

    samples: int
    fraction: float = 0.0
    likeness: float = 1.0


def find_lags(
    session: Session,
    reader: AudioReader,
    max_lag: int,
    report: ReportProgress = no_progress,
    cancel: CancelToken | None = None,
) -> dict[int, Delay]:
    """How much later each stem is in the mix than on its track, by track id.

    Args:
        session: the mix on its first track, and the stems, as `grams.plain` returns it.
        max_lag: the largest lag to search for, in samples.

    Raises:
        Cancelled: when `cancel` was set.
    """
    cancel = cancel or CancelToken()
    length = min(session.length, round(_LONGEST_S * session.rate))
    mixes = [DryMix(only_track(session, track.id), reader) for track in session.tracks]
    energies, gains = _fitted(mixes, length, cancel)
    stems = session.tracks[1:]

    def read(number: int) -> Array:
        return np.asarray(mixes[number].read(0, length).mean(axis=0), np.float32)

    rest = read(0)
    for number, gain in enumerate(gains, 1):
        rest -= np.float32(gain) * read(number)
    lags = dict.fromkeys((track.id for track in stems), 0)
    order = [int(one) for one in np.argsort(energies[1:])[::-1] if energies[one + 1] > 0.0]
    for turn in range(_ROUNDS):
        moved = False
        for place, one in enumerate(order):
            cancel.check()
            report(Progress(turn * len(order) + place, _ROUNDS * len(order), "Aligning"))
            stem, track_id = read(one + 1), stems[one].id
            here = _shifted(stem, lags[track_id])
            with_stem = rest + np.float32(gains[one]) * here
            if _energy(rest) <= _IN_PLACE * _energy(with_stem):
                continue
            found = find_lag(np.pad(with_stem, max_lag), stem, max_lag).samples
            gain, left = _left(with_stem, here)
            there = _shifted(stem, found)
            other_gain, other_left = _left(with_stem, there)
            if found != lags[track_id] and other_left < _BETTER * left:
                lags[track_id], gain, here, moved = found, other_gain, there, True
            gains[one] = gain
            rest = with_stem - np.float32(gain) * here
        if not moved:
            break
    delays = {track_id: Delay(lag) for track_id, lag in lags.items()}
    for one in order:
        cancel.check()
        track_id = stems[one].id
        here = _shifted(read(one + 1), lags[track_id])
        with_stem = rest + np.float32(gains[one]) * here
        if _energy(rest) <= _IN_PLACE * _energy(with_stem):
            continue
        fraction, likeness = _between(with_stem, here)
        if fraction:
            delays[track_id] = Delay(lags[track_id], fraction, likeness)
            there = _moved(here, fraction)
            rest = with_stem - np.float32(_left(with_stem, there)[0]) * there
    report(Progress(1, 1, "Aligning"))
    return delays


def _fitted(mixes: Sequence[DryMix], length: int, cancel: CancelToken) -> tuple[list[float], list[float]]:
    """The energy of each mono signal, and the gains of all but the first in that, without any lag."""
    products = np.zeros((len(mixes), len(mixes)))
    for start in range(0, length, _BLOCK):
        cancel.check()
        count = min(_BLOCK, length - start)
        audio = np.stack([mix.read(start, count).mean(axis=0, dtype=np.float64) for mix in mixes])
        products += audio @ audio.T
    return np.diagonal(products).tolist(), fit(products)[0].tolist() if len(mixes) > 1 else []


def _shifted(audio: Array, by: int) -> Array:
    """Audio that is later by some samples, of the same length."""
    out = np.zeros_like(audio)
    if abs(by) < len(audio):
        out[max(0, by) : len(audio) + min(0, by)] = audio[max(0, -by) : len(audio) - max(0, by)]
    return out


def _between(mix: Array, stem: Array) -> tuple[float, float]:
    """The fraction of a sample by which a stem is later in a mix, and the likeness there; 0 and 1 if none is better."""
    size = min(SEGMENT_SAMPLES, len(stem))
    cross, energy, whole = np.zeros(size // 2 + 1, np.complex128), 0.0, 0.0
    window = np.hanning(size)
    for start in loudest(stem, size):
        source = np.fft.rfft(stem[start : start + size] * window)
        heard = np.fft.rfft(mix[start : start + size] * window)
        cross += heard * source.conj()
        energy += float((np.abs(source) ** 2).sum())
        whole += float((np.abs(heard) ** 2).sum())
    turns = 1j * np.linspace(0.0, np.pi, len(cross))

    def product(fraction: float) -> float:
        return abs(float((cross * np.exp(turns * fraction)).real.sum()))

    found, step = 0.0, 0.25
    while step > 0.01:
        found = max((found - step, found, found + step), key=product)
        step /= 2.0
    before, after = product(0.0), product(found)
    if abs(found) < _LEAST_FRACTION or whole - after**2 / energy > _BETTER * (whole - before**2 / energy):
        return 0.0, 1.0
    return found, before / after


def _moved(audio: Array, fraction: float) -> Array:
    """Audio that is later by a fraction of a sample."""
    taps = np.sinc(np.arange(_TAPS) - _TAPS // 2 - fraction) * np.hanning(_TAPS + 2)[1:-1]
    return np.convolve(audio, taps.astype(np.float32), "same")


def _left(mix: Array, stem: Array) -> tuple[float, float]:
    """The gain of a stem in a mix, and the energy of the rest."""
    energy = _energy(stem)
    product = float(np.dot(mix.astype(np.float64), stem.astype(np.float64)))
    return (product / energy, _energy(mix) - product**2 / energy) if energy else (0.0, _energy(mix))


def _energy(audio: Array) -> float:
    return float(np.square(audio, dtype=np.float64).sum())
