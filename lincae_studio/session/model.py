"""The document as a frozen value.

All times are in samples at the session rate, all gains are linear amplitude factors (1.0 is 0 dB, 0.0 is silence).
Ids are small integers, unique within a session and never reused. The invariants are in `rules`. (Long because the types
of the document are in one place.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from lincae_studio.defaults import DEFAULT_CODEC
from lincae_studio.errors import EditError
from lincae_studio.session.parts import (
    DEFAULT_RATE as DEFAULT_RATE,
    LONGEST as LONGEST,
    MASTER as MASTER,
    MAX_CHANNEL as MAX_CHANNEL,
    MAX_DEPTH as MAX_DEPTH,
    MAX_FILE_RATE as MAX_FILE_RATE,
    MAX_FRAMES as MAX_FRAMES,
    MAX_GAIN as MAX_GAIN,
    MAX_HEIGHT as MAX_HEIGHT,
    MAX_LENGTH as MAX_LENGTH,
    MAX_OPERATORS as MAX_OPERATORS,
    MAX_PATH as MAX_PATH,
    MAX_REACH_FRAMES as MAX_REACH_FRAMES,
    MAX_REGIONS as MAX_REGIONS,
    MAX_SEED as MAX_SEED,
    MAX_WEIGHTS as MAX_WEIGHTS,
    MIN_HEIGHT as MIN_HEIGHT,
    MIN_LOOP as MIN_LOOP,
    RATES as RATES,
    TRACK_COLORS as TRACK_COLORS,
    ChannelSelection as ChannelSelection,
    Clip as Clip,
    Color as Color,
    Derived as Derived,
    Digest as Digest,
    FadeShape as FadeShape,
    Frames as Frames,
    Gain as Gain,
    Height as Height,
    Id as Id,
    Loop as Loop,
    Marker as Marker,
    Media as Media,
    Name as Name,
    Operator as Operator,
    Original as Original,
    Pan as Pan,
    Point as Point,
    Rate as Rate,
    Region as Region,
    Regions as Regions,
    Tempo as Tempo,
)


class Master(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The strip of the mix: what is applied to the sum of all tracks.

    Attributes:
        gain: the fader.
        gain_points: envelope of amplitude factors, multiplied by the fader; linear in dB between points.
        regions: edits of the latents of the mix.
    """

    gain: Gain = 1.0
    gain_points: tuple[Point, ...] = ()
    regions: Regions = ()


class StripState(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The strip of a track in a snapshot, by the track's id. Envelopes are not part of it: the fader moves them."""

    id: Id
    gain: Gain = 1.0
    pan: Pan = 0.0
    mute: bool = False
    solo: bool = False
    subtract: bool = False


class Snapshot(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named state of the whole mixer (`snapshots` stores and recalls it).

    Attributes:
        strips: those of the tracks that there were. Later tracks keep their strips when it is recalled, and the ids of
            deleted ones match nothing.
        master: the fader of the master.
    """

    id: Id
    name: Name
    strips: tuple[StripState, ...] = ()
    master: Gain = 1.0


class Morph(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A crossfade between the mixes of two snapshots. While it is on, it is heard instead of the session's own strips.

    Attributes:
        first, second: ids of the snapshots that are heard at 0 and at 1.
        points: straight lines from 0 to 1; without points, the first snapshot.
    """

    first: Id
    second: Id
    points: tuple[Point, ...] = ()
    on: bool = True


class Track(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """One track: its clips and its channel strip. A track that others name as their parent is a group.

    What the strip of a group does, it does to all tracks in it: they are multiplied by its fader and envelope, and its
    pan is a balance of left and right. A group may have clips of its own.

    Attributes:
        parent: id of the group that contains it, 0 for none. The tracks in a group follow it, in one piece.
        folded: the tracks in it are not shown.
        pan: from -1 (left) to 1 (right).
        subtract: the track is subtracted from the mix instead of added (inverted polarity).
        gain_points: envelope of amplitude factors, multiplied by the fader; linear in dB between points.
        pan_points: envelope added to the pan.
        height: height of its row in the window, in pixels at a scale of 100 %; 0 for the default.
        regions: edits of the latents of all its clips, at samples of the timeline.
        insert: id of the operator that is applied to the latents of its own clips: after the regions of clips, before
            those of the track and its fader; 0 for none.
        locked: its clips, envelopes and regions, and its place among what ripples, do not change (`track_locks`).
    """

    id: Id
    name: Name
    color: Color
    gain: Gain = 1.0
    pan: Pan = 0.0
    mute: bool = False
    solo: bool = False
    subtract: bool = False
    gain_points: tuple[Point, ...] = ()
    pan_points: tuple[Point, ...] = ()
    height: Height = 0
    parent: Annotated[int, Meta(ge=0, le=2**31 - 1, description="id of the group that contains it; 0: none")] = 0
    folded: bool = False
    regions: Regions = ()
    insert: Annotated[int, Meta(ge=0, le=2**31 - 1, description="id of an operator; 0: none")] = 0
    locked: bool = False
    clips: tuple[Clip, ...] = ()

    @cached_property
    def end(self) -> int:
        """End of the last clip, in samples. (Computed once per object: edits keep most tracks.)"""
        return max((clip.end for clip in self.clips), default=0)


class Session(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True, rename={"rate": "rate_hz"}):
    """The whole document.

    Attributes:
        rate: sample rate in Hz, that of all positions and of the conformed media (`rates.convert` changes it).
        master: what is applied to the sum of all tracks.
        snapshots: stored states of the mixer; `morph`: a crossfade between two of them.
        operators: learned from examples, for the inserts of tracks.
        markers: markers, sorted by position.
        codec: id of the codec, or path of a model folder.
        seed: seed of the noise of codecs that decode from noise.
        chunk_frames, overlap_frames: latent frames of a chunk, and of the overlap of neighbouring chunks; 0, or a pair
            that the codec does not support, for the codec's defaults.
    """

    rate: Rate = DEFAULT_RATE
    media: tuple[Media, ...] = ()
    tracks: tuple[Track, ...] = ()
    master: Master = Master()
    snapshots: tuple[Snapshot, ...] = ()
    morph: Morph | None = None
    operators: Annotated[tuple[Operator, ...], Meta(max_length=MAX_OPERATORS)] = ()
    markers: tuple[Marker, ...] = ()
    loop: Loop | None = None
    tempo: Tempo | None = None
    codec: Annotated[str, Meta(min_length=1, max_length=200)] = DEFAULT_CODEC
    seed: Annotated[int, Meta(ge=0, le=MAX_SEED)] = 0
    chunk_frames: Frames = 0
    overlap_frames: Frames = 0
    next_id: Id = 1

    @cached_property
    def length(self) -> int:
        """End of the last clip, in samples."""
        return max((track.end for track in self.tracks), default=0)

    @cached_property
    def channels(self) -> int:
        """2 when any clip's media is stereo or any track with clips is panned, else 1.

        Mutes do not count: muting a track must not turn the mix from stereo to mono.
        """
        stereo = {media.digest for media in self.media if media.channels == 2}
        panned = {track.id for track in self.tracks if track.pan != 0.0 or track.pan_points}
        panned |= {state.id for snapshot in self.morphed for state in snapshot.strips if state.pan != 0.0}
        if not stereo and not panned:
            return 1
        for track in self.tracks:
            if track.clips and (
                any(strip.id in panned for strip in (track, *self.groups_of(track.id)))
                or any(clip.media in stereo for clip in track.clips)
            ):
                return 2
        return 1

    @cached_property
    def _groups(self) -> dict[int, tuple[Track, ...]]:
        """The groups of each track. A group stands above its tracks; one that does not exist is none."""
        groups: dict[int, tuple[Track, ...]] = {}
        above: dict[int, Track] = {}
        for track in self.tracks:
            group = above.get(track.parent)
            groups[track.id] = () if group is None else (group, *groups[group.id])
            above[track.id] = track
        return groups

    def groups_of(self, track_id: int) -> tuple[Track, ...]:
        """The groups that contain a track, the innermost first."""
        return self._groups.get(track_id, ())

    @cached_property
    def group_ids(self) -> frozenset[int]:
        """The ids of the tracks that are groups."""
        return frozenset(groups[0].id for groups in self._groups.values() if groups)

    @cached_property
    def hidden(self) -> frozenset[int]:
        """The ids of the tracks that are not shown, because a group around them is folded."""
        return frozenset(name for name, groups in self._groups.items() if any(group.folded for group in groups))

    def shown(self, track_id: int) -> int:
        """The id of the track itself or, if it is not shown, of the outermost folded group around it."""
        folded = [group.id for group in self.groups_of(track_id) if group.folded]
        return folded[-1] if folded else track_id

    def within(self, track_ids: Collection[int]) -> frozenset[int]:
        """The ids of tracks and of all tracks in them, which follow them in the order of the tracks."""
        chosen = set(track_ids)
        if not chosen.isdisjoint(self.group_ids):
            for track in self.tracks:
                if track.parent in chosen:
                    chosen.add(track.id)
        return frozenset(chosen)

    def within_folded(self, track_ids: Collection[int]) -> frozenset[int]:
        """The ids of tracks and, where they are folded groups, of the tracks in them: what their rows show."""
        return frozenset(track_ids) | self.within([name for name in track_ids if self.track(name).folded])

    def clips(self) -> Iterator[Clip]:
        """Every clip, track by track."""
        for track in self.tracks:
            yield from track.clips

    def used_media(self) -> tuple[Media, ...]:
        """The media that clips use, in the order of `media`."""
        digests = {clip.media for clip in self.clips()}
        return tuple(media for media in self.media if media.digest in digests)

    def track(self, track_id: int) -> Track:
        """The track with this id. Raises `EditError` when there is none."""
        for track in self.tracks:
            if track.id == track_id:
                return track
        ids = ", ".join(str(track.id) for track in self.tracks)
        raise EditError(f"there is no track {track_id}", f"Use one of these: {ids}" if ids else "Add a track first")

    def strip(self, strip_id: int) -> Track | Master:
        """The track with this id, or the master. Raises `EditError` when there is none."""
        return self.master if strip_id == MASTER else self.track(strip_id)

    def track_of(self, clip_id: int) -> Track:
        """The track that contains a clip. Raises `EditError` when there is no such clip."""
        for track in self.tracks:
            if any(clip.id == clip_id for clip in track.clips):
                return track
        raise EditError(f"there is no clip {clip_id}", "It may have been deleted")

    def clip(self, clip_id: int) -> Clip:
        """The clip with this id. Raises `EditError` when there is none."""
        return next(clip for clip in self.track_of(clip_id).clips if clip.id == clip_id)

    def clips_of(self, clip_ids: Collection[int]) -> list[tuple[int, Clip]]:
        """The clips with these ids, track by track, each with the position of its track: one pass for all.

        Raises:
            EditError: when one of them does not exist.
        """
        wanted = frozenset(clip_ids)
        found = [
            (position, clip) for position, track in enumerate(self.tracks) for clip in track.clips if clip.id in wanted
        ]
        if len(found) < len(wanted):
            missing = min(wanted.difference(clip.id for _, clip in found))
            raise EditError(f"there is no clip {missing}", "It may have been deleted")
        return found

    def media_of(self, digest: str) -> Media:
        """The media file with this digest. Raises `EditError` when there is none."""
        for media in self.media:
            if media.digest == digest:
                return media
        raise EditError(f"there is no audio file {digest[:12]}", "Import the file first")

    def snapshot(self, snapshot_id: int) -> Snapshot:
        """The snapshot with this id. Raises `EditError` when there is none."""
        for snapshot in self.snapshots:
            if snapshot.id == snapshot_id:
                return snapshot
        raise EditError(f"there is no snapshot {snapshot_id}", "Store the mixer as a snapshot first")

    def operator(self, operator_id: int) -> Operator:
        """The operator with this id. Raises `EditError` when there is none."""
        for operator in self.operators:
            if operator.id == operator_id:
                return operator
        raise EditError(f"there is no operator {operator_id}", "It may have been deleted")

    @cached_property
    def morphed(self) -> tuple[Snapshot, ...]:
        """The two snapshots that a morph goes between while it is on, else none."""
        if self.morph is None or not self.morph.on:
            return ()
        return self.snapshot(self.morph.first), self.snapshot(self.morph.second)

    @cached_property
    def mixes(self) -> tuple[Session, ...]:
        """The two mixes that a morph goes between while it is on, as sessions without a morph, else none."""
        return tuple(self.with_strips(snapshot) for snapshot in self.morphed)

    def with_strips(self, snapshot: Snapshot) -> Session:
        """The session with its mixer as in a snapshot, and no morph on; the same object if it is that already."""
        states = {state.id: state for state in snapshot.strips}
        tracks = tuple(set_strip(track, states[track.id]) if track.id in states else track for track in self.tracks)
        same = all(one is other for one, other in zip(tracks, self.tracks, strict=True))
        if same and self.master.gain == snapshot.master and not self.morphed:
            return self
        morph = replace(self.morph, on=False) if self.morph is not None else None
        tracks = self.tracks if same else tracks
        return replace(self, tracks=tracks, master=replace(self.master, gain=snapshot.master), morph=morph)

    def audible(self, track: Track) -> bool:
        """Whether a track is audible: mute overrides solo, and any solo silences all tracks that are not soloed.

        A group that is muted or soloed mutes or solos all tracks in it. Under a morph, whether the track is audible in
        either of the mixes.
        """
        if self.mixes:
            return any(mix.audible(mix.track(track.id)) for mix in self.mixes)
        strips = (track, *self.groups_of(track.id))
        if any(strip.mute for strip in strips):
            return False
        return not self.any_solo or any(strip.solo for strip in strips)

    @cached_property
    def any_solo(self) -> bool:
        """Whether any track is soloed."""
        return any(track.solo for track in self.tracks)


def state_of(track: Track) -> StripState:
    """The strip of a track, for a snapshot."""
    return StripState(**{name: getattr(track, name) for name in StripState.__struct_fields__})


def set_strip(track: Track, state: StripState) -> Track:
    """A track with the strip of a snapshot; the same object if it has that already."""
    same = state_of(track) == state
    return track if same else replace(track, **{name: getattr(state, name) for name in StripState.__struct_fields__})
