"""Inner products of the latents of a reference and of stems, over time: all that fitting stems to a mix needs.

With `m` the latents of the reference and `s_i` those of the stems, minus those of silence, any residual
`||m - sum g_i s_i||^2` is a quadratic form of the inner products of `(m, s_1, ..., s_n)`. They are summed over short
blocks of time, so that any span of time can be fitted without visiting the latents again, and over bands of latent
channels for each chunk. Nothing is decoded.

Only latents of a codec that is exactly linear add up: with others, the codec's own error would be blamed on stems.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk, make_plan
from lincae_studio.engine.planning.probes import latents_only, silence_of
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.errors import EditError
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress
from lincae_studio.session.excerpt import only_track
from lincae_studio.session.minus_one import shift_track
from lincae_studio.session.model import Session, Track

Matrix = npt.NDArray[np.float64]

Provide = Callable[[Sequence[Chunk]], list[Rendered]]

#: The codec whose latents are used where those of the session's do not add up: lossless, and in every program.
_LOSSLESS = "mdct-1x"

#: Bands of latent channels, at most.
_BANDS = 24

#: Added to inner products of stems with themselves, relative to the largest, so that silent and equal stems have a fit.
_RIDGE = 1e-10

#: Stems of which all but this part can be made of other stems cannot be told apart from them.
_APART = 1e-3

#: Share of a stem's level that another one has in what it is made of, from which on the two belong together.
_RELATED = 0.1


class Grams(Struct, frozen=True):
    """Inner products of K signals: the reference first, then the stems.

    Attributes:
        blocks: `(blocks, buses, K, K)`.
        starts: `(blocks + 1,)`, the samples of the timeline at which blocks start, and the last one ends.
        centres: `(blocks,)`, the samples at the middle of what their frames are computed from.
        chunk_of: `(blocks,)`, the chunk that each block belongs to.
        bands: `(chunks, bands, buses, K, K)`, from low to high latent channels.
        grid: of the chunks.
    """

    blocks: Matrix
    starts: npt.NDArray[np.int64]
    centres: Matrix
    chunk_of: npt.NDArray[np.int64]
    bands: Matrix
    grid: Grid

    def merged(self, groups: Sequence[Sequence[int]]) -> Grams:
        """Those of the reference and of sums of stems; a group lists stems, counted from 0."""
        size = self.blocks.shape[-1]
        mapping = np.zeros((size, len(groups) + 1))
        mapping[0, 0] = 1.0
        for number, group in enumerate(groups, 1):
            mapping[[member + 1 for member in group], number] = 1.0
        blocks = mapping.T @ self.blocks @ mapping
        return Grams(blocks, self.starts, self.centres, self.chunk_of, mapping.T @ self.bands @ mapping, self.grid)

    def sharpened(self, likeness: Sequence[float]) -> Grams:
        """Those of the reference with stems that are moved by a fraction of a sample.

        Args:
            likeness: of each stem there with itself here (`alignment.Delay`), which its products have been less by.
        """
        factors = np.ones(self.blocks.shape[-2:])
        factors[0, 1:] = factors[1:, 0] = 1.0 / np.array(likeness)
        return replace(self, blocks=self.blocks * factors, bands=self.bands * factors)


def plain(session: Session, reference: int, stems: Sequence[int], lags: Mapping[int, int] | None = None) -> Session:
    """Only these tracks, as their clips are: without the rest of the mixer: faders, pans, envelopes, groups, master.

    Args:
        lags: by how many samples to move tracks.
    """
    kept = tuple(
        Track(id=track.id, name=track.name, color=track.color, clips=track.clips)
        for track in (session.track(track_id) for track_id in (reference, *stems))
    )
    session = Session(rate=session.rate, media=session.media, tracks=kept, codec=session.codec, next_id=session.next_id)
    for track_id, lag in (lags or {}).items():
        session = shift_track(session, track_id, lag) if lag else session
    return session


def exact_codec(codec: CodecInfo, lossless: bool = False) -> CodecInfo:
    """A codec whose latents add up: this one, or a lossless one for sessions of the same rate.

    Args:
        lossless: whether it must be one that leaves nothing out, as `Grams.sharpened` needs it.
    """
    return (
        codec
        if codec.linearity == "exact" and not lossless
        else registry.for_session(_LOSSLESS, rate=codec.sample_rate)
    )


def collect(
    session: Session,
    codec: CodecInfo,
    provide: Provide,
    block_s: float,
    report: ReportProgress = no_progress,
    cancel: CancelToken | None = None,
) -> Grams:
    """The inner products of all tracks of a session, of which the first is the reference.

    A reference that is mono is compared with the mean of the stems' channels.

    Args:
        session: as `plain` returns it.
        codec: an exactly linear one; its default grid is used.
        provide: renders chunks, or returns their latents.
        block_s: length of blocks, in seconds.

    Raises:
        EditError: when the reference has no audible clip.
        EngineError: when a chunk cannot be rendered.
        Cancelled: when `cancel` was set.
    """
    cancel = cancel or CancelToken()
    plans = [make_plan(only_track(session, track.id), codec) for track in session.tracks]
    reference, grid = session.tracks[0], plans[0].grid
    if not plans[0].audible:
        raise EditError(f"the track “{reference.name}” has no audible clip", "Choose the track with the whole mix")
    stereo = any(session.media_of(clip.media).channels == 2 for clip in reference.clips)
    buses, size = (2 if stereo else 1), len(plans)
    [silence] = provide([silence_of(plans[0].audible[0])])
    origin = silence.latents[0]
    edges = _edges(grid.step, max(1, round(block_s * codec.sample_rate / grid.hop)))
    lines = _edges(codec.dim, -(-codec.dim // _BANDS))
    count = max(len(plan.chunks) for plan in plans)
    blocks = np.zeros((count, len(edges) - 1, buses, size, size))
    bands = np.zeros((count, len(lines) - 1, buses, size, size))
    own = slice(grid.lead_frames, grid.lead_frames + grid.step)
    for index in range(count):
        cancel.check()
        report(Progress(index, count, "Comparing latents"))
        audible = [(number, chunk) for number, plan in enumerate(plans) if (chunk := plan.chunks.get(index))]
        if not audible:
            continue
        values = np.zeros((size, buses, codec.dim, grid.step))
        found = provide([latents_only(chunk) for _, chunk in audible])
        for (number, _), rendered in zip(audible, found, strict=True):
            values[number] = on_buses(rendered.latents[:, :, own] - origin[:, own], buses)
        for place, (first, last) in enumerate(itertools.pairwise(edges)):
            blocks[index, place] = _products(values[..., first:last])
        for place, (first, last) in enumerate(itertools.pairwise(lines)):
            bands[index, place] = _products(values[:, :, first:last])
    report(Progress(count, count, "Comparing latents"))
    firsts = np.arange(count)[:, None] * grid.step_samples
    starts = np.append((firsts + np.array(edges[:-1]) * grid.hop).ravel(), count * grid.step_samples)
    centres = (starts[:-1] + starts[1:]) / 2.0 + grid.window_extra / 2.0
    chunk_of = np.repeat(np.arange(count), len(edges) - 1)
    return Grams(blocks.reshape(-1, buses, size, size), starts, centres, chunk_of, bands, grid)


def fit(grams: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Least-squares gains of stems in a reference, for each of many matrices `(..., K, K)` of inner products.

    Returns:
        the gains `(..., K - 1)`; the energy `(..., K - 1)` of each stem that no other stem has; and the energy `(...)`
        of the reference that no stem explains.
    """
    stems, target = grams[..., 1:, 1:], grams[..., 1:, 0]
    size = stems.shape[-1]
    energies = np.diagonal(stems, axis1=-2, axis2=-1)
    least = _RIDGE * energies.max(axis=-1, keepdims=True)
    inverse = np.linalg.inv(stems + np.eye(size) * np.where(least > 0.0, least, 1.0)[..., None])
    gains = (inverse @ target[..., None])[..., 0]
    left = grams[..., 0, 0] - (gains * target).sum(axis=-1)
    own = 1.0 / np.diagonal(inverse, axis1=-2, axis2=-1) - least
    return gains, np.maximum(own, 0.0), np.maximum(left, 0.0)


def inseparable(total: Matrix) -> list[list[int]]:
    """The stems, counted from 0, in groups of those that cannot be told apart, in order. Silent ones are alone.

    Args:
        total: `(K, K)`, inner products over all time.
    """
    energies = np.diagonal(total)[1:]
    group = list(range(len(energies)))
    sounding = [one for one in group if energies[one] > 1e-12 * max(energies.max(), 1e-30)]
    for one in sounding:
        others = [other for other in sounding if other != one]
        if not others:
            continue
        order = np.array([one, *others]) + 1
        shares, _, left = fit(total[np.ix_(order, order)])
        if left > _APART * energies[one]:
            continue
        levels = np.abs(shares) * np.sqrt(energies[others] / energies[one])
        for other, level in zip(others, levels, strict=True):
            if level > _RELATED:
                kept, lost = sorted((group[one], group[other]))
                group = [kept if number == lost else number for number in group]
    return [[one for one, number in enumerate(group) if number == first] for first in sorted(set(group))]


def on_buses(latents: Array, buses: int) -> Array:
    """Latents `(1 or 2, D, T)` on as many buses as the reference has."""
    if buses == 1:
        return np.asarray(latents.mean(axis=0, keepdims=True), np.float32)
    return np.broadcast_to(latents, (2, *latents.shape[1:]))


def _products(values: Matrix) -> Matrix:
    """`(buses, K, K)` from values `(K, buses, D, T)`."""
    flat = np.ascontiguousarray(values.transpose(1, 0, 2, 3)).reshape(values.shape[1], len(values), -1)
    return flat @ flat.transpose(0, 2, 1)


def _edges(length: int, width: int) -> list[int]:
    """The edges of equal parts of about this width."""
    count = max(1, round(length / width))
    return [length * number // count for number in range(count + 1)]
