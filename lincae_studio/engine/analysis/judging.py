"""Judging where stems do not add up to their master, of inner products over time.

Findings are made one after another; each one explains a part of the residual, and the next ones are about the rest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from lincae_studio.engine.analysis.alignment import Delay
from lincae_studio.engine.analysis.findings import Finding, Kind
from lincae_studio.engine.analysis.grams import Grams, Matrix, fit
from lincae_studio.engine.analysis.residual import LEAST_DB
from lincae_studio.engine.analysis.spans import Span, best_span, runs
from lincae_studio.session.model import Session
from lincae_studio.session.times import format_time

#: Lengths of windows, in blocks, each with the share of the unexplained energy that a stem must explain there: in short
#: windows music resembles other music by chance.
WINDOWS = ((10, 0.15), (30, 0.05), (80, 0.01))

#: A gain that differs by less is that of the whole: 0.3 dB.
_LEAST_CHANGE = 0.035

#: A change must exceed the usual spread of the stem's gain by this factor.
_SIGNIFICANT = 5.0

#: The usual spread over the quantile 0.4 of deviations, of a normal distribution. The median would be that of a change
#: that lasts for half of the time.
_SPREAD = 1.907

#: Stems that are quieter than this beside the master are not judged there; neither is a master this quiet.
_AUDIBLE_DB = -45.0
_QUIET_DB = -50.0

#: A residual below this is nothing that is missing; above the usual one it must be by `_STANDS_OUT_DB`.
_CLEAN_DB = -40.0
_STANDS_OUT_DB = 10.0

#: From here on, a residual is one even if it is the same throughout.
_DIFFERS_DB = -30.0

#: Below this factor a stem counts as absent; and what is unexplained as another version of it, from this share of its
#: energy on.
_ABSENT = 0.25
_REPLACED = 0.25

#: The master was processed if gains by band or by time leave less than this share of the residual.
_PROCESSED = 0.75

#: Shortest span that is reported, in blocks.
_SHORTEST = 5

#: Stems that sound for longer after the master are worth a note, in blocks.
_LATER = 20


def level_of(gains: npt.NDArray[np.float64]) -> float:
    """The factor of a fader that has these factors on the buses."""
    return float(np.sqrt(np.mean(np.square(gains))))


def windowed(blocks: Matrix, size: int) -> Matrix:
    """Sums of each `size` blocks in a row; of all of them if there are fewer."""
    size = min(size, len(blocks))
    sums = np.concatenate([np.zeros((1, *blocks.shape[1:])), np.cumsum(blocks, axis=0)])
    return np.asarray(sums[size:] - sums[:-size])


class Scaled(Struct, frozen=True):
    """Inner products of the master and of stems at their usual gains, over all buses together."""

    grams: Grams
    blocks: Matrix
    bands: Matrix

    @classmethod
    def of(cls, grams: Grams, gains: Matrix) -> Scaled:
        factors = np.concatenate([np.ones((1, gains.shape[1])), gains]).T  # (buses, K)
        both = factors[:, :, None] * factors[:, None, :]
        return cls(grams, (grams.blocks * both).sum(axis=1), (grams.bands * both).sum(axis=2))

    @property
    def master(self) -> npt.NDArray[np.float64]:
        """The energy of the master in each block."""
        return np.asarray(self.blocks[:, 0, 0])

    def residual(self, levels: Matrix) -> npt.NDArray[np.float64]:
        """The energy in each block of the master less the stems at these levels, `(blocks, stems)`."""
        factors = np.concatenate([np.ones((len(levels), 1)), -levels], axis=1)
        return np.asarray(np.maximum(np.einsum("ti,tij,tj->t", factors, self.blocks, factors), 0.0))

    def chunk_levels(self) -> tuple[float | None, ...]:
        """The residual of each chunk at the usual gains, in dB relative to the master."""
        left = self.residual(np.ones((len(self.blocks), self.blocks.shape[-1] - 1)))
        count = len(self.bands)
        energies = np.bincount(self.grams.chunk_of, self.master, count)
        lefts = np.bincount(self.grams.chunk_of, left, count)
        least = 1e-12 * energies.max() / max(1, count)
        return tuple(
            max(LEAST_DB, _db(one, energy)) if energy > least else None
            for one, energy in zip(lefts.tolist(), energies.tolist(), strict=True)
        )

    def band_levels(self) -> npt.NDArray[np.float64]:
        """The residual of each chunk and band, in dB relative to the whole master in that chunk."""
        factors = np.concatenate([[1.0], -np.ones(self.bands.shape[-1] - 1)])
        left = np.maximum(factors @ self.bands @ factors, 0.0)
        energies = self.bands[:, :, 0, 0].sum(axis=1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            levels = 10.0 * np.log10(left / energies)
        return np.asarray(np.nan_to_num(np.maximum(levels, LEAST_DB), nan=LEAST_DB))


def _db(power: float, reference: float) -> float:
    return 10.0 * math.log10(max(power / reference, 1e-20)) if reference > 0.0 else LEAST_DB


class Judging:
    """Finds differences one after another; `levels` are the levels of stems that explain what was found so far."""

    def __init__(
        self,
        scaled: Scaled,
        names: Sequence[tuple[int, ...]],
        session: Session,
        likeness: Sequence[float],
        usual: Sequence[float],
    ) -> None:
        """Find nothing yet.

        Args:
            likeness: of the stems moved by whole samples with themselves where they are (`alignment.Delay`).
            usual: their usual gains, relative to that of most stems.
        """
        self._scaled = scaled
        self._names = names
        self._session = session
        self._blocks = scaled.blocks
        self._levels = np.ones((len(self._blocks), self._blocks.shape[-1] - 1))
        quiet = 10.0 ** (_QUIET_DB / 10.0) * float(np.quantile(scaled.master, 0.95))
        self._loud = scaled.master > quiet
        window = min(WINDOWS[0][0], len(self._blocks))
        left = fit(windowed(self._blocks, window))[2]
        heard = windowed(np.where(self._loud, scaled.master, 0.0), window)
        known = heard > 0.0
        #: The usual part of the master that nothing explains.
        self._floor = float(np.quantile(left[known] / heard[known], 0.2)) if known.any() else 0.0
        beside = 1.0 - np.square(likeness)
        #: The remainder of stems between two samples, in each block: less than that is not listed as missing.
        self._hidden = np.diagonal(self._blocks, axis1=1, axis2=2)[:, 1:] @ beside
        self._usual = usual
        #: Spans in which stems have other gains than usual, or none, by their numbers.
        self._changed: dict[int, list[Span]] = {}
        #: Spans in which another version of a stem was found.
        self._replaced: list[Span] = []

    def delays(self, delays: Mapping[int, Delay]) -> list[Finding]:
        """The stems that are late or early."""
        found = []
        for track_id, delay in delays.items():
            lag = delay.samples + round(delay.fraction, 1)
            if lag:
                track = self._session.track(track_id)
                first = min(clip.start for clip in track.clips)
                words = "late" if lag < 0 else "early"
                found.append(Finding((track_id,), "delay", first, track.end, -float(lag), words))
        return found

    def whole_gains(self, gains: Sequence[npt.NDArray[np.float64]], absent: Sequence[bool]) -> list[Finding]:
        """The stems whose usual gain differs from that of most others; where it is another one, see `changes`."""
        found = []
        for number, (gain, gone) in enumerate(zip(gains, absent, strict=True)):
            span = self._heard(number)
            if gone or span is None:
                continue
            if _differs(self._usual[number]):
                rest = np.zeros(len(self._blocks), np.bool_)
                rest[slice(*span)] = True
                for first, last in self._changed.get(number, ()):
                    rest[first:last] = False
                amount = -20.0 * math.log10(self._usual[number])
                found += [self._finding(number, "gain", one, amount, "") for one in runs(rest, gap=1, least=_SHORTEST)]
            if gain.sum() < 0.0:
                found.append(self._finding(number, "other", span, 0.0, "polarity inverted"))
        return found

    def changes(self) -> list[Finding]:
        """The spans in which a stem has another gain in the master than elsewhere."""
        found: list[Finding] = []
        for window, share in WINDOWS:
            for number, span in self._candidates(window, share):
                taken = self._changed.setdefault(number, [])
                if any(span[0] < end and start < span[1] for start, end in taken):
                    continue
                refined = self._refined(number, span, window)
                if refined is None or any(refined[0] < end and start < refined[1] for start, end in taken):
                    continue
                taken.append(refined)
                finding = self._judged(number, refined)
                if finding is not None:
                    found.append(finding)
        return found

    def unexplained(self) -> list[Finding]:
        """The spans in which the master has what no stem explains."""
        window = min(WINDOWS[0][0], len(self._blocks))
        rest = self._left() - self._hidden
        left = _smooth(rest, window)
        heard = np.maximum(_smooth(self._scaled.master, window), 1e-30)
        floor_db = _db(self._floor, 1.0)
        whole = floor_db > _DIFFERS_DB
        limit_db = _DIFFERS_DB if whole else max(_CLEAN_DB, floor_db + _STANDS_OUT_DB)
        high = self._loud & (left / heard > 10.0 ** (limit_db / 10.0))
        for first, last in self._replaced:
            high[first:last] = False
        found = []
        above = np.where(self._loud, rest - 10.0 ** (limit_db / 10.0) * self._scaled.master, 0.0)
        for low, end in runs(high, gap=window, least=2 * _SHORTEST):
            best = best_span(above[low:end])
            if best is None or best[1] - best[0] < _SHORTEST:
                continue
            first, last = span = low + best[0], low + best[1]
            level = _db(float(self._left()[first:last].sum()), float(self._scaled.master[first:last].sum()))
            if self._processed(span):
                found.append(self._of_none("other", span, level, "the master is processed"))
                continue
            silent = self._silent_just_here(span)
            if silent is not None:
                words = "its track is silent, the master is not"
                found.append(self._finding(silent, "missing", span, level, words))
            else:
                found.append(self._of_none("missing", span, level, "the master has what no stem has"))
        return found

    def ends(self) -> list[str]:
        """Whether stems sound where the master has ended."""
        rate, starts = self._session.rate, self._scaled.grams.starts
        sounding = np.flatnonzero(self._loud)
        heard = [span[1] for number in range(self._levels.shape[1]) if (span := self._heard(number)) is not None]
        if not len(sounding) or not heard:
            return []
        end, later = int(sounding[-1]) + 1, max(heard)
        if later - end < _LATER:
            return []
        times = [format_time(float(starts[one]) / rate, 1) for one in (end, later)]
        return [f"the master ends at {times[0]}, the stems at {times[1]}"]

    def _candidates(self, window: int, share: float) -> list[tuple[int, Span]]:
        """Spans in which the gain of a stem, in windows of this length, is not 1; the clearest first."""
        size = min(window, len(self._blocks))
        sums = windowed(self._blocks, size)
        gains, own, left = fit(sums)
        master = sums[:, 0, 0]
        audible = own > 10.0 ** (_AUDIBLE_DB / 10.0) * np.maximum(master, 1e-30)[:, None]
        audible &= windowed(self._loud.astype(np.float64), size)[:, None] > 0.5 * size
        change = gains - _in_common(gains, audible)[:, None]
        found: list[tuple[float, int, Span]] = []
        for number in range(gains.shape[1]):
            here = audible[:, number]
            if not here.any():
                continue
            spread = _SPREAD * float(np.quantile(np.abs(change[here, number]), 0.4))
            limit = max(_LEAST_CHANGE, _SIGNIFICANT * spread)
            if spread > 0.5:  # gone for more than half of the time: nothing to compare it with
                limit = _LEAST_CHANGE
            explained = change[:, number] ** 2 * own[:, number]
            flagged = here & (np.abs(change[:, number]) > limit) & (explained > share * left)
            for sign in (-1.0, 1.0):
                for first, last in runs(flagged & (np.sign(change[:, number]) == sign), gap=window, least=2):
                    gain = float(explained[first:last].sum())
                    found.append((gain, number, (first, last - 1 + size)))
        return [(number, span) for _, number, span in sorted(found, key=lambda one: -one[0])]

    def _refined(self, number: int, span: Span, window: int) -> Span | None:
        """The span in which another gain of the stem saves the most residual."""
        first, last = span
        low, high = max(0, first - window), min(len(self._blocks), last + window)
        margin = min(window // 2, (last - first - 1) // 2)
        inside = first + margin, last - margin
        for _ in range(3):
            gain = float(fit(self._blocks[slice(*inside)].sum(axis=0))[0][number])
            changed = self._levels[low:high].copy()
            changed[:, number] = gain
            saved = self._residual(low, high, self._levels[low:high]) - self._residual(low, high, changed)
            saved[~self._loud[low:high]] = 0.0  # the master has ended, or not begun
            best = best_span(saved)
            if best is None:
                return None
            inside = low + best[0], low + best[1]
        return inside if inside[1] - inside[0] >= _SHORTEST else None

    def _residual(self, low: int, high: int, levels: Matrix) -> npt.NDArray[np.float64]:
        factors = np.concatenate([np.ones((len(levels), 1)), -levels], axis=1)
        return np.asarray(np.einsum("ti,tij,tj->t", factors, self._blocks[low:high], factors))

    def _judged(self, number: int, span: Span) -> Finding | None:
        """The finding for a stem with another gain in a span, which `levels` follow from now on."""
        first, last = span
        total = self._blocks[first:last].sum(axis=0)
        gains, _, left = fit(total)
        gain, energy = float(gains[number]), float(total[number + 1, number + 1])
        self._levels[first:last, number] = gain
        unexplained = float(left) - self._floor * float(total[0, 0])
        level = _db(energy, float(total[0, 0]))
        if gain < -_ABSENT:
            return self._finding(number, "other", span, level, "polarity inverted")
        replaced = unexplained > _REPLACED * energy
        if replaced and gain < 0.7:
            self._replaced.append(span)
            return self._finding(number, "other", span, _db(float(left), float(total[0, 0])), "another version")
        if gain < _ABSENT:
            return self._finding(number, "missing", span, level, "")
        gain *= self._usual[number]
        return self._finding(number, "gain", span, -20.0 * math.log10(gain), "") if _differs(gain) else None

    def _left(self) -> npt.NDArray[np.float64]:
        """The energy in each block that nothing found so far explains. A level may change in the middle of a block."""
        left = self._scaled.residual(self._levels)
        changes = np.flatnonzero((np.diff(self._levels, axis=0) != 0.0).any(axis=1))
        near = np.unique(np.clip(np.concatenate([changes, changes + 1]), 0, len(left) - 1))
        if len(near):
            left[near] = fit(self._blocks[near])[2]
        return left

    def _processed(self, span: Span) -> bool:
        """Whether the residual in a span follows the sum of the stems, in frequency or in time."""
        first, last = span
        levels = self._levels[first:last]
        left = float(self._left()[first:last].sum())
        blocks = self._blocks[first:last]
        crossed = np.einsum("tj,tj->t", blocks[:, 0, 1:], levels)
        own = np.einsum("ti,tij,tj->t", levels, blocks[:, 1:, 1:], levels)
        by_time = blocks[:, 0, 0] - _ratio(crossed**2, own)
        chunks = np.unique(self._scaled.grams.chunk_of[first:last])
        bands = self._scaled.bands[chunks].sum(axis=0)
        ones = np.ones(bands.shape[-1] - 1)
        sums = ones @ bands[:, 1:, 1:] @ ones
        by_band = bands[:, 0, 0] - _ratio((bands[:, 0, 1:] @ ones) ** 2, sums)
        whole = bands[:, 0, 0] - 2.0 * bands[:, 0, 1:] @ ones + sums
        return bool(by_time.sum() < _PROCESSED * left or by_band.sum() < _PROCESSED * whole.sum())

    def _silent_just_here(self, span: Span) -> int | None:
        """The one stem that is silent throughout a span but not just outside of it, or None."""
        first, last = span
        found = []
        for number in range(self._levels.shape[1]):
            energies = self._blocks[:, number + 1, number + 1]
            sounding = energies > 1e-6 * energies.max()
            inside = sounding[first + 2 : last - 2]
            near = sounding[max(0, first - 5) : first + 2].any() or sounding[last - 2 : last + 5].any()
            if near and not inside.any():
                found.append(number)
        return found[0] if len(found) == 1 else None

    def _heard(self, number: int) -> Span | None:
        """From the first to the last block in which a stem sounds."""
        energies = self._blocks[:, number + 1, number + 1]
        sounding = np.flatnonzero(energies > 1e-9 * energies.max())
        return (int(sounding[0]), int(sounding[-1]) + 1) if energies.max() > 0.0 and len(sounding) else None

    def _finding(self, number: int, kind: Kind, span: Span, amount: float, words: str) -> Finding:
        return self._at(self._names[number], kind, span, amount, words)

    def _of_none(self, kind: Kind, span: Span, amount: float, words: str) -> Finding:
        return self._at((), kind, span, amount, words)

    def _at(self, tracks: tuple[int, ...], kind: Kind, span: Span, amount: float, words: str) -> Finding:
        starts, end = self._scaled.grams.starts, self._session.length
        return Finding(tracks, kind, int(starts[span[0]]), min(int(starts[span[1]]), end), amount, words)


def _differs(gain: float) -> bool:
    """Whether a gain is not 1, in either direction."""
    return abs(math.log(gain)) > math.log(1.0 + _LEAST_CHANGE)


def _in_common(gains: Matrix, audible: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """The gain of most stems at each time, where at least three sound: what the master's own level does."""
    masked = np.where(audible, gains, np.nan)
    enough = audible.sum(axis=1) >= 3
    common = np.ones(len(gains))
    if enough.any():
        common[enough] = np.nanmedian(masked[enough], axis=1)
    return common


def _smooth(values: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    """Sums over `size` blocks about each one."""
    return np.convolve(values, np.ones(size), "same")


def _ratio(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.divide(one, other, out=np.zeros_like(one), where=other > 0.0)
