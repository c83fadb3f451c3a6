"""A reference implementation of the engine: float64, chunk by chunk, nothing shared or cached."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from lincae_studio.engine.planning.grid import Grid
from lincae_studio.session.model import Clip, Point, Region, Session, Snapshot, StripState, Track
from tests.codecs.reference import HOP, ReferenceMdct

Signal = npt.NDArray[np.float64]

DECLICK = 220  # 5 ms


def clip_signal(session: Session, track: Track, clip: Clip, audio: Signal) -> Signal:
    """The faded audio `(length, C)` of a clip."""
    media = next(item for item in session.media if item.digest == clip.media)
    whole = joined(track, clip)
    if whole != clip:
        first = clip.start - whole.start
        return whole_signal(media.length, track, whole, audio)[first : first + clip.length]
    return whole_signal(media.length, track, clip, audio)


def joined(track: Track, clip: Clip) -> Clip:
    """The clip that a clip makes with the parts that continue its audio: the same one without any."""

    def touches(this_end: Clip, next_start: Clip) -> bool:
        """Two sides of one split that are still adjacent: the audio continues from one to the other."""
        return (
            this_end.media == next_start.media
            and this_end.start + this_end.length == next_start.start
            and this_end.offset + this_end.length == next_start.offset
            and this_end.gain == next_start.gain
            and not this_end.fade_out
            and not next_start.fade_in
        )

    parts = [other for other in track.clips if not other.mute]
    first = last = clip
    while before := next((other for other in parts if touches(other, first)), None):
        first = before
    while after := next((other for other in parts if touches(last, other)), None):
        last = after
    length = last.start + last.length - first.start
    return replace(first, length=length, fade_out=last.fade_out, fade_out_shape=last.fade_out_shape)


def whole_signal(media_length: int, track: Track, clip: Clip, audio: Signal) -> Signal:
    """The faded audio `(length, C)` of a clip that no other one continues."""
    others = [joined(track, other) for other in track.clips if not other.mute]
    shape_in: str = clip.fade_in_shape
    shape_out: str = clip.fade_out_shape
    fade_in = clip.fade_in
    if not fade_in:
        overlaps = [o for o in others if o.start < clip.start < o.start + o.length < clip.start + clip.length]
        longest = max(overlaps, key=lambda o: o.start + o.length, default=None)
        if longest is not None:
            fade_in = longest.start + longest.length - clip.start
            shape_in = crossfade_shape(clip, longest)
        elif clip.offset > 0:
            fade_in, shape_in = min(DECLICK, clip.length), "linear"
    fade_out = clip.fade_out
    end = clip.offset + clip.length
    if not fade_out:
        overlaps = [o for o in others if clip.start < o.start < clip.start + clip.length < o.start + o.length]
        longest = min(overlaps, key=lambda o: o.start, default=None)
        if longest is not None:
            fade_out = clip.start + clip.length - longest.start
            shape_out = crossfade_shape(clip, longest)
        elif end < media_length:
            fade_out, shape_out = min(DECLICK, clip.length), "linear"
    signal = audio[clip.offset : end].astype(np.float64)
    for n in range(fade_in):
        signal[n] *= rise((n + 0.5) / fade_in, shape_in)
    for n in range(fade_out):
        signal[-1 - n] *= rise((n + 0.5) / fade_out, shape_out)
    return signal


def crossfade_shape(one: Clip, other: Clip) -> str:
    """Equal power, but where both play the same audio at the same time."""
    together = one.media == other.media and one.start - one.offset == other.start - other.offset
    return "linear" if together else "equal-power"


def rise(x: float, shape: str) -> float:
    if shape == "equal-power":
        return math.sin(x * math.pi / 2)
    return (1.0 - math.cos(x * math.pi)) / 2 if shape == "s-curve" else x


def envelope(points: Sequence[Point], at: float, in_db: bool) -> float:
    """The value of an envelope at one place."""
    before = [point for point in points if point.at <= at]
    after = [point for point in points if point.at > at]

    def level(value: float) -> float:
        return max(20.0 * math.log10(value), -60.0) if value > 0.0 else -60.0

    if not before or not after:
        value = points[0].value if not before else points[-1].value
        return value if not in_db or level(value) > -60.0 else 0.0
    first, last = before[-1], after[0]
    share = (at - first.at) / (last.at - first.at)
    if not in_db:
        return first.value + share * (last.value - first.value)
    found = level(first.value) + share * (level(last.value) - level(first.value))
    return 10.0 ** (found / 20.0) if found > -60.0 else 0.0


def matrix(track: Track, clip: Clip, media_channels: int, buses: int, at: float) -> Signal:
    """Gains `(buses, media channels)` at one place."""
    gain = track.gain * clip.gain * (-1.0 if track.subtract else 1.0)
    if track.gain_points:
        gain *= envelope(track.gain_points, at, in_db=True)
    if buses == 1:
        return np.array([[gain]])
    pan = track.pan
    if track.pan_points:
        pan = max(-1.0, min(1.0, pan + envelope(track.pan_points, at, in_db=False)))
    if media_channels == 1:
        if pan == 0.0:
            return gain * np.ones((2, 1))
        angle = (pan + 1.0) * math.pi / 4
        return gain * math.sqrt(2.0) * np.array([[math.cos(angle)], [math.sin(angle)]])
    return gain * np.diag([min(1.0, 1.0 - pan), min(1.0, 1.0 + pan)])


def heard_parts(session: Session, audio: Mapping[str, np.ndarray]) -> list[tuple[int, Signal, partial[Signal]]]:
    """For each audible clip: its start, its signal `(length, C)`, and its gains `(buses, C)` at a place."""
    parts = []
    for number, track in enumerate(session.tracks):
        for clip in track.clips:
            if clip.mute:
                continue
            samples = audio[clip.media]
            gains = partial(heard_matrix, session, number, clip, samples.shape[1])
            parts.append((clip.start, clip_signal(session, track, clip, samples), gains))
    return parts


def heard_matrix(session: Session, number: int, clip: Clip, media_channels: int, at: float) -> Signal:
    """Gains `(buses, media channels)` at one place, 0 where the track is silent; between two mixes under a morph."""
    if session.morph is not None and session.morph.on:
        share = morph_place(session, at)
        total = np.zeros((session.channels, media_channels))
        for weight, snapshot in zip((1.0 - share, share), ends(session), strict=True):
            states = {state.id: state for state in snapshot.strips}
            tracks = [restored(track, states.get(track.id)) for track in session.tracks]
            total += weight * snapshot.master * strip_matrix(tracks, number, clip, media_channels, session.channels, at)
        return total
    return session.master.gain * strip_matrix(list(session.tracks), number, clip, media_channels, session.channels, at)


def strip_matrix(tracks: list[Track], number: int, clip: Clip, media_channels: int, buses: int, at: float) -> Signal:
    """The gains of a track, then those of each group around it, as of a stereo clip."""
    strips = strips_around(tracks, number)
    soloed = not any(other.solo for other in tracks) or any(strip.solo for strip in strips)
    if any(strip.mute for strip in strips) or not soloed:
        return np.zeros((buses, media_channels))
    gains = matrix(strips[0], clip, media_channels, buses, at)
    for group in strips[1:]:
        gains = matrix(group, replace(clip, gain=1.0), 2, buses, at) @ gains
    return gains


def strips_around(tracks: Sequence[Track], number: int) -> list[Track]:
    """A track and the groups that contain it, from the inside out."""
    found = [tracks[number]]
    while found[-1].parent:
        found.append(next(track for track in tracks if track.id == found[-1].parent))
    return found


def restored(track: Track, state: StripState | None) -> Track:
    if state is None:
        return track
    return replace(track, gain=state.gain, pan=state.pan, mute=state.mute, solo=state.solo, subtract=state.subtract)


def ends(session: Session) -> tuple[Snapshot, Snapshot]:
    assert session.morph is not None
    by_id = {snapshot.id: snapshot for snapshot in session.snapshots}
    return by_id[session.morph.first], by_id[session.morph.second]


def morph_place(session: Session, at: float) -> float:
    assert session.morph is not None
    return envelope(session.morph.points, at, in_db=False) if session.morph.points else 0.0


def master_gain(session: Session, at: float) -> float:
    """The envelope of the master at one place; its fader is part of the gains."""
    points = session.master.gain_points
    return envelope(points, at, in_db=True) if points else 1.0


def region_factors(regions: Sequence[Region], space: str, channels: int, at: float) -> Signal:
    """The factor of each channel at one place."""
    factors = np.ones(channels)
    for region in regions:
        if not region.on or region.space != space or not region.start <= at < region.end:
            continue
        share = min(1.0, (at - region.start) / region.fade, (region.end - at) / region.fade) if region.fade else 1.0
        for channel in range(channels):
            within = min(channel - region.low, region.high - channel) + 1
            weight = min(max(within / (region.fade_channels + 1), 0.0), 1.0)
            weight = 1.0 - weight if region.keep else weight
            factors[channel] *= 1.0 + (region.gain - 1.0) * share * weight
    return factors


def moving(gains: partial[Signal]) -> bool:
    """Whether gains differ from place to place."""
    session: Session = gains.args[0]
    strips = strips_around(session.tracks, gains.args[1])
    moved = any(strip.gain_points or strip.pan_points for strip in strips)
    return moved or (session.morph is not None and session.morph.on)


def waveform_mix(session: Session, audio: Mapping[str, np.ndarray]) -> Signal:
    """The plain sum `(channels, N)`."""
    mix = np.zeros((session.channels, session.length))
    for start, signal, gains in heard_parts(session, audio):
        if not moving(gains):
            mix[:, start : start + len(signal)] += gains(start) @ signal.T
            continue
        for n in range(len(signal)):
            mix[:, start + n] += gains(start + n) @ signal[n]
    return mix * np.array([master_gain(session, n) for n in range(session.length)])


def reference_render(session: Session, audio: Mapping[str, np.ndarray], codec_id: str, grid: Grid) -> Signal:
    """Every clip encoded in every chunk, weighted, summed, decoded, and overlap-added with linear crossfades."""
    codec = ReferenceMdct(codec_id)
    dim = codec.analysis.shape[0]
    parts = heard_parts(session, audio)
    out = np.zeros((session.channels, session.length))
    window = (grid.frames + 1) * HOP
    step = (grid.frames - grid.overlap) * HOP
    fade = grid.overlap * HOP - HOP
    for index in range(session.length // step + 2):
        start = index * step - HOP
        latents = np.zeros((session.channels, dim, grid.frames))
        for clip_start, signal, gains in parts:
            lo, hi = max(start, clip_start), min(start + window, clip_start + len(signal))
            if hi <= lo:
                continue
            number, clip = gains.args[1:3]
            strips = [session.tracks[number]]
            while strips[-1].parent:
                strips.append(session.track(strips[-1].parent))
            of_strips = [region for strip in strips for region in strip.regions]
            centres = [start + frame * HOP + HOP for frame in range(grid.frames)]
            edits = np.stack(
                [
                    region_factors(of_strips, f"{codec_id}/1", dim, at)
                    * region_factors(clip.regions, f"{codec_id}/1", dim, at - clip.start + clip.offset)
                    for at in centres
                ],
                axis=1,
            )
            for channel in range(signal.shape[1]):
                cut = np.zeros(window)
                cut[lo - start : hi - start] = signal[lo - clip_start : hi - clip_start, channel]
                # A frame is weighted as its middle is: of two hops, for this codec.
                frames = [gains(start + frame * HOP + HOP)[:, channel] for frame in range(grid.frames)]
                latents += np.stack(frames, axis=1)[:, None] * codec.encode(cut) * edits
        latents *= [master_gain(session, start + frame * HOP + HOP) for frame in range(grid.frames)]
        mix_edits = [
            region_factors(session.master.regions, f"{codec_id}/1", dim, start + frame * HOP + HOP)
            for frame in range(grid.frames)
        ]
        latents *= np.stack(mix_edits, axis=1)
        valid_start, valid_end = start + HOP, start + window - HOP
        weights = np.ones(valid_end - valid_start)
        if fade:
            ramp = (np.arange(fade) + 0.5) / fade
            weights[-fade:] = ramp[::-1]
            if index:
                weights[:fade] = ramp
        lo, hi = valid_start, min(valid_end, session.length)
        if hi <= lo:
            break
        for bus in range(session.channels):
            decoded = codec.decode(latents[bus])[HOP:-HOP]
            out[bus, lo:hi] += (decoded * weights)[: hi - lo]
    return out
