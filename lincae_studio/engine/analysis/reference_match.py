"""The balance of a reference mix: how loud, and where in stereo, each stem is in it at each time.

Over short blocks of time, the latents of the reference are fitted by those of the stems with factors that are not
negative. Factors of neighbouring blocks are held together by a penalty on their differences,

    sum_t ||m_t - sum_i g_ti s_ti||^2  +  w * sum_ti e_ti (g_ti - g_(t-1)i)^2,   g >= 0,

with `w = (smoothing / block)^2` and `e_ti` the geometric mean of a stem's energy about that time and of its mean
energy: where a stem is as loud as usual, its factor follows the reference with a time constant of `smoothing` seconds;
the quieter it is, the slower; and where it is silent, the factor goes over from the one before to the one after.

The minimum is that of a quadratic form with tridiagonal blocks, found by solving for the factors that are not 0 and
choosing these again until the conditions of Karush, Kuhn and Tucker hold.

Stems that cannot be told apart have one factor together. Nothing is decoded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from lincae_studio.codecs.base import CodecInfo
from lincae_studio.engine.analysis.alignment import find_lags
from lincae_studio.engine.analysis.grams import Grams, Matrix, Provide, collect, exact_codec, inseparable, plain
from lincae_studio.engine.analysis.points import thinned
from lincae_studio.engine.planning.sources import AudioReader
from lincae_studio.errors import EditError
from lincae_studio.jobs import CancelToken, ReportProgress, no_progress, share_of
from lincae_studio.session.levels import mono_pan, stereo_balance
from lincae_studio.session.model import MAX_GAIN, Point, Session

#: Seconds by which factors are smoothed, unless others are set, and the longest.
SMOOTHING_S = 0.2
MAX_SMOOTHING_S = 10.0

#: How far from its place a stem is looked for, in seconds.
REACH_S = 1.0

_BLOCK_S = 0.05

#: Iterations of the choice of factors that are 0, at most.
_CHOICES = 30

#: Blocks in which a stem is quieter than this, relative to its loudest, say nothing about its factor.
_SILENT_DB = -60.0

#: Factors below this are silence, in dB. A stem that is never above `_ABSENT_DB` is not in the reference.
_FLOOR_DB = -60.0
_ABSENT_DB = -50.0

#: Passes of smoothing. Each one holds factors to the slopes of the one before instead of to no slope, which would
#: flatten every rise and fall (iterated Tikhonov regularization).
_PASSES = 2

#: Blocks about each one whose energies count for how firmly it is held to its neighbours, and what always does.
_ABOUT = 5
_LEAST_LINK = 1e-4

#: Envelopes are exact to this, in dB and as a position from -1 to 1, where the stem is loudest; where it is quieter by
#: 60 dB, to ten times as much.
_GAIN_TOLERANCE_DB = 0.2
_PAN_TOLERANCE = 0.05

_Values = npt.NDArray[np.float64]


class StemLevel(Struct, frozen=True):
    """How a stem is mixed in a reference.

    Attributes:
        gain: its fader; `gain_points`: the envelope that multiplies it, none if the fader does not move.
        pan: its pan; `pan_points`: the envelope that is added to it.
        lowest_db, highest_db: the range of its level, where it is heard.
        lag: by how many samples it must be moved to be aligned with the reference.
    """

    gain: float
    gain_points: tuple[Point, ...]
    pan: float
    pan_points: tuple[Point, ...]
    lowest_db: float
    highest_db: float
    lag: int = 0


class ReferenceMatch(Struct, frozen=True):
    """The balance of a reference.

    Attributes:
        levels: of each stem, by track id.
        inseparable: groups of stems, as track ids, that cannot be told apart and got one level together.
        silent: the stems that are silent, as track ids; they have no level.
        residual_db: what the matched stems leave of the reference, in dB relative to it.
        codec: id of the codec whose latents were compared.
    """

    levels: Mapping[int, StemLevel]
    inseparable: tuple[tuple[int, ...], ...]
    silent: tuple[int, ...]
    residual_db: float
    codec: str


def match_reference(
    session: Session,
    reference: int,
    stems: Sequence[int],
    codec: CodecInfo,
    reader: AudioReader,
    provide: Provide,
    smoothing_s: float = SMOOTHING_S,
    report: ReportProgress = no_progress,
    cancel: CancelToken | None = None,
) -> ReferenceMatch:
    """Find the level and the pan of stems in a reference, regardless of their current faders, pans and envelopes.

    Args:
        reference, stems: ids of tracks.
        codec: of the session; if its latents do not add up exactly, a lossless one is used.
        provide: renders chunks, or returns their latents.
        smoothing_s: the time constant with which levels follow the reference, in seconds.

    Raises:
        EditError: when the reference or all stems are silent, or there are none.
        EngineError: when a chunk cannot be rendered.
        Cancelled: when `cancel` was set.
    """
    if not stems:
        raise EditError("there are no stems to match to the reference", "Put each stem on a track of its own")
    reach = round(REACH_S * session.rate)
    delays = find_lags(plain(session, reference, stems), reader, reach, share_of(report, 0.0, 0.3), cancel)
    lags = {track_id: delay.samples for track_id, delay in delays.items()}
    codec = exact_codec(codec, lossless=any(delay.fraction for delay in delays.values()))
    aligned = plain(session, reference, stems, lags)
    grams = collect(aligned, codec, provide, _BLOCK_S, share_of(report, 0.3, 1.0), cancel)
    grams = grams.sharpened([delays[track_id].likeness for track_id in stems])
    stereo = [
        any(session.media_of(clip.media).channels == 2 for clip in session.track(track_id).clips) for track_id in stems
    ]
    match = balance(grams, stems, stereo, session.rate, smoothing_s)
    levels = {track_id: replace(level, lag=lags[track_id]) for track_id, level in match.levels.items()}
    return replace(match, levels=levels, codec=codec.id)


def balance(
    grams: Grams, stems: Sequence[int], stereo: Sequence[bool], rate: int, smoothing_s: float
) -> ReferenceMatch:
    """The balance of a reference, of its inner products with stems.

    Args:
        stereo: which stems are stereo.
        rate: samples per second.
    """
    total = grams.blocks.sum(axis=(0, 1))
    energies = np.diagonal(total)
    if not energies[0] > 0.0 or not energies[1:].max() > 0.0:
        what = "the reference is silent" if not energies[0] > 0.0 else "the stems are silent"
        raise EditError(what, "Choose the track with the mix that is to be matched")
    groups = [group for group in inseparable(total) if energies[group[0] + 1] > 0.0]
    merged = grams.merged(groups)
    block_s = float(np.median(np.diff(grams.starts))) / rate
    weight = (smoothing_s / block_s) ** 2
    buses = merged.blocks.shape[1]
    factors = np.stack([smooth_factors(merged.blocks[:, bus], weight) for bus in range(buses)], axis=1)
    levels = {}
    for number, group in enumerate(groups):
        heard = merged.blocks[:, :, number + 1, number + 1].sum(axis=1)
        both = all(stereo[one] for one in group)
        level = _level(factors[:, :, number], heard, both, grams.centres)
        levels.update({stems[one]: level for one in group})
    all_factors = np.concatenate([np.ones((*factors.shape[:2], 1)), -factors], axis=2)
    left = float(np.einsum("tbi,tbij,tbj->", all_factors, merged.blocks, all_factors))
    return ReferenceMatch(
        levels,
        tuple(tuple(stems[one] for one in group) for group in groups if len(group) > 1),
        tuple(track_id for track_id, energy in zip(stems, energies[1:], strict=True) if not energy > 0.0),
        10.0 * math.log10(max(left / float(energies[0]), 1e-20)),
        "",
    )


def smooth_factors(blocks: Matrix, weight: float) -> Matrix:
    """The factors `(T, n)` of n stems in a mix, not negative, of their inner products `(T, n + 1, n + 1)`.

    Args:
        weight: of the squared differences of neighbours, in units of a stem's mean energy.
    """
    stems, target = blocks[:, 1:, 1:], blocks[:, 1:, 0]
    energies = np.diagonal(stems, axis1=1, axis2=2)
    mean = np.maximum(energies.mean(axis=0), 1e-9 * energies.mean(axis=0).max())
    about = np.apply_along_axis(np.convolve, 0, energies, np.full(_ABOUT, 1.0 / _ABOUT), "same")[: len(blocks)]
    local = np.sqrt(mean * np.maximum(about, _LEAST_LINK * mean))
    link = np.maximum(weight, 1e-6) * (local[1:] + local[:-1]) / 2.0  # (T - 1, n)
    sums = np.zeros(target.shape)
    sums[1:] += link
    sums[:-1] += link
    diagonal = stems + np.einsum("ti,ij->tij", sums + 1e-9 * mean, np.eye(len(mean)))
    factors = np.zeros(target.shape)
    for _ in range(_PASSES):
        factors = _not_negative(diagonal, target, link, mean)
        slopes = link * np.diff(factors, axis=0)
        target = blocks[:, 1:, 0].copy()
        target[1:] += slopes
        target[:-1] -= slopes
    return factors


def _not_negative(diagonal: Matrix, target: Matrix, link: Matrix, mean: _Values) -> Matrix:
    """Solve the equations where factors are not 0, and choose where they are until all conditions hold."""
    free = np.ones(target.shape, np.bool_)
    factors = np.zeros(target.shape)
    for _ in range(_CHOICES):
        factors = _solved(diagonal, target, link, free)
        pull = target - np.einsum("tij,tj->ti", diagonal, factors)
        pull[1:] += link * factors[:-1]
        pull[:-1] += link * factors[1:]
        chosen = np.where(free, factors >= 0.0, pull > 1e-9 * mean)
        if np.array_equal(chosen, free):
            break
        free = chosen
    return np.maximum(factors, 0.0)


def _solved(diagonal: Matrix, target: Matrix, link: Matrix, free: npt.NDArray[np.bool_]) -> Matrix:
    """Solve the block-tridiagonal equations for the free factors (Thomas); the others are 0."""
    size = target.shape[1]
    both = free[:, :, None] & free[:, None, :]
    matrices = np.where(both, diagonal, 0.0) + np.eye(size) * ~free[:, :, None]
    values = np.where(free, target, 0.0)
    passed = np.zeros((len(target), size, size))
    right = np.zeros(target.shape)
    before, carried = np.zeros((size, size)), np.zeros(size)
    for time in range(len(target)):
        lower = link[time - 1] * free[time] * free[time - 1] if time else np.zeros(size)
        matrix = matrices[time] - lower[:, None] * before
        upper = link[time] * free[time] * free[time + 1] if time + 1 < len(target) else np.zeros(size)
        solved = np.linalg.solve(matrix, np.column_stack([np.diag(upper), values[time] + lower * carried]))
        before, carried = solved[:, :size], solved[:, size]
        passed[time], right[time] = before, carried
    factors = np.zeros(target.shape)
    after = np.zeros(size)
    for time in range(len(target) - 1, -1, -1):
        after = right[time] + passed[time] @ after
        factors[time] = after
    return factors


def _level(factors: Matrix, heard: _Values, stereo: bool, centres: _Values) -> StemLevel:
    """The strip of a stem with factors `(T, buses)`; `heard`: its energy in each block."""
    sounding = heard > 10.0 ** (_SILENT_DB / 10.0) * heard.max()
    weights = np.where(sounding, heard, 0.0)
    pans = _pans(factors, stereo) if factors.shape[1] == 2 else np.zeros(len(factors))
    powers = weights * np.square(factors).sum(axis=1)
    pan, pan_points = 0.0, tuple[Point, ...]()
    slack = (np.maximum(powers, 1e-9 * powers.max(initial=1e-30)) / powers.max(initial=1e-30)) ** (-1.0 / 6.0)
    if powers.any():
        pan = _snapped(_weighted_median(pans, powers))
        off = np.abs(pans - pan) > _PAN_TOLERANCE
        if float(powers[off].sum()) > 0.05 * float(powers.sum()):
            clear = sounding & (powers > 1e-4 * powers.max())
            pan_points = tuple(
                Point(at, min(max(value - pan, -1.0), 1.0))
                for at, value in thinned(centres[clear], pans[clear], _PAN_TOLERANCE * slack[clear])
            )
        else:
            pans = np.full(len(factors), pan)
    laws = _laws(pans, stereo) if factors.shape[1] == 2 else np.ones((len(factors), 1))
    gains = (laws * factors).sum(axis=1) / np.maximum((laws**2).sum(axis=1), 1e-12)
    levels = 20.0 * np.log10(np.clip(gains, 1e-9, MAX_GAIN))
    levels = np.maximum(levels, _FLOOR_DB)
    points = thinned(centres[sounding], levels[sounding], _GAIN_TOLERANCE_DB * slack[sounding])
    values = [10.0 ** (level / 20.0) if level > _FLOOR_DB else 0.0 for _, level in points]
    known = levels[sounding]
    if not len(known) or known.max() <= _ABSENT_DB:
        return StemLevel(0.0, (), 0.0, (), _FLOOR_DB, _FLOOR_DB)
    span = float(known.min()), float(known.max())
    if len({round(level, 6) for _, level in points}) <= 1 or span[1] - span[0] <= 2.0 * _GAIN_TOLERANCE_DB:
        middle = _weighted_median(gains, weights) if weights.any() else 1.0
        return StemLevel(float(min(middle, MAX_GAIN)), (), pan, pan_points, *span)
    envelope = tuple(Point(at, min(value, MAX_GAIN)) for (at, _), value in zip(points, values, strict=True))
    return StemLevel(1.0, envelope, pan, pan_points, *span)


def _pans(factors: Matrix, stereo: bool) -> _Values:
    """The pan of factors `(T, 2)`, by the laws of `session.levels`; 0 where both are 0."""
    left, right = factors.T
    loudest = np.maximum(left, right)
    if stereo:
        with np.errstate(divide="ignore", invalid="ignore"):
            pans = np.where(left >= right, right / loudest - 1.0, 1.0 - left / loudest)
    else:
        pans = np.arctan2(right, left) * 4.0 / np.pi - 1.0
    return np.where(loudest > 0.0, pans, 0.0)


def _laws(pans: _Values, stereo: bool) -> Matrix:
    law = stereo_balance if stereo else mono_pan
    distinct, places = np.unique(pans, return_inverse=True)
    return np.array([law(float(pan)) for pan in distinct])[places]


def _snapped(pan: float) -> float:
    """A pan on whole percents; next to the centre, that."""
    return 0.0 if abs(pan) < _PAN_TOLERANCE / 2.0 else round(pan, 2)


def _weighted_median(values: _Values, weights: _Values) -> float:
    order = np.argsort(values)
    sums = np.cumsum(weights[order])
    return float(values[order][min(int(np.searchsorted(sums, sums[-1] / 2.0)), len(values) - 1)])
