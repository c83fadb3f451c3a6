"""Figures of linearity, chunk by chunk: the decoded sum against the sum of decodes, its floor, and what tracks give.

All figures are of the samples, or frames, that a chunk owns (one step of the grid), all buses together. With `D` the
decoder, `z_i` a term's latents, `c_i` its coefficient, `z0` the latents of silence:

    sum       20 log10(|| D(z0 + sum c_i (z_i - z0)) - sum c_i D(z_i) || / || sum c_i D(z_i) ||)
    floor     20 log10(|| D(z; seed) - D(z; seed + 1) || / || D(z; seed) ||), of decoders that start from noise
    level     20 log10(|| d_t || / || d ||), with d_t the sum of c_i (z_i - z0) of a track, and d that of all
    share     <d_t, d> / <d, d>, a number: the shares of all tracks add up to 1
    loss      20 log10(|| sum c_i D(z_i) - dry || / || dry ||) of a track's own terms: what the codec loses of it

Where coefficients follow an envelope, those of samples lie on straight lines between those of frames: `sum` then holds
what that differs by, too. A term is decoded by itself and at full level: after a fader's move none is decoded again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lincae_studio.engine.analysis.residual import own_samples, ratio_db, residual_db
from lincae_studio.engine.planning.plan import Chunk, Plan, Term, make_plan
from lincae_studio.engine.planning.probes import silence_of, term_alone, with_seed
from lincae_studio.engine.planning.sources import AudioReader
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.engine.rendering.stitch import window_part
from lincae_studio.session.excerpt import only_track
from lincae_studio.session.model import Session

_Audio = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrackPart:
    """What one track gives to a mix."""

    id: int
    plan: Plan
    dry: DryMix


@dataclass(frozen=True)
class TrackFigures:
    """Of one track in one chunk; None where nothing can be said."""

    level_db: float | None
    share: float | None
    loss_db: float | None


@dataclass(frozen=True)
class ChunkFigures:
    """Of one chunk. `floor_db` is None for a decoder that does not start from noise; `tracks` goes by track id."""

    residual_db: float | None
    sum_db: float | None
    floor_db: float | None
    tracks: Mapping[int, TrackFigures]


def track_parts(session: Session, plan: Plan, reader: AudioReader) -> list[TrackPart]:
    """The parts of all tracks that are heard."""
    parts = []
    for track in session.tracks:
        if session.audible(track) and track.clips:
            alone = only_track(session, track.id)
            part = make_plan(alone, plan.codec, plan.grid)
            parts.append(TrackPart(track.id, part, DryMix(alone, reader)))
    return parts


def needed(plan: Plan, chunk: Chunk) -> list[Chunk]:
    """What must be rendered for the figures of a chunk, itself included."""
    terms = {term.key: term for term in chunk.terms}
    alone = [term_alone(term, chunk) for term in terms.values()]
    other = [with_seed(chunk, chunk.seed + 1)] if plan.codec.stochastic else []
    return [chunk, silence_of(chunk), *alone, *other]


def measure(
    plan: Plan, dry: DryMix, tracks: Sequence[TrackPart], chunk: Chunk, renders: Mapping[str, Rendered]
) -> ChunkFigures:
    """The figures of a chunk; `renders`, by key, holds all that is `needed`."""
    start, end = own_samples(plan, chunk.index)
    rendered = renders[chunk.key]

    def own(audio: npt.NDArray[np.float32]) -> _Audio:
        part = window_part(plan, audio, chunk.index, start, end).astype(np.float64)
        return np.broadcast_to(part, (plan.channels, end - start))

    def sum_of_decodes(terms: Sequence[Term]) -> _Audio:
        total = np.zeros((plan.channels, end - start))
        for term in terms:
            alone = own(renders[term_alone(term, chunk).key].audio)
            for channel in range(plan.channels):
                factor = term.coefficients[min(channel, len(term.coefficients) - 1)]
                total[channel] += _at_samples(factor, plan, chunk.index, start, end) * alone[0]
        return total

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
            latents = renders[term_alone(term, chunk).key].latents[0].astype(np.float64) - origin
            for channel in range(plan.channels):
                total[channel] += np.asarray(term.coefficients[min(channel, len(term.coefficients) - 1)]) * latents
        return total[:, :, frames]

    whole = deviation(chunk.terms)
    figures = {}
    for track in tracks:
        part = track.plan.chunks[chunk.index] if chunk.index < len(track.plan.chunks) else None
        if part is None:
            continue
        mine = deviation(part.terms)
        power = float((whole**2).sum())
        share = float((mine * whole).sum()) / power if power else None
        reference = track.dry.read(start, end - start)
        loss = ratio_db(sum_of_decodes(part.terms) - reference, reference)
        figures[track.id] = TrackFigures(ratio_db(mine, whole), share, loss)
    return ChunkFigures(
        residual_db(plan, dry, rendered, chunk.index), ratio_db(own(rendered.audio) - decodes, decodes), floor, figures
    )


def _at_samples(factor: float | Sequence[float], plan: Plan, index: int, start: int, end: int) -> float | _Audio:
    """A coefficient for each sample: between the centres of frames, straight lines."""
    if isinstance(factor, float | int):
        return float(factor)
    return np.interp(np.arange(start, end), plan.grid.frame_centres(index), factor)


def median_db(values: Sequence[float | None]) -> float | None:
    """The median of the figures that are known, or None."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    return float(np.median(known)) if known else None
