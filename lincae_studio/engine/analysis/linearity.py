"""Linearity figures, chunk by chunk: against the true mix first, then decodes against decodes, and track shares.

All figures cover the samples, or frames, that a chunk owns (one step of the grid), on all buses together. With `D` the
decoder, `z_i` a term's latents after regions, `c_i` its coefficient multiplied by the master's, `z0` the latents of
silence:

    residual  the mix against the true one; see `residual`
    sum       20 log10(|| D(z0 + sum c_i (z_i - z0)) - sum c_i D(z_i) || / || sum c_i D(z_i) ||)
    floor     20 log10(|| D(z; seed) - D(z; seed + 1) || / || D(z; seed) ||), for decoders that start from noise
    level     20 log10(|| d_t || / || d ||), with d_t the sum of c_i (z_i - z0) of a track, d that of all
    share     <d_t, d> / <d, d>, a ratio: the shares of all tracks add up to 1
    loss      20 log10(|| sum c_i D(z_i) - dry || / || dry ||) over the terms of one track: its loss in the codec

Where regions change a chunk, there is no `residual` and no `loss`: the dry mix does not have regions.

Where coefficients follow an envelope, they are interpolated linearly from frames to samples, and `sum` includes the
error of that. Terms are decoded singly and at unity gain, so that moving a fader never decodes one again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from lincae_studio.engine.analysis.residual import own_samples, ratio_db, residual_db
from lincae_studio.engine.planning.contributions import Term
from lincae_studio.engine.planning.plan import Chunk, Plan, make_plan
from lincae_studio.engine.planning.probes import silence_of, term_edited, with_seed
from lincae_studio.engine.planning.sources import AudioReader
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.engine.rendering.stitch import window_slice
from lincae_studio.session.excerpt import only_track
from lincae_studio.session.model import Session

_Audio = npt.NDArray[np.float64]


class SoloMix(Struct, frozen=True):
    """The mix of one track alone."""

    id: int
    plan: Plan
    dry: DryMix


class TrackFigures(Struct, frozen=True):
    """The figures of one track in one chunk; None where they are undefined."""

    level_db: float | None
    share: float | None
    loss_db: float | None


class ChunkFigures(Struct, frozen=True):
    """The figures of one chunk, `tracks` by track id. `floor_db` is None for decoders that do not start from noise."""

    residual_db: float | None
    sum_db: float | None
    floor_db: float | None
    tracks: Mapping[int, TrackFigures]


def solo_mixes(session: Session, plan: Plan, reader: AudioReader) -> list[SoloMix]:
    """The mixes of each audible track alone."""
    mixes = []
    for track in session.tracks:
        if session.audible(track) and track.clips:
            alone = only_track(session, track.id)
            mixes.append(SoloMix(track.id, make_plan(alone, plan.codec, plan.grid), DryMix(alone, reader)))
    return mixes


def needed(plan: Plan, chunk: Chunk) -> list[Chunk]:
    """The chunks that must be rendered for the figures of a chunk, itself included."""
    alone = {one.key: one for one in (term_edited(term, chunk) for term in chunk.terms)}
    other = [with_seed(chunk, chunk.seed + 1)] if plan.codec.stochastic else []
    return [chunk, silence_of(chunk), *alone.values(), *other]


def measure(
    plan: Plan, dry: DryMix, tracks: Sequence[SoloMix], chunk: Chunk, renders: Mapping[str, Rendered]
) -> ChunkFigures:
    """The figures of a chunk; `renders` contains the renders of all `needed` chunks, by key."""
    start, end = own_samples(plan, chunk.index)
    rendered = renders[chunk.key]

    def own(audio: npt.NDArray[np.float32]) -> _Audio:
        owned = window_slice(plan, audio, chunk.index, start, end).astype(np.float64)
        return np.broadcast_to(owned, (plan.channels, end - start))

    def sum_of_decodes(terms: Sequence[Term]) -> _Audio:
        total = np.zeros((plan.channels, end - start))
        for term in terms:
            alone = own(renders[term_edited(term, chunk).key].audio)
            for channel in range(plan.channels):
                factor = term.coefficients[min(channel, len(term.coefficients) - 1)]
                total[channel] += _at_samples(factor, plan, chunk.index, start, end) * alone[0]
        return total * _at_samples(chunk.master, plan, chunk.index, start, end)

    floor = None
    if plan.codec.stochastic:
        other = own(renders[with_seed(chunk, chunk.seed + 1).key].audio)
        floor = ratio_db(other - own(rendered.audio), own(rendered.audio))
    decodes = sum_of_decodes(chunk.terms)
    origin = renders[silence_of(chunk).key].latents[0]
    frames = slice(plan.grid.lead_frames, plan.grid.lead_frames + plan.grid.step)

    def deviation(terms: Sequence[Term]) -> _Audio:
        total = np.zeros((plan.channels, *origin.shape))
        for term in terms:
            latents = renders[term_edited(term, chunk).key].latents[0].astype(np.float64) - origin
            for channel in range(plan.channels):
                total[channel] += np.asarray(term.coefficients[min(channel, len(term.coefficients) - 1)]) * latents
        total *= np.asarray(chunk.master)
        return total[:, :, frames]

    whole = deviation(chunk.terms)
    figures = {}
    for track in tracks:
        alone = track.plan.chunks[chunk.index] if chunk.index < len(track.plan.chunks) else None
        if alone is None:
            continue
        own_deviation = deviation(alone.terms)
        power = float((whole**2).sum())
        share = float((own_deviation * whole).sum()) / power if power else None
        reference = track.dry.read(start, end - start)
        loss = None if alone.edited else ratio_db(sum_of_decodes(alone.terms) - reference, reference)
        figures[track.id] = TrackFigures(ratio_db(own_deviation, whole), share, loss)
    return ChunkFigures(
        residual_db(plan, dry, rendered, chunk.index), ratio_db(own(rendered.audio) - decodes, decodes), floor, figures
    )


def _at_samples(factor: float | Sequence[float], plan: Plan, index: int, start: int, end: int) -> float | _Audio:
    """A coefficient for each sample, interpolated linearly between the centres of frames."""
    if isinstance(factor, float | int):
        return float(factor)
    return np.interp(np.arange(start, end), plan.grid.frame_centres(index), factor)


def median_db(values: Sequence[float | None]) -> float | None:
    """The median of the figures that are known, or None."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    return float(np.median(known)) if known else None
