"""The document as a frozen value.

All times are in samples at the session rate, all gains are linear amplitude factors (1.0 is 0 dB, 0.0 is silence).
Ids are small integers, unique within a session and never reused. `check` states every invariant; `edits` keeps them,
`files` verifies them on loading and before saving, `check_change` after each edit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from lincae_studio.defaults import DEFAULT_CODEC
from lincae_studio.errors import EditError

#: The rate of every session, in Hz: that of the codecs. Other rates are converted on import.
SESSION_RATE: Final = 44_100

#: Largest gain of a fader or in a project file: +24 dB.
MAX_GAIN = 10 ** (24 / 20)

#: Longest session: 24 hours.
MAX_LENGTH = 24 * 3600 * SESSION_RATE

#: Shortest loop: 10 ms.
MIN_LOOP = SESSION_RATE // 100

MAX_SEED = 2**31 - 1

#: Longest path of an audio file, in characters: no system has longer ones than Windows.
MAX_PATH = 32_767

#: Largest sample rate that the header of an audio file can state, in Hz.
MAX_FILE_RATE = 2**32 - 1

#: Longest chunk, in latent frames.
MAX_FRAMES = 4096

#: Track colours, used in turn; each has a contrast of at least 4.5 : 1 against the dark track background.
TRACK_COLORS = ("#4fb3bf", "#e0a458", "#8fbf6f", "#d97b93", "#8c9eff", "#d4c65a", "#c78be0", "#6fc3a5")

Samples = Annotated[int, Meta(ge=0, le=MAX_LENGTH, description="samples at the session rate")]
Length = Annotated[int, Meta(ge=1, le=MAX_LENGTH, description="samples at the session rate")]
Gain = Annotated[float, Meta(ge=0.0, le=MAX_GAIN, description="amplitude factor: 1 is 0 dB, 0 is silence")]
Bytes = Annotated[int, Meta(ge=0, le=2**53, description="size of the file in bytes; 0 if unknown")]
# (?!\n)$ is the end of the text; $ alone would let a line break follow, and \Z is not known to JSON Schema.
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?!\n)$", description="SHA-256 in hexadecimal")]
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
            that digest, a colon and the selection.
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
        bpm: beats per minute.
        beats: beats per bar.
        start: where bar 1 starts, in samples.
    """

    bpm: Annotated[float, Meta(ge=20.0, le=400.0)]
    beats: Annotated[int, Meta(ge=1, le=32)] = 4
    start: Samples = 0

    @property
    def beat(self) -> float:
        """Length of a beat, in samples."""
        return SESSION_RATE * 60.0 / self.bpm


class Track(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """One track: its clips and its channel strip.

    Attributes:
        pan: from -1 (left) to 1 (right).
        subtract: the track is subtracted from the mix instead of added (inverted polarity).
        gain_points: envelope of amplitude factors, multiplied by the fader; linear in dB between points.
        pan_points: envelope added to the pan.
    """

    id: Id
    name: Name
    color: Color
    gain: Gain = 1.0
    pan: Annotated[float, Meta(ge=-1.0, le=1.0)] = 0.0
    mute: bool = False
    solo: bool = False
    subtract: bool = False
    gain_points: tuple[Point, ...] = ()
    pan_points: tuple[Point, ...] = ()
    clips: tuple[Clip, ...] = ()

    @cached_property
    def end(self) -> int:
        """End of the last clip, in samples. (Computed once per object: edits keep most tracks.)"""
        return max((clip.end for clip in self.clips), default=0)


class Session(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """The whole document.

    Attributes:
        markers: markers, sorted by position.
        codec: id of the codec, or path of a model folder.
        seed: seed of the noise of codecs that decode from noise.
        chunk_frames, overlap_frames: latent frames of a chunk, and of the overlap of neighbouring chunks; 0, or a pair
            that the codec does not support, for the codec's defaults.
    """

    media: tuple[Media, ...] = ()
    tracks: tuple[Track, ...] = ()
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
        for track in self.tracks:
            panned = track.pan != 0.0 or bool(track.pan_points)
            if track.clips and (panned or any(clip.media in stereo for clip in track.clips)):
                return 2
        return 1

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

    def track_of(self, clip_id: int) -> Track:
        """The track that contains a clip. Raises `EditError` when there is no such clip."""
        for track in self.tracks:
            if any(clip.id == clip_id for clip in track.clips):
                return track
        raise EditError(f"there is no clip {clip_id}", "It may have been deleted")

    def clip(self, clip_id: int) -> Clip:
        """The clip with this id. Raises `EditError` when there is none."""
        return next(clip for clip in self.track_of(clip_id).clips if clip.id == clip_id)

    def media_of(self, digest: str) -> Media:
        """The media file with this digest. Raises `EditError` when there is none."""
        for media in self.media:
            if media.digest == digest:
                return media
        raise EditError(f"there is no media file {digest[:12]}", "Import the file first")

    def audible(self, track: Track) -> bool:
        """Whether a track is audible: mute overrides solo, and any solo silences all tracks that are not soloed."""
        if track.mute:
            return False
        return track.solo or not any(other.solo for other in self.tracks)


def check(session: Session) -> None:
    """Check the rules that the field types cannot express.

    Raises:
        EditError: naming the first violated rule.
    """
    digests = [media.digest for media in session.media]
    if len(set(digests)) != len(digests):
        raise EditError("two media files have the same digest", "List each file only once")
    for media in session.media:
        for path in (media.path, media.original.path if media.original is not None else ""):
            if "\0" in path:
                raise EditError("the path of an audio file is not valid: it has a NUL character")
            if len(path) > MAX_PATH:
                raise EditError(f"the path of an audio file is not valid: it has {len(path):,} characters")
    _check_ids(session)
    _check_places(session)
    for track in session.tracks:
        _check_envelopes(track)
    by_digest = {media.digest: media for media in session.media}
    for clip in session.clips():
        _check_clip(clip, by_digest)


def check_change(before: Session, after: Session) -> None:
    """Check the field types and rules of everything that differs from a session that is valid.

    Objects that are the same in both are not checked again, so this is cheap after an edit, which keeps most of them.

    Raises:
        EditError: naming the field or rule that is violated.
    """
    if after is before:
        return
    for name, kind in _FIELDS.items():
        if getattr(after, name) is not getattr(before, name):
            _check_types(getattr(after, name), kind, f"the session’s {name}")
    known = {id(media) for media in before.media}
    for media in after.media:
        if id(media) not in known:
            _check_types(media, Media, f"the audio file {media.path}")
    kept = {id(track) for track in before.tracks} & {id(track) for track in after.tracks}
    replaced = [track for track in before.tracks if id(track) not in kept]
    changed = [track for track in after.tracks if id(track) not in kept]
    clips = {id(clip) for track in replaced for clip in track.clips}
    by_digest = {media.digest: media for media in after.media} if changed else {}
    for track in changed:
        _check_types(msgspec.structs.replace(track, clips=()), Track, f"track {track.id} ({track.name})")
        _check_envelopes(track)
        for clip in track.clips:
            if id(clip) not in clips:
                _check_types(clip, Clip, f"clip {clip.id} ({clip.name})")
                _check_clip(clip, by_digest)
    if after.media is not before.media:
        check(after)
        return
    _check_places(after)
    strips_only = [(track.id, id(track.clips)) for track in changed] == [(old.id, id(old.clips)) for old in replaced]
    if not strips_only or after.markers is not before.markers or after.next_id < before.next_id:
        _check_ids(after)


def _check_types(value: object, kind: Any, name: str) -> None:
    """Check a value by writing and reading it as a project file does."""
    try:
        msgspec.json.decode(msgspec.json.encode(value), type=kind)
    except UnicodeEncodeError as error:
        text = str(error.object).encode(errors="backslashreplace").decode()
        remedy = "Rename the audio file on the disk, or the track or clip in the session"
        raise EditError(f"the name {text} is not valid Unicode", remedy) from error
    except msgspec.ValidationError as error:
        raise EditError(f"{name} is not valid: {error}") from error


def _check_ids(session: Session) -> None:
    ids = [track.id for track in session.tracks] + [clip.id for clip in session.clips()]
    ids += [marker.id for marker in session.markers]
    if len(set(ids)) != len(ids):
        raise EditError("two tracks, clips or markers have the same id")
    if ids and max(ids) >= session.next_id:
        raise EditError(f"next_id is {session.next_id}, but id {max(ids)} is in use")


def _check_places(session: Session) -> None:
    if any(later.at < earlier.at for earlier, later in pairwise(session.markers)):
        raise EditError("markers are not in order")
    if session.loop is not None and session.loop.end - session.loop.start < MIN_LOOP:
        raise EditError(f"the loop ends at {session.loop.end}, less than {MIN_LOOP} samples after its start")


def _check_envelopes(track: Track) -> None:
    for points, least, most in ((track.gain_points, 0.0, MAX_GAIN), (track.pan_points, -1.0, 1.0)):
        problem = envelope_problem(points, least, most)
        if problem:
            raise EditError(f"an envelope of track {track.id} ({track.name}) is not valid: {problem}")


def _check_clip(clip: Clip, by_digest: Mapping[str, Media]) -> None:
    media = by_digest.get(clip.media)
    if media is None:
        raise EditError(f"clip {clip.id} ({clip.name}) refers to media file {clip.media[:12]}, which is not listed")
    if clip.offset + clip.length > media.length:
        raise EditError(f"clip {clip.id} ({clip.name}) extends past the end of its media file")
    if clip.end > MAX_LENGTH:
        raise EditError(f"clip {clip.id} ({clip.name}) ends after {MAX_LENGTH // SESSION_RATE // 3600} hours")
    if max(clip.fade_in, clip.fade_out) > clip.length:
        raise EditError(f"clip {clip.id} ({clip.name}) has a fade longer than the clip")


#: Fields of a session that change as a whole, with their types.
_FIELDS = {field.name: field.type for field in msgspec.structs.fields(Session) if field.name not in ("media", "tracks")}


def envelope_problem(points: Sequence[Point], least: float, most: float) -> str:
    """A message saying what is wrong with an envelope; empty when it is valid."""
    if any(not least <= point.value <= most for point in points):
        return f"a value is not between {least:g} and {most:g}"
    if any(not 0 <= point.at <= MAX_LENGTH for point in points):
        return "a point is not on the timeline"
    if any(later.at <= earlier.at for earlier, later in pairwise(points)):
        return "two points are at the same sample, or out of order"
    return ""


def validated(session: Session) -> Session:
    """Return the session after checking its field types and `check`.

    Raises:
        EditError: naming the field or rule that was violated.
    """
    try:
        msgspec.convert(msgspec.to_builtins(session), Session)
    except msgspec.ValidationError as error:
        raise EditError(f"the session is not valid: {error}") from error
    check(session)
    return session
