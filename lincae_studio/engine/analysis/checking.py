"""Comparing a master with its stems: where they do not add up to it, and which stem explains that.

Each stem is aligned (`alignment`) and gets the gain that it has in the master most of the time. What the
stems' latents then leave of the master's is the residual, per chunk. Where it is high, windows of several lengths are
fitted again by least squares (`grams`): a stem whose gain there differs by more than it does elsewhere explains it.
The edges of such a span are those between which the other gain saves the most residual, to a block of 0.1 s.

What no gain of any stem explains is missing from the stems, or another version of a stem that the master does not have
there. A residual that follows the sum of the stems in time and frequency is neither: the master was processed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from lincae_studio.codecs.base import CodecInfo
from lincae_studio.engine.analysis.alignment import Delay, find_lags
from lincae_studio.engine.analysis.findings import CheckResult
from lincae_studio.engine.analysis.grams import Grams, Provide, collect, exact_codec, fit, inseparable, plain
from lincae_studio.engine.analysis.judging import WINDOWS, Judging, Scaled, level_of, windowed
from lincae_studio.engine.analysis.spans import common_gain, steady_gain
from lincae_studio.engine.planning.sources import AudioReader
from lincae_studio.errors import EditError
from lincae_studio.jobs import CancelToken, ReportProgress, no_progress, share_of
from lincae_studio.session.model import Session

#: How far from its place a stem is looked for, in seconds.
REACH_S = 1.0

_BLOCK_S = 0.1


def check_stems(
    session: Session,
    master: int,
    stems: Sequence[int],
    codec: CodecInfo,
    reader: AudioReader,
    provide: Provide,
    report: ReportProgress = no_progress,
    cancel: CancelToken | None = None,
) -> CheckResult:
    """Compare a master with its stems. Their faders, pans, envelopes and mutes have no effect.

    Args:
        master, stems: ids of tracks.
        codec: of the session; if its latents do not add up exactly, a lossless one is used.
        provide: renders chunks, or returns their latents.

    Raises:
        EditError: when the master has no audible clip, or there are no stems.
        EngineError: when a chunk cannot be rendered.
        Cancelled: when `cancel` was set.
    """
    if not stems:
        raise EditError("there are no stems to compare the master with", "Put each stem on a track of its own")
    reach = round(REACH_S * session.rate)
    delays = find_lags(plain(session, master, stems), reader, reach, share_of(report, 0.0, 0.3), cancel)
    codec = exact_codec(codec, lossless=any(delay.fraction for delay in delays.values()))
    aligned = plain(session, master, stems, {track_id: delay.samples for track_id, delay in delays.items()})
    grams = collect(aligned, codec, provide, _BLOCK_S, share_of(report, 0.3, 1.0), cancel)
    grams = grams.sharpened([delays[track_id].likeness for track_id in stems])
    return replace(judge(grams, session, stems, delays), codec=codec.id)


def judge(grams: Grams, session: Session, stems: Sequence[int], delays: Mapping[int, Delay]) -> CheckResult:
    """The result of a comparison, of the inner products of the master and the aligned stems."""
    total = grams.blocks.sum(axis=(0, 1))
    if not total[0, 0] > 0.0:
        raise EditError("the master is silent", "Choose the track with the whole mix")
    groups = inseparable(total)
    names = [tuple(stems[one] for one in group) for group in groups]
    gains = _usual_gains(grams.merged(groups))
    common = common_gain([level_of(gain) for gain in gains if level_of(gain) > 0.0])
    absent = [level_of(gain) == 0.0 for gain in gains]
    used = np.array([np.full(len(gain), common) if gone else gain for gain, gone in zip(gains, absent, strict=True)])
    scaled = Scaled.of(grams.merged(groups), used)
    likeness = [min(delays[one].likeness for one in group) for group in names]
    usual = [level_of(gain) / common for gain in used]
    judging = Judging(scaled, names, session, likeness, usual)
    findings = judging.delays(delays) + judging.changes() + judging.whole_gains(gains, absent) + judging.unexplained()
    silent = [
        session.track(track_id).name
        for track_id, energy in zip(stems, np.diagonal(total)[1:], strict=True)
        if not energy > 0.0
    ]
    notes = [f"“{name}” is silent" for name in silent] + judging.ends()
    for track_id, delay in delays.items():
        if delay.fraction:
            between = f"“{session.track(track_id).name}” lies between two samples of the master"
            notes.append(f"{between}: tracks move by whole samples, so the residual track keeps some of its treble")
    for group in names:
        if len(group) > 1:
            quoted = " and ".join(f"“{session.track(track_id).name}”" for track_id in group)
            notes.append(f"{quoted} cannot be distinguished, and are compared as one")
    return CheckResult(
        tuple(sorted(findings, key=lambda one: (one.start, one.end, one.kind))),
        scaled.chunk_levels(),
        scaled.band_levels(),
        {track_id: delay.samples for track_id, delay in delays.items()},
        {track_id: tuple(used[number]) for number, group in enumerate(names) for track_id in group},
        20.0 * math.log10(common),
        grams.grid.step_samples,
        "",
        tuple(notes),
    )


def _usual_gains(grams: Grams) -> list[npt.NDArray[np.float64]]:
    """The factor of each stem on each bus that it has most of the time; 0 where it is not in the master."""
    size = min(max(len(grams.blocks) // 30, 5), WINDOWS[1][0])  # few windows may contain a change
    found = []
    windows = windowed(grams.blocks, size)[:: max(1, size // 3)]
    fits = [fit(windows[:, bus]) for bus in range(windows.shape[1])]
    power = float(grams.blocks[:, :, 0, 0].sum()) / max(1, len(grams.blocks)) * size
    for stem in range(windows.shape[-1] - 1):
        found.append(np.array([steady_gain(gains[:, stem], own[:, stem], left, power) for gains, own, left in fits]))
    return found
