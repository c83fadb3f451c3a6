"""Learns an operator from an example: a clip before a process, and the same clip after it.

With `z` the latents of the clip before and `y` those after, less those of silence, the weights of each channel are
fitted by ridge regression (Hoerl and Kennard 1970): they minimise the squared error plus `ridge * sum_i G_ii w_i^2`,
where `G` are the inner products of the inputs of a frame, so that loud and quiet channels are penalised alike.

Blocks of the example take turns: of every five, three are fitted, one chooses the number of neighbouring channels and
the ridge, and one is held out for R², the share of its variance about the mean that the operator explains. (About the
mean, since all latents of a nonlinear encoder may be far from those of silence in the same direction, so that any two
sounds would explain each other.) Everything is computed from inner products, summed chunk by chunk: memory does not
grow with the example.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from lincae_studio.codecs.base import CodecInfo
from lincae_studio.engine.analysis.alignment import find_lags
from lincae_studio.engine.analysis.grams import Provide, on_buses
from lincae_studio.engine.analysis.regression import CHOOSING, FITTED, LEAST, MEASURED, REACHES, Sums
from lincae_studio.engine.planning.plan import make_plan
from lincae_studio.engine.planning.probes import latents_only, silence_of
from lincae_studio.engine.planning.sources import AudioReader
from lincae_studio.errors import EditError
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress, share_of
from lincae_studio.session.excerpt import only_track
from lincae_studio.session.model import Clip, Operator, Session, Track

#: An operator with less is refused: its error would be more than half of the energy that it should make. R² is about 0
#: for processes that are not filters, such as a ring modulator, and for unrelated clips; with the built-in codecs it is
#: 0.9 or more for filters whose impulse response fits into the frames.
LEAST_R2 = 0.5

#: Ridges to choose from.
RIDGES = (1e-6, 1e-4, 1e-2, 1e-1, 1.0)

#: Largest delay between the two clips, and largest length of the example that is used, in seconds.
REACH_S = 1.0
LONGEST_S = 600.0

#: Among operators whose error is at most this many times the least, or this share of the energy, the smallest wins.
_AS_GOOD = 1.1
_NEGLIGIBLE = 1e-4

#: Bands of channels that figures are shown for.
_BANDS = 8


class Learned(Struct, frozen=True):
    """A learned operator with its figures.

    Attributes:
        operator: without a name; `r2`, `bands` and `plain_r2` are measured on the held-out part.
        lag: by how many samples the clip after the process is later; the operator does not include this delay.
        ridge: the chosen one.
        seconds: length of the example.
        frames: latent frames that were fitted; `unknowns`: the weights of each channel.
    """

    operator: Operator
    lag: int
    ridge: float
    seconds: float
    frames: int
    unknowns: int

    @property
    def accepted(self) -> bool:
        """Whether the operator explains enough to be used."""
        return self.operator.r2 >= LEAST_R2


def example(session: Session, before: Sequence[int], after: Sequence[int]) -> Session:
    """Two tracks: the clips before a process, and those after it, without gains, fades, regions and the mixer.

    If at least half of the shorter one overlaps the other on the timeline, their relative positions are kept; otherwise
    both start together.

    Args:
        before, after: ids of clips.

    Raises:
        EditError: when a clip does not exist, or one of the two is empty or both are the same.
    """
    found = [[session.clip(clip_id) for clip_id in clip_ids] for clip_ids in (before, after)]
    if not all(found):
        raise EditError("an example needs a clip before a process, and one after it")
    if set(before) & set(after):
        raise EditError("the same clip cannot be before and after a process", "Choose another clip")
    (start, end), (other_start, other_end) = ((min(_starts(clips)), max(_ends(clips))) for clips in found)
    shared = min(end, other_end) - max(start, other_start)
    apart = 2 * shared < min(end - start, other_end - other_start)
    first = start if apart else min(start, other_start)
    tracks = []
    for number, clips in enumerate(found):
        origin = other_start if apart and number else first
        plain = [
            Clip(
                id=clip.id,
                media=clip.media,
                name=clip.name,
                start=clip.start - origin,
                offset=clip.offset,
                length=clip.length,
            )
            for clip in clips
        ]
        tracks.append(Track(id=session.next_id + number, name="", color="#4fb3bf", clips=tuple(plain)))
    media = tuple(session.media_of(digest) for digest in dict.fromkeys(clip.media for one in found for clip in one))
    return Session(
        rate=session.rate, media=media, tracks=tuple(tracks), codec=session.codec, next_id=session.next_id + 2
    )


def learn(
    pair: Session,
    codec: CodecInfo,
    reader: AudioReader,
    provide: Provide,
    past: int,
    future: int,
    ridge: float | None = None,
    report: ReportProgress = no_progress,
    cancel: CancelToken | None = None,
) -> Learned:
    """Learn an operator from an example.

    Args:
        pair: as `example` returns it.
        provide: renders chunks, or returns their latents.
        past, future: frames before and after each frame that it is computed from.
        ridge: None to choose it.

    Raises:
        EditError: when the example is silent, or too short for this many frames.
        EngineError: when a chunk cannot be rendered.
        Cancelled: when `cancel` was set.
    """
    cancel = cancel or CancelToken()
    reach = round(REACH_S * pair.rate)
    after, before = pair.tracks[1], pair.tracks[0]
    mix = replace(pair, tracks=(after, before))
    lag = find_lags(mix, reader, reach, share_of(report, 0.0, 0.1), cancel)[before.id].samples
    aligned = replace(pair, tracks=(_moved(before, max(0, lag)), _moved(after, max(0, -lag))))
    length = min(aligned.length, round(LONGEST_S * pair.rate))
    frames = -(-length // codec.hop)
    sums = Sums.of(codec, frames, past, future)
    _collect(aligned, codec, provide, frames, sums, share_of(report, 0.1, 0.9), cancel)
    return _fitted(sums, codec, lag, ridge, length / pair.rate, share_of(report, 0.9, 1.0), cancel)


def _starts(clips: Sequence[Clip]) -> list[int]:
    return [clip.start for clip in clips]


def _ends(clips: Sequence[Clip]) -> list[int]:
    return [clip.end for clip in clips]


def _moved(track: Track, by: int) -> Track:
    return replace(track, clips=tuple(replace(clip, start=clip.start + by) for clip in track.clips))


def _collect(
    pair: Session,
    codec: CodecInfo,
    provide: Provide,
    frames: int,
    sums: Sums,
    report: ReportProgress,
    cancel: CancelToken,
) -> None:
    """Add the first `frames` frames of an example."""
    plans = [make_plan(only_track(pair, track.id), codec) for track in pair.tracks]
    if not all(plan.audible for plan in plans):
        raise EditError("an example needs a clip before a process, and one after it")
    grid = plans[0].grid
    buses = max(pair.media_of(clip.media).channels for clip in pair.tracks[1].clips)
    [silence] = provide([silence_of(plans[0].audible[0])])
    origin = silence.latents[0]
    own = slice(grid.lead_frames, grid.lead_frames + grid.step)
    # Frames that are not added yet, after the frames that they look back to.
    buffers = [np.zeros((buses, codec.dim, sums.past), np.float32) for _ in plans]
    added, count = 0, -(-frames // grid.step)
    for index in range(count + 1):
        cancel.check()
        report(Progress(index, count + 1, "Comparing latents"))
        if index < count:
            chunks = [plan.chunks.get(index) for plan in plans]
            found = iter(provide([latents_only(chunk) for chunk in chunks if chunk is not None]))
            for number, chunk in enumerate(chunks):
                latents = np.zeros((buses, codec.dim, grid.step), np.float32)
                if chunk is not None:
                    latents += on_buses(next(found).latents[:, :, own] - origin[:, own], buses)
                buffers[number] = np.concatenate([buffers[number], latents], axis=2)
        else:  # silence after the end, as far as the last frames look ahead
            end = np.zeros((buses, codec.dim, sums.future), np.float32)
            buffers = [np.concatenate([buffer, end], axis=2) for buffer in buffers]
        new = buffers[0].shape[2] - sums.past - sums.future
        if new > 0:
            before, after = buffers
            sums.add(added, before[:, :, : sums.past + new + sums.future], after[:, :, sums.past : sums.past + new])
            buffers = [buffer[:, :, new:] for buffer in buffers]
            added += new


def _fitted(
    sums: Sums,
    codec: CodecInfo,
    lag: int,
    ridge: float | None,
    seconds: float,
    report: ReportProgress,
    cancel: CancelToken,
) -> Learned:
    """The operator with the least error in the part that chooses."""
    if not sums.variances.sum(axis=1).all() or not sums.gains[:, 1].all():
        raise EditError("a part of the example is silent", "Choose clips with more sound, or longer ones")
    taps = sums.past + 1 + sums.future
    choices = [
        (products.narrowed(reach, taps), one)
        for products in sums.products
        for reach in ([products.reach] if products.inputs.shape[1] == 1 else REACHES)
        if reach <= products.reach
        for one in ((ridge,) if ridge is not None else RIDGES)
    ]
    tried = []
    for number, (products, one) in enumerate(choices):
        cancel.check()
        report(Progress(number, len(choices), "Fitting"))
        weights = products.weights([FITTED], one)
        tried.append(float(products.errors(CHOOSING, weights, sums.energies[CHOOSING]).sum()))
    enough = max(_AS_GOOD * min(tried), _NEGLIGIBLE * float(sums.energies[CHOOSING].sum()))
    rows = list(zip(choices, tried, strict=True))
    fewest = min(choice.size for (choice, _), error in rows if error <= enough)
    (products, chosen), _ = min((row for row in rows if row[0][0].size == fewest), key=lambda row: row[1])
    weights = products.weights([FITTED, CHOOSING], chosen)
    energies = sums.energies[MEASURED]
    errors = products.errors(MEASURED, weights, energies)
    gain = float(sums.gains[:MEASURED, 0].sum() / sums.gains[:MEASURED, 1].sum())
    product, energy = sums.gains[MEASURED].tolist()
    variances = sums.variances[MEASURED]
    total = float(variances.sum())
    plain_error = float(energies.sum()) - 2.0 * gain * product + gain**2 * energy
    lines = [codec.dim * number // min(_BANDS, codec.dim) for number in range(min(_BANDS, codec.dim) + 1)]
    floor = max(LEAST * total, 1e-300)
    bands = [
        1.0 - float(errors[first:last].sum()) / max(float(variances[first:last].sum()), floor)
        for first, last in pairwise(lines)
    ]
    by_channel = weights.transpose(0, 2, 1).reshape(codec.dim, -1, taps)
    operator = Operator(
        id=1,
        name="",
        space=codec.latent_space,
        codec=codec.id,
        channels=codec.dim,
        reach=products.reach,
        past=sums.past,
        future=sums.future,
        weights=by_channel.astype("<f4").tobytes(),
        r2=min(1.0 - float(errors.sum()) / total, 1.0),
        plain_r2=min(1.0 - plain_error / total, 1.0),
        bands=tuple(min(band, 1.0) for band in bands),
    )
    return Learned(operator, lag, chosen, seconds, int(sums.counts[:MEASURED].sum()), products.size)
