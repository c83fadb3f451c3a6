"""Which tracks are heard, and with which strips: those of the session or, under a morph, those of two snapshots.

A morph is a crossfade of two mixes A and B along a line m(t). With their masters M, and the coefficients c of a term,

    (1 - m) M_A sum c_A z + m M_B sum c_B z  =  M sum (w_A c_A + w_B c_B) z,    M = (1 - m) M_A + m M_B,

w_A = (1 - m) M_A / M and w_B = m M_B / M. So a term keeps one coefficient per frame, and the mix is decoded once. Where
m is 0 or 1, coefficients and master are those of the snapshot exactly, and so are the keys of the chunks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from lincae_studio.engine.planning.factors import (
    Factor,
    Groups,
    Positions,
    automated,
    bus_factors,
    gain_envelope,
    groups_of,
)
from lincae_studio.session.model import Clip, Operator, Point, Region, Session, Track
from lincae_studio.session.operators import insert_of


class Line(Struct, frozen=True):
    """The line of a morph, and the faders of the master at its ends."""

    points: tuple[Point, ...]
    first: float
    second: float

    def place(self, positions: Positions) -> Factor:
        """Where the morph is, from 0 to 1."""
        if not self.points:
            return 0.0
        return np.interp(positions, [point.at for point in self.points], [point.value for point in self.points])

    def master(self, positions: Positions) -> Factor:
        """The fader of the master on the way."""
        place = self.place(positions)
        return (1.0 - place) * self.first + place * self.second

    def weights(self, positions: Positions) -> tuple[Factor, Factor]:
        """By how much each mix goes into the sum before the master."""
        place = self.place(positions)
        if self.first == self.second:
            return 1.0 - place, place
        master = np.maximum(self.master(positions), 1e-12)  # where it is 0, the mix is silent
        return (1.0 - place) * self.first / master, place * self.second / master


class Heard(Struct, frozen=True):
    """A track as it is heard.

    Attributes:
        strips: the track with its strip; under a morph that changes it, with that of each mix, silent where it is not
            heard.
        groups: the groups around it, for each of the strips.
        line: that of the morph, for two strips.
        operator: the insert of the track.
    """

    strips: tuple[Track, ...]
    groups: tuple[Groups, ...]
    line: Line | None = None
    operator: Operator | None = None

    @property
    def track(self) -> Track:
        """The track with its clips and envelopes."""
        return self.strips[0]

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions of the track, and of the groups around it."""
        return self.track.regions + tuple(region for group in self.groups[0] for region in group.regions)

    @property
    def moving(self) -> bool:
        """Whether the factors depend on the position on the timeline."""
        return self.line is not None or automated(self.track, self.groups[0])

    @property
    def silent(self) -> bool:
        """Whether a fader is all the way down, in each mix."""
        return not any(
            strip.gain and all(group.gain for group in groups)
            for strip, groups in zip(self.strips, self.groups, strict=True)
        )

    def within_groups(self, count: int) -> Heard:
        """The track as it leaves the innermost groups, of which as many count."""
        return replace(self, groups=tuple(groups[:count] for groups in self.groups))

    def factors(self, clip: Clip, media_channels: int, buses: int, positions: Positions) -> list[tuple[Factor, ...]]:
        """The factor of each channel of a clip on each bus; `positions` only matter if they are `moving`."""
        found = [
            bus_factors(strip, groups, clip, media_channels, buses, positions)
            for strip, groups in zip(self.strips, self.groups, strict=True)
        ]
        return [self._morphed(on_buses, positions) for on_buses in zip(*found, strict=True)]

    def _morphed(self, factors: Sequence[tuple[Factor, ...]], positions: Positions) -> tuple[Factor, ...]:
        """One of the factors of each mix: those of the only one, or those under the morph."""
        if self.line is None:
            return factors[0]
        first, second = self.line.weights(positions)
        return tuple(first * one + second * other for one, other in zip(*factors, strict=True))


class HeardMaster(Struct, frozen=True):
    """The master as it is heard: its fader, or that of a morph, its envelope, and the regions of the mix."""

    gain: float
    gain_points: tuple[Point, ...]
    line: Line | None
    regions: tuple[Region, ...] = ()

    @property
    def moving(self) -> bool:
        """Whether the factor depends on the position on the timeline."""
        return bool(self.gain_points) or self.line is not None

    def factor(self, positions: Positions) -> Factor:
        """The factor of the mix; `positions` only matter if it is `moving`."""
        gain: Factor = self.gain if self.line is None else self.line.master(positions)
        return gain * gain_envelope(self.gain_points, positions) if self.gain_points else gain


def line_of(session: Session) -> Line | None:
    """The line of the session's morph; None while none is on."""
    if session.morph is None or not session.morph.on:
        return None
    first, second = session.morphed
    return Line(session.morph.points, first.master, second.master)


def master_of(session: Session) -> HeardMaster:
    """The session's master as it is heard."""
    line, master = line_of(session), session.master
    if line is not None and line.first == line.second:
        return HeardMaster(line.first, master.gain_points, None, master.regions)
    return HeardMaster(master.gain, master.gain_points, line, master.regions)


def tracks_of(session: Session) -> dict[int, Heard]:
    """The tracks that are heard, by id, in the order of the session."""
    mixes: Sequence[Session] = session.mixes
    if not mixes:
        groups = groups_of(session)
        return {
            one.id: Heard((one,), (groups[one.id],), operator=insert_of(session, one))
            for one in session.tracks
            if session.audible(one)
        }
    line, found = line_of(session), {}
    in_mixes = [groups_of(mix) for mix in mixes]
    for tracks in zip(*(mix.tracks for mix in mixes), strict=True):
        strips = tuple(
            replace(track, gain=track.gain if mix.audible(track) else 0.0, mute=False, solo=False)
            for mix, track in zip(mixes, tracks, strict=True)
        )
        if any(strip.gain for strip in strips):
            track_id = strips[0].id
            around = tuple(groups[track_id] for groups in in_mixes)
            same = strips[0] == strips[1] and around[0] == around[1]
            own = insert_of(session, strips[0])
            heard = Heard(strips[:1], around[:1]) if same else Heard(strips, around, line)
            found[track_id] = replace(heard, operator=own) if own is not None else heard
    return found
