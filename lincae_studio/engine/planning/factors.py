"""Mix factors: by what a clip's channel is multiplied on each bus, and what the master multiplies the mix by.

The strips of a track and of the groups around it are multiplied with each other on each bus.

They are constants, or follow envelopes. The plan evaluates them at the centres of latent frames, the dry mix at every
sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lincae_studio.session.envelopes import SILENCE_DB
from lincae_studio.session.levels import mono_pan, stereo_balance
from lincae_studio.session.model import Clip, Point, Region, Session, Track

#: One value for each position.
Curve = npt.NDArray[np.float64]

#: A constant factor, or one for each position.
Factor = float | Curve

#: Positions on the timeline, in samples.
Positions = npt.NDArray[np.float64]


class Group(NamedTuple):
    """What a group does to the tracks in it: the fields of its strip that change factors, and its regions."""

    gain: float
    pan: float
    subtract: bool
    gain_points: tuple[Point, ...]
    pan_points: tuple[Point, ...]
    regions: tuple[Region, ...] = ()


#: The factors of the groups around a track, the innermost first.
Groups = tuple[Group, ...]


def groups_of(session: Session) -> Mapping[int, Groups]:
    """The groups around each track of a session, by the id of the track."""
    around: dict[int, Groups] = {0: ()}
    found = {}
    for track in session.tracks:
        found[track.id] = groups = around.get(track.parent, ())
        if track.id in session.group_ids:
            own = Group(track.gain, track.pan, track.subtract, track.gain_points, track.pan_points, track.regions)
            around[track.id] = (own, *groups)
    return found


def bus_factors(
    track: Track, groups: Groups, clip: Clip, media_channels: int, buses: int, positions: Positions
) -> list[tuple[Factor, ...]]:
    """The factor of each channel of a clip on each bus: clip gain, fader, envelopes, pan and polarity combined.

    `positions` only matter for tracks with envelopes, or in groups with envelopes.
    """
    factors = _strip_factors(track, clip.gain, media_channels, buses, positions)
    for group in groups:
        on_buses = group_factors(group, buses, positions)
        factors = tuple(factor * other for factor, other in zip(factors, on_buses, strict=True))
    if buses == 1 or media_channels == 1:
        return [factors]
    left, right = factors
    return [(left, 0.0), (0.0, right)]


def group_factors(group: Group, buses: int, positions: Positions) -> tuple[Factor, ...]:
    """The factor by which a group multiplies the sum of its tracks on each bus; its pan is that of a stereo signal."""
    return _strip_factors(group, 1.0, 2, buses, positions)


def _strip_factors(
    strip: Group | Track, clip_gain: float, channels: int, buses: int, positions: Positions
) -> tuple[Factor, ...]:
    """The factors of a strip on each bus; `channels`: of what it is applied to."""
    sign = -1.0 if strip.subtract else 1.0
    gain: Factor = sign * clip_gain * strip.gain
    if strip.gain_points:
        gain = gain * gain_envelope(strip.gain_points, positions)
    if buses == 1:
        return (gain,)
    left: Factor
    right: Factor
    if strip.pan_points:
        pans = np.clip(pan_envelope(strip.pan_points, positions) + strip.pan, -1.0, 1.0)
        left, right = _pan_laws(pans, channels)
    else:
        left, right = mono_pan(strip.pan) if channels == 1 else stereo_balance(strip.pan)
    return gain * left, gain * right


def automated(track: Track, groups: Groups) -> bool:
    """Whether the factors of a track in these groups depend on the position on the timeline."""
    return bool(track.gain_points or track.pan_points or any(one.gain_points or one.pan_points for one in groups))


def _pan_laws(
    pans: npt.NDArray[np.float64], media_channels: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The pan laws of `session.levels`, for many positions at once."""
    if media_channels == 2:
        return np.minimum(1.0, 1.0 - pans), np.minimum(1.0, 1.0 + pans)
    angle = (pans + 1.0) * np.pi / 4.0
    centre = pans == 0.0
    return (
        np.where(centre, 1.0, np.sqrt(2.0) * np.cos(angle)),
        np.where(centre, 1.0, np.sqrt(2.0) * np.sin(angle)),
    )


def gain_envelope(points: Sequence[Point], positions: Positions) -> Curve:
    """Amplitude factors: linear in dB between points, constant before the first and after the last; 0 is silence."""
    at = [point.at for point in points]
    values = np.array([point.value for point in points])
    levels = np.maximum(20.0 * np.log10(np.maximum(values, 1e-9)), SILENCE_DB)
    level = np.interp(positions, at, levels)
    return np.where(level > SILENCE_DB, 10.0 ** (level / 20.0), 0.0)


def pan_envelope(points: Sequence[Point], positions: Positions) -> Curve:
    """The offset added to the pan knob's value: straight lines between points."""
    return np.interp(positions, [point.at for point in points], [point.value for point in points])
