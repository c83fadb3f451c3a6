"""Tracks and channels of a DAWproject as strips. Pure functions.

Folders become groups, with the strip of their bus if all tracks in them are routed through it. Other buses and submixes
are flattened: their faders and mutes are applied to the tracks, and so is a mute of the master. A channel that names no
destination goes to the bus of its folder, or of the next folder around that has one, and else to the master.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from msgspec import Struct

from lincae_studio.jobs import CancelToken
from lincae_studio.media.dawproject.document import Node
from lincae_studio.media.dawproject.timeline import MOST, amplitude
from lincae_studio.session.model import MAX_DEPTH

#: Longest chain of channels that a track is routed through.
MAX_CHAIN = 64


class Strip(Struct, frozen=True):
    """A track.

    Attributes:
        node: the number of its track, and `folder`, that of the group around it; None for none.
        own: ids of tracks whose audio is on it: its own, and that of the track with the bus of a folder.
        gain: fader, as an amplitude factor; `through`: product of the faders between it and the master.
        pan: from -1 (left) to 1 (right).
        mute: its own mute; `silent`: muted otherwise, by what it is routed through or because it is deactivated.
        volume, pan_parameter, mute_parameter: elements that automation refers to.
        audio: the track is for audio only.
        group: a folder, or what others are routed through; a track here only if there is audio on it, or in it.
        notes: what was done to the track; true only if it is used.
    """

    node: int
    folder: int | None
    own: tuple[str, ...]
    name: str | None
    color: str | None
    gain: float
    through: float
    pan: float
    mute: bool
    silent: bool
    solo: bool
    volume: Node | None
    pan_parameter: Node | None
    mute_parameter: Node | None
    audio: bool
    group: bool
    notes: tuple[str, ...]


class Mixer(Struct, frozen=True):
    """All tracks in document order, also groups and the master; the master's fader and its element, if there is one."""

    strips: tuple[Strip, ...] = ()
    gain: float = 1.0
    volume: Node | None = None


def mixer_of(project: Node, notes: dict[str, None], cancel: CancelToken) -> Mixer:
    """The mixer of a project; adds to `notes`. Raises `Cancelled`."""
    structure = project.child("Structure")
    if structure is None:
        return Mixer()
    routes = _Routes(structure)
    found = []
    routed: list[tuple[Node, Node, list[Node]]] = []
    for track in routes.tracks:
        cancel.check()
        channel = track.child("Channel") or Node("Channel", {})
        routed.append((track, channel, routes.chain(track, channel)))
    groups_of = _Groups(routes, routed)
    flattened = {id(other) for _, _, chain in routed for other in chain}
    for track, channel, chain in routed:
        cancel.check()
        _note_channel(channel, notes)
        if id(track) in groups_of.merged:
            continue
        nested = track.child("Track") is not None
        if (bus := groups_of.buses.get(id(track))) is not None:
            channel, chain = bus, []
        around = groups_of.around(track)
        kept = {id(groups_of.buses[folder]) for folder in around}
        chain = [other for other in chain if id(other) not in kept]
        if len(chain) > MAX_CHAIN:
            notes[f"channels routed through more than {MAX_CHAIN} others are cut short"] = None
            chain.pop()
        groups = [other for other in chain if other is not routes.master]
        off = routes.off(track, chain)
        through = 1.0
        for other in groups:
            through = min(through * _gain(other), MOST)
        content = (track.get("contentType") or "audio").split()
        itself = channel is routes.master
        found.append(
            Strip(
                node=id(track),
                folder=around[0] if around else None,
                own=tuple(groups_of.audio_of(track)),
                name=track.get("name"),
                color=track.get("color"),
                gain=1.0 if itself else _gain(channel),
                through=through,
                pan=_pan(channel),
                mute=_muted(channel),
                silent=off or any(_muted(other) for other in chain),
                solo=any(other.flag("solo", False) for other in (channel, *groups)),
                volume=None if itself else channel.child("Volume"),
                pan_parameter=channel.child("Pan"),
                mute_parameter=channel.child("Mute"),
                audio="audio" in content and "notes" not in content and not nested and _regular(channel),
                group=nested or channel.get("role") == "master" or id(channel) in flattened,
                notes=(*_applied(groups, chain[len(groups) :]), *(["deactivated tracks are muted"] if off else [])),
            )
        )
    master = routes.master
    if master is None:
        return Mixer(tuple(found))
    return Mixer(tuple(found), _gain(master), master.child("Volume"))


class _Groups:
    """Which folders become groups of tracks.

    Attributes:
        buses: of these folders, the channels whose strips they get.
        merged: tracks that have only the bus of such a folder, and are not tracks of their own.
    """

    def __init__(self, routes: _Routes, routed: list[tuple[Node, Node, list[Node]]]) -> None:
        self._routes = routes
        missed: set[int] = set()
        filled: set[int] = set()
        for track, channel, chain in routed:
            if track.child("Track") is None:
                through = {id(channel), *map(id, chain)}
                for folder in routes.folders(track):
                    filled.add(id(folder))
                    if id(routes.bus(folder)) not in through:
                        missed.add(id(folder))
        self.buses: dict[int, Node] = {}
        self.merged: set[int] = set()
        for track in routes.tracks:  # folders come before what is in them
            if id(track) not in filled or len(self.around(track)) == MAX_DEPTH:
                continue
            bus = routes.bus(track)
            owner = routes.owner(bus) if bus is not None else None
            if bus is not None and id(track) not in missed:
                self.buses[id(track)] = bus
                if owner is not None and owner is not track:
                    self.merged.add(id(owner))
            elif owner is not track:
                self.buses[id(track)] = Node("Channel", {})  # a group that only keeps its tracks together

    def around(self, track: Node) -> list[int]:
        """The numbers of the groups around a track, the innermost first."""
        return [id(folder) for folder in self._routes.folders(track) if id(folder) in self.buses]

    def audio_of(self, track: Node) -> Iterator[str]:
        """The ids of the tracks whose audio is on this one."""
        yield track.get("id") or ""
        bus = self.buses.get(id(track))
        owner = self._routes.owner(bus) if bus is not None else None
        if owner is not None and id(owner) in self.merged:
            yield owner.get("id") or ""


class _Routes:
    """The tracks of a structure in document order, and which channels each is routed through."""

    def __init__(self, structure: Node) -> None:
        self.tracks = [node for node in structure.below() if node.tag == "Track"]
        channels = (node for node in structure.below() if node.tag == "Channel")
        self._channels = {name: node for node in channels if (name := node.get("id"))}
        #: Folders by the tracks in them, and tracks by their channels; by identity, because ids may be missing.
        self._folders = {id(child): track for track in self.tracks for child in track.children}
        self._owners = {id(channel): track for track in self.tracks if (channel := track.child("Channel"))}
        self._buses = {id(track): bus for track in self.tracks if (bus := _bus_in(track)) is not None}
        ends = [structure, *(track for track in structure.children if _leaf(track))]
        masters = [channel for end in ends for channel in end.children if _master(channel)]
        self.master = next((one for one in masters if self._named(one) is None), masters[0] if masters else None)

    def chain(self, track: Node, channel: Node) -> list[Node]:
        """The channels that a channel is routed through, up to the master; at most one more than `MAX_CHAIN`."""
        seen = {id(channel)}
        found: list[Node] = []
        here = self._next(track, channel)
        while here is not None and id(here) not in seen and len(found) <= MAX_CHAIN:
            seen.add(id(here))
            found.append(here)
            here = self._next(self._owners.get(id(here)), here)
        return found

    def folders(self, track: Node) -> Iterator[Node]:
        """The folders around a track, the innermost first."""
        folder = self._folders.get(id(track))
        return self._up(folder) if folder is not None else iter(())

    def bus(self, folder: Node) -> Node | None:
        """The channel of a folder: the one in its first track, or its own."""
        if folder.child("Track") is None:
            return None
        return self._buses.get(id(folder)) or folder.child("Channel")

    def owner(self, channel: Node) -> Node | None:
        """The track that a channel belongs to."""
        return self._owners.get(id(channel))

    def off(self, track: Node, chain: list[Node]) -> bool:
        """Whether a track, a folder around it, or a track that it is routed through is deactivated."""
        heard_through = [track, *(owner for channel in chain if (owner := self._owners.get(id(channel))))]
        return any(not here.flag("loaded", True) for start in heard_through for here in self._up(start))

    def _up(self, track: Node) -> Iterator[Node]:
        here: Node | None = track
        while here is not None:
            yield here
            here = self._folders.get(id(here))

    def _named(self, channel: Node) -> Node | None:
        return self._channels.get(channel.get("destination") or "")

    def _next(self, track: Node | None, channel: Node) -> Node | None:
        """The named destination, else the bus of the nearest folder around that has one, else the master."""
        named = self._named(channel)
        if named is not None or channel is self.master:
            return named
        folder = None if track is None else self._folders.get(id(track))
        for around in () if folder is None else self._up(folder):
            for bus in (self._buses.get(id(around)), around.child("Channel")):
                if bus is not None and bus is not channel:
                    return bus
        return self.master


def _bus_in(folder: Node) -> Node | None:
    """The channel of the first child track of role master, in which REAPER's converter writes a folder's fader."""
    children = (child for child in folder.children if _leaf(child))
    return next((part for child in children for part in child.children if _master(part)), None)


def _leaf(node: Node) -> bool:
    """Whether this is a track that is no folder."""
    content = (node.get("contentType") or "").split()
    return node.tag == "Track" and node.child("Track") is None and "tracks" not in content


def _master(node: Node) -> bool:
    return node.tag == "Channel" and node.get("role") == "master"


def _applied(groups: list[Node], master: list[Node]) -> Iterator[str]:
    if groups:
        yield "submixes are flattened: their faders and mutes are applied to the tracks"
    if any(_muted(other) for other in master):
        yield "the master is muted, and so are all tracks"
    if any(_pan(other) != 0.0 for other in (*groups, *master)):
        yield "the pans of submixes and of the master are left out"


def _regular(channel: Node) -> bool:
    return channel.get("role") in (None, "regular")


def _note_channel(channel: Node, notes: dict[str, None]) -> None:
    for tag, text in (("Devices", "devices and plug-ins are left out"), ("Sends", "sends are left out")):
        part = channel.child(tag)
        if part is not None and part.filled:
            notes[text] = None


def _gain(channel: Node) -> float:
    volume = channel.child("Volume")
    value = volume.number("value") if volume is not None else None
    return 1.0 if volume is None or value is None else gain_of(value, volume.get("unit"), volume)


def _pan(channel: Node) -> float:
    pan = channel.child("Pan")
    value = pan.number("value") if pan is not None else None
    return 0.0 if pan is None or value is None else pan_of(value, pan.get("unit"), pan)


def _muted(channel: Node) -> bool:
    mute = channel.child("Mute")
    return mute is not None and mute.flag("value", False)


def gain_of(value: float, unit: str | None, parameter: Node) -> float:
    """A volume as an amplitude factor; a normalised one is scaled from the parameter's `min` to its `max`."""
    if unit == "normalized" and parameter.get("unit") in ("linear", "decibel"):
        least, most = parameter.number("min"), parameter.number("max")
        if least is not None and most is not None and least > -math.inf:
            value, unit = least + value * (most - least), parameter.get("unit")
    return amplitude(value, unit)


def in_decibels(unit: str | None, parameter: Node) -> bool:
    """Whether lines of a volume's automation are straight in dB."""
    return "decibel" in (unit, parameter.get("unit") if unit == "normalized" else None)


def mute_of(value: float, _unit: str | None, _parameter: Node) -> float:
    """A mute as 1, or 0 for what is heard."""
    return 1.0 if value >= 0.5 else 0.0


def pan_of(value: float, unit: str | None, parameter: Node) -> float:
    """A pan from -1 to 1. Normalised pans range from 0 to 1; linear ones and percent start at -1 or 0, as in `min`."""
    if unit == "percent":
        value /= 100.0
    from_zero = unit in (None, "normalized") or (parameter.number("min") == 0.0)
    return min(max(2.0 * value - 1.0 if from_zero else value, -1.0), 1.0)
