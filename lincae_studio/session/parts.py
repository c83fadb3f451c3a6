"""The parts of a session: limits and types of fields, media, clips, regions, points, markers, loop and tempo.

`model` has the rest of the document, and is where all of it is imported from.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from lincae_studio.session.processes import Chain, Process

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

#: Last channel that a region can have.
MAX_CHANNEL = 65_535

#: Most regions of one clip, track or mix.
MAX_REGIONS = 1000

#: Most operators of a session, most latent frames that one looks back or ahead, and most weights of one: 1 MiB.
MAX_OPERATORS = 64
MAX_REACH_FRAMES = 64
MAX_WEIGHTS = 2**18

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
Channel = Annotated[int, Meta(ge=0, le=MAX_CHANNEL, description="latent channel, from 0")]
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
    "fade": "fade_samples",
    "channel_selection": "take",
}


class Original(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=_UNITS):
    """The audio file that latents were encoded from, for media that exist only as latents.

    Attributes:
        digest: digest of the original media; `path`: where its file was; `channel_selection`: as in `Media`.
        codec: id of the codec that encoded the latents.
        chain: what the audio was processed with before it was encoded.
    """

    digest: Digest
    path: str
    codec: Annotated[str, Meta(min_length=1, max_length=200)]
    size: Bytes = 0
    channel_selection: ChannelSelection = ""
    chain: Chain = ()


class Derived(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=_UNITS):
    """The audio that processed media are made from.

    Attributes:
        digest: digest of that audio; `channels`, `length`: of it, at the session rate.
        chain: the processes, in order; at least one.
    """

    digest: Digest
    channels: Annotated[int, Meta(ge=1, le=2)]
    length: Length
    chain: Annotated[Chain, Meta(min_length=1)]


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
        derived: for audio that is processed, what it is made from: the file, or decoded latents. `digest`, `channels`
            and `length` are those of the result (`processes.digest_of`), all else is that of the file.
    """

    digest: Digest
    path: str
    sample_rate: Annotated[int, Meta(ge=1, le=MAX_FILE_RATE, description="of the file, in Hz")]
    channels: Annotated[int, Meta(ge=1, le=2)]
    length: Length
    channel_selection: ChannelSelection = ""
    size: Bytes = 0
    original: Original | None = None
    derived: Derived | None = None

    @property
    def source(self) -> Media:
        """The media before processing: the file as it was imported, or its latents."""
        made_from = self.derived
        if made_from is None:
            return self
        channels, length = made_from.channels, made_from.length
        return replace(self, digest=made_from.digest, channels=channels, length=length, derived=None)

    @property
    def chain(self) -> tuple[Process, ...]:
        """The processes that it is derived by, in order."""
        return self.derived.chain if self.derived is not None else ()


class Region(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=_UNITS):
    """A rectangle of time and latent channels whose latents are turned down or up, in a clip, a track or the mix.

    Latents are multiplied by `1 + (gain - 1) * w` about those of silence. `w` is 1 inside, 0 outside, and rises from
    the edges inwards over the fades.

    Attributes:
        id: unique among the regions of its clip, track or mix: copies of clips and tracks keep the ids of regions.
        start, end: samples of the timeline; in a clip, of its audio file, so that regions move with the audio.
        low, high: the first and the last channel.
        gain: 1 changes nothing, 0 mutes.
        keep: whether the gain is that of all other channels in that time, so that 0 keeps only these.
        fade: length of the fades at the start and the end; `fade_channels`: channels of those at the other two edges.
        on: whether it is applied.
        space: the latents whose channels are meant (`CodecInfo.latent_space`); with others the region is not applied.
        codec: id of the codec that it was made with, for people.
    """

    id: Id
    name: Name = ""
    start: Samples
    end: Length
    low: Channel
    high: Channel
    gain: Gain = 0.0
    keep: bool = False
    fade: Samples = 0
    fade_channels: Channel = 0
    on: bool = True
    space: Annotated[str, Meta(min_length=1, max_length=200)]
    codec: Annotated[str, Meta(max_length=200)] = ""


Regions = Annotated[tuple[Region, ...], Meta(max_length=MAX_REGIONS)]


class Operator(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A linear map of latents that was learned from an example, for the inserts of tracks.

    With `z` the latents less those of silence, it makes `y[d, t] = sum_k sum_j W[d, j, k] z[j, t - k]`, for k from
    `-future` to `past`. There is no constant: silence stays silence, and sums stay sums.

    Attributes:
        space: the latents that it maps (`CodecInfo.latent_space`); with others it is not applied.
        codec: id of the codec that it was made with, for people.
        channels: of these latents.
        reach: channels on each side of a channel that it is made of; of all, if they are as many.
        past, future: frames before and after a frame that it is made of.
        weights: float32, little-endian, `(channels, width, past + future + 1)`: of each channel, from `reach` below to
            `reach` above it, or of all; from the frame that is `future` frames ahead to the one `past` frames back.
        r2: the share of the energy that it explains, of the part of the example that it was not learned from; `bands`:
            the same from low to high channels.
        plain_r2: the share that the best gain explains, as a comparison.
    """

    id: Id
    name: Name
    space: Annotated[str, Meta(min_length=1, max_length=200)]
    codec: Annotated[str, Meta(max_length=200)] = ""
    channels: Annotated[int, Meta(ge=1, le=MAX_CHANNEL + 1)]
    reach: Channel = 0
    past: Annotated[int, Meta(ge=0, le=MAX_REACH_FRAMES, description="latent frames")] = 0
    future: Annotated[int, Meta(ge=0, le=MAX_REACH_FRAMES, description="latent frames")] = 0
    weights: Annotated[bytes, Meta(max_length=4 * MAX_WEIGHTS, description="float32, little-endian")]
    r2: Annotated[float, Meta(le=1.0)]
    plain_r2: Annotated[float, Meta(le=1.0)] = 0.0
    bands: Annotated[tuple[Annotated[float, Meta(le=1.0)], ...], Meta(max_length=64)] = ()

    @property
    def width(self) -> int:
        """How many channels each channel is made of, counting those that do not exist."""
        return min(2 * self.reach + 1, self.channels)

    @property
    def frames(self) -> int:
        """How many frames each frame is made of."""
        return self.past + 1 + self.future


class Clip(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=_UNITS):
    """A window `[offset, offset + length)` of an audio file, heard from `start` on the timeline.

    Attributes:
        fade_in, fade_out: lengths of the fades; 0 for automatic crossfades and declicking (see `engine.planning`).
        color: colour of this clip; None for that of its track.
        group: clips with the same number are selected together; 0 for none.
        tempo: of its audio before stretching, in bpm; its stretch then follows the session's tempo. 0: it does not.
        regions: edits of its latents, at samples of its media.
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
    tempo: Annotated[float, Meta(ge=0.0, le=1000.0, description="bpm before stretching; 0: follows no tempo")] = 0.0
    regions: Regions = ()

    @property
    def end(self) -> int:
        """First sample after the clip."""
        return self.start + self.length


class Point(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A point of an envelope: a value at a sample of the timeline."""

    at: Samples
    value: float


class Marker(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=_UNITS):
    """A named position on the timeline or, with a length, a section: a named span of time from there on."""

    id: Id
    at: Samples
    name: Name
    length: Samples = 0

    @property
    def end(self) -> int:
        """First sample after a section; of a marker without a length, its position."""
        return self.at + self.length


class Loop(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=_UNITS):
    """The loop range: samples `[start, end)`, repeated while `on`."""

    start: Samples
    end: Annotated[int, Meta(ge=1, le=MAX_LENGTH)]
    on: bool = True


class Tempo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=_UNITS):
    """A grid of bars and beats, for the ruler and for snapping, and the tempo that clips can follow.

    Attributes:
        bpm: quarter notes per minute, independent of the beat.
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
