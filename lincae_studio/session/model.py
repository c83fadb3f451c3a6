"""The document as a frozen value.

All times are in samples at the session rate, all gains are linear amplitude factors (1.0 is 0 dB, 0.0 is silence).
Ids are small integers, unique within a session and never reused. The invariants are in `rules`. (Long because the types
of the document are in one place.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from lincae_studio.defaults import DEFAULT_CODEC
from lincae_studio.errors import EditError

#: Sample rates that a session can have, in Hz. Audio files of other rates are converted on import.
Rate = Literal[44_100, 48_000]
RATES: Final[tuple[Rate, ...]] = (44_100, 48_000)
DEFAULT_RATE: Final[Rate] = 44_100

#: Largest gain of a fader or in a project file: +24 dB.
MAX_GAIN = 10 ** (24 / 20)

#: Longest session, in samples: 24 hours at 44.1 kHz, 22 hours at 48 kHz.
MAX_LENGTH = 24 * 3600 * DEFAULT_RATE
LONGEST: Final = "24 hours (22 hours at 48 kHz)"

#: Shortest loop, in samples: 10 ms at 44.1 kHz, 9 ms at 48 kHz.
MIN_LOOP = DEFAULT_RATE // 100

MAX_SEED = 2**31 - 1

#: Longest path of an audio file, in characters: no system has longer ones than Windows.
MAX_PATH = 32_767

#: Largest sample rate that the header of an audio file can state, in Hz.
MAX_FILE_RATE = 2**32 - 1

#: Longest chunk, in latent frames.
MAX_FRAMES = 4096

#: Lowest and highest row of a track, in pixels at a scale of 100 %.
MIN_HEIGHT, MAX_HEIGHT = 24, 600

#: Most groups that a track can be in, one within the other.
MAX_DEPTH = 16

#: Stands for the master where the id of a track's strip is expected: no track has it.
MASTER: Final = 0

#: Track colours, used in turn; each has a contrast of at least 4.5 : 1 against the dark track background.
TRACK_COLORS = ("#4fb3bf", "#e0a458", "#8fbf6f", "#d97b93", "#8c9eff", "#d4c65a", "#c78be0", "#6fc3a5")

Samples = Annotated[int, Meta(ge=0, le=MAX_LENGTH, description="samples at the session rate")]
Length = Annotated[int, Meta(ge=1, le=MAX_LENGTH, description="samples at the session rate")]
Gain = Annotated[float, Meta(ge=0.0, le=MAX_GAIN, description="amplitude factor: 1 is 0 dB, 0 is silence")]
Pan = Annotated[float, Meta(ge=-1.0, le=1.0)]
Bytes = Annotated[int, Meta(ge=0, le=2**53, description="size of the file in bytes; 0 if unknown")]
# (?!\n)$ is the end of the text; $ alone would let a line break follow, and \Z is not known to JSON Schema.
Digest = Annotated[
    str,
    Meta(pattern=r"^[0-9a-f]{64}(@48000)?(?!\n)$", description="SHA-256 in hexadecimal; @48000 in sessions at 48 kHz"),
]
Height = Annotated[int, Meta(ge=0, le=MAX_HEIGHT, description=f"pixels at 100 %, at least {MIN_HEIGHT}; 0: default")]
Frames = Annotated[int, Meta(ge=0, le=MAX_FRAMES, description="latent frames")]
ChannelSelection = Annotated[str, Meta(pattern=r"^(mix|[1-9][0-9]{0,3}(,[1-9][0-9]{0,3})?)?(?!\n)$")]
Color = Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}(?!\n)$")]
Name = Annotated[str, Meta(max_length=400)]
Id = Annotated[int, Meta(ge=1, le=2**31 - 1)]

#: How a fade rises from 0 to 1: a straight line; sin(x * pi/2), which keeps the power of a crossfade between unlike
#: sounds; (1 - cos(x * pi)) / 2, which keeps the sum of a crossfade, as the line does.
FadeShape = Literal["linear", "equal-power", "s-curve"]


#: Fields that have other names in files, where most include the unit.
_UNITS = {
    "start": "start_samples",
    "end": "end_samples",
    "at": "at_samples",
    "offset": "offset_samples",
    "length": "length_samples",
    "fade_in": "fade_in_samples",
    "fade_out": "fade_out_samples",
    "sample_rate": "sample_rate_hz",
    "size": "size_bytes",
    "channel_selection": "take",
}


class Original(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=_UNITS):
    """The audio file that latents were encoded from, for media that exist only as latents.

    Attributes:
        digest: digest of the original media; `path`: where its file was; `channel_selection`: as in `Media`.
        codec: id of the codec that encoded the latents.
    """

    digest: Digest
    path: str
    codec: Annotated[str, Meta(min_length=1, max_length=200)]
    size: Bytes = 0
    channel_selection: ChannelSelection = ""


class Media(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=_UNITS):
    """One imported audio file, or its latents in a bundle.

    Attributes:
        digest: SHA-256 of the file's bytes, in hexadecimal; where only some of its channels are used, the SHA-256 of
            that digest, a colon and the selection. In sessions at 48 kHz `@48000` follows, so that the same file
            conformed to another rate is other media, here and in all caches (`digests.digest_at`).
        channel_selection: channels used of a file with more than two: "3" or "1,2" (counted from 1), "mix" for the mean
            of all; "" for all channels of a mono or stereo file.
        path: path of the file, absolute while the session is open.
        sample_rate: sample rate of the file, in Hz; `length` is already at the session rate.
        length: samples at the session rate, after conforming.
        size: size of the file, in bytes; 0 if unknown (projects of older versions).
        original: for media that exist only as latents, the file they were encoded from. `path` is then the bundle with
            the latents, and `digest` is the digest of the latents.
    """

    digest: Digest
    path: str
    sample_rate: Annotated[int, Meta(ge=1, le=MAX_FILE_RATE, description="of the file, in Hz")]
    channels: Annotated[int, Meta(ge=1, le=2)]
    length: Length
    channel_selection: ChannelSelection = ""
    size: Bytes = 0
    original: Original | None = None


class Clip(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=_UNITS):
    """A window `[offset, offset + length)` of an audio file, heard from `start` on the timeline.

    Attributes:
        fade_in, fade_out: lengths of the fades; 0 for automatic crossfades and declicking (see `engine.planning`).
        color: colour of this clip; None for that of its track.
        group: clips with the same number are selected together; 0 for none.
    """

    id: Id
    media: Digest
    name: Name
    start: Samples
    offset: Samples
    length: Length
    gain: Gain = 1.0
    fade_in: Samples = 0
    fade_out: Samples = 0
    fade_in_shape: FadeShape = "linear"
    fade_out_shape: FadeShape = "linear"
    mute: bool = False
    color: Color | None = None
    group: Annotated[int, Meta(ge=0)] = 0

    @property
    def end(self) -> int:
        """First sample after the clip."""
        return self.start + self.length


class Point(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A point of an envelope: a value at a sample of the timeline."""

    at: Samples
    value: float


class Marker(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=_UNITS):
    """A named position on the timeline."""

    id: Id
    at: Samples
    name: Name


class Loop(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=_UNITS):
    """The loop range: samples `[start, end)`, repeated while `on`."""

    start: Samples
    end: Annotated[int, Meta(ge=1, le=MAX_LENGTH)]
    on: bool = True


class Tempo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=_UNITS):
    """A grid of bars and beats, for the ruler and for snapping. It does not affect the audio.

    Attributes:
        bpm: quarter notes per minute, whatever the beat is.
        beats: beats per bar: the upper number of the time signature.
        start: where bar 1 starts, in samples.
        unit: the note that is a beat, the lower number of the time signature: 4 for quarter notes, 8 for eighths. A
            beat lasts `60 / bpm * 4 / unit` seconds, so that eighths are twice as fast as `bpm`.
    """

    bpm: Annotated[float, Meta(ge=20.0, le=400.0, description="quarter notes per minute")]
    beats: Annotated[int, Meta(ge=1, le=32)] = 4
    start: Samples = 0
    unit: Literal[4, 8] = 4

    def beat(self, rate: int) -> float:
        """Length of a beat, in samples at a sample rate."""
        return rate * 60.0 / self.bpm * 4.0 / self.unit


class Master(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The strip of the mix: what is applied to the sum of all tracks.

    Attributes:
        gain: the fader.
        gain_points: envelope of amplitude factors, multiplied by the fader; linear in dB between points.
    """

    gain: Gain = 1.0
    gain_points: tuple[Point, ...] = ()


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

    def within(self, track_ids: Collection[int]) -> frozenset[int]:
        """The ids of tracks and of all tracks in them, which follow them in the order of the tracks."""
        chosen = set(track_ids)
        if not chosen.isdisjoint(self.group_ids):
            for track in self.tracks:
                if track.parent in chosen:
                    chosen.add(track.id)
        return frozenset(chosen)

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
        raise EditError(f"there is no media file {digest[:12]}", "Import the file first")

    def snapshot(self, snapshot_id: int) -> Snapshot:
        """The snapshot with this id. Raises `EditError` when there is none."""
        for snapshot in self.snapshots:
            if snapshot.id == snapshot_id:
                return snapshot
        raise EditError(f"there is no snapshot {snapshot_id}", "Store the mixer as a snapshot first")

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
