"""Where the stems of a mix are, to the sample: the lag of each, by cross-correlation of waveforms.

Beside other stems that sound together with it, a stem's lag is hard to see. So all stems are fitted to the mix first,
and each is looked for in what is left of the mix when the others are subtracted; this is repeated until no lag changes
(backfitting). A lag is accepted only if it leaves less energy than the one before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lincae_studio.codecs.base import Array
from lincae_studio.engine.analysis.grams import fit
from lincae_studio.engine.analysis.matching import find_lag
from lincae_studio.engine.planning.sources import AudioReader
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress
from lincae_studio.session.excerpt import only_track
from lincae_studio.session.model import Session

#: Stems are aligned by as much of their session, in seconds: memory for some arrays of it is needed.
_LONGEST_S = 1200.0

#: Samples that are read at once.
_BLOCK = 1 << 18

_ROUNDS = 3

#: A stem is in place if the rest of the mix is below this part of its energy; another place must leave less than
#: `_BETTER` of what the present one leaves.
_IN_PLACE = 1e-6
_BETTER = 0.9


def find_lags(
    session: Session,
    reader: AudioReader,
    max_lag: int,
    report: ReportProgress = no_progress,
    cancel: CancelToken | None = None,
) -> dict[int, int]:
    """How many samples later each stem is in the mix than on its track, by track id; negative if earlier.

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
    report(Progress(1, 1, "Aligning"))
    return lags


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


def _left(mix: Array, stem: Array) -> tuple[float, float]:
    """The gain of a stem in a mix, and the energy of the rest."""
    energy = _energy(stem)
    product = float(np.dot(mix.astype(np.float64), stem.astype(np.float64)))
    return (product / energy, _energy(mix) - product**2 / energy) if energy else (0.0, _energy(mix))


def _energy(audio: Array) -> float:
    return float(np.square(audio, dtype=np.float64).sum())
