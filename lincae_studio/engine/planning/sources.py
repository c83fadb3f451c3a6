"""A source: one channel of a clip within one window, described by content so that it can be cached and moved.

The clip's audio is trimmed, faded and placed into the window, with zeros elsewhere. Trims and fades are exact to the
sample since they are applied before encoding, and a source includes only those within its window: trimming a clip's end
does not change the sources of its middle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from lincae_studio.codecs.base import Array
from lincae_studio.session.digests import rate_of
from lincae_studio.session.model import Clip, FadeShape, Media, Track


def declick_samples(rate: int) -> int:
    """Length of the fade where a clip's edge cuts into the audio of its file, so that it does not click: 5 ms."""
    return rate * 5 // 1000


class FadeRamp(Struct, frozen=True, array_like=True, gc=False):
    """A fade of a clip: its length in samples, and its curve."""

    length: int
    shape: FadeShape = "linear"


class Fade(Struct, frozen=True, array_like=True, gc=False):
    """A ramp that starts at window position `start` (which may be negative)."""

    start: int
    ramp: FadeRamp


#: Fade-in and fade-out of a clip, counted from its start and from its end; None where it has none. Of a part of a clip
#: that was split, they may begin or end outside.
Fades = tuple[Fade | None, Fade | None]


class Source(Struct, frozen=True, array_like=True, gc=False):
    """The content of a window from one channel of one clip.

    Attributes:
        media: digest of the media file.
        channel: 0 or 1.
        position: sample of the media file at the window's first sample; may be negative.
        first, last: the window positions `[first, last)` that the clip fills.
        fade_in, fade_out: ramps that overlap the window, if any.
    """

    media: str
    channel: int
    position: int
    first: int
    last: int
    fade_in: Fade | None = None
    fade_out: Fade | None = None


class Placement(Struct, frozen=True):
    """What sources depend on, of a clip without its fades: a section of an audio file, placed on the timeline."""

    media: str
    start: int
    offset: int
    length: int

    @classmethod
    def of(cls, clip: Clip) -> Placement:
        return cls(clip.media, clip.start, clip.offset, clip.length)

    @property
    def end(self) -> int:
        return self.start + self.length


class AudioReader(Protocol):
    """Reads the audio of sources: the media store's `read`, by digest."""

    def read(self, digest: str, channel: int, start: int, count: int) -> Array:
        """`count` samples of one channel from `start` on, zeros outside the file."""
        ...


def key_of(source: Source, window_samples: int, codec_identity: str) -> str:
    """The address of a source's latents: equal keys mean equal latents."""
    content = msgspec.msgpack.encode((codec_identity, window_samples, source))
    return hashlib.blake2b(content, digest_size=20).hexdigest()


def source_of(clip: Placement, channel: int, fades: Fades, window_start: int, window_samples: int) -> Source | None:
    """The source of a clip's channel in a window, or None if they do not overlap. `fades`: see `effective_fades`."""
    first = max(0, clip.start - window_start)
    last = min(window_samples, clip.end - window_start)
    if last <= first:
        return None
    fade_in, fade_out = fades
    if fade_in is not None:
        in_start = clip.start - window_start + fade_in.start
        fade_in = Fade(in_start, fade_in.ramp) if in_start + fade_in.ramp.length > 0 else None
    if fade_out is not None:
        out_start = clip.end - window_start + fade_out.start
        fade_out = Fade(out_start, fade_out.ramp) if out_start < window_samples else None
    position = clip.offset + window_start - clip.start
    return Source(clip.media, channel, position, first, last, fade_in, fade_out)


def read_source(source: Source, window_samples: int, reader: AudioReader) -> Array:
    """The window's samples `(window_samples,)`: trimmed and faded audio, zeros elsewhere."""
    count = source.last - source.first
    audio = reader.read(source.media, source.channel, source.position + source.first, count)
    if source.fade_in is not None:
        audio *= _ramp(source.fade_in.ramp, source.first - source.fade_in.start, count)
    if source.fade_out is not None:
        end = source.fade_out.start + source.fade_out.ramp.length
        audio *= _ramp(source.fade_out.ramp, end - source.last, count)[::-1]
    if count == window_samples:
        return audio
    window = np.zeros(window_samples, np.float32)
    window[source.first : source.last] = audio
    return window


def effective_fades(track: Track, media: Mapping[str, Media]) -> dict[int, Fades]:
    """The fades of the clips of a track that are not muted, by clip id.

    A clip's own fade takes precedence. Where two clips overlap, the end of the first and the start of the second are
    crossfaded. An edge that cuts into the audio of a file gets a de-click fade; the natural start and end of a file
    need none (a fade would soften the attack of a drum at sample 0). Parts of a split that still touch are faded as the
    one clip that they are together.
    """
    joined = _joined([clip for clip in track.clips if not clip.mute])
    wholes = sorted({whole.id: whole for _, whole in joined}.values(), key=lambda whole: (whole.start, whole.id))
    ins, outs = _crossfades(wholes)
    fades: dict[int, Fades] = {}
    for clip, whole in joined:
        known = media.get(whole.media)
        whole_end = known is not None and whole.offset + whole.length >= known.length
        short = FadeRamp(min(whole.length, declick_samples(rate_of(whole.media))))
        if whole.fade_in:
            ramp_in: FadeRamp | None = FadeRamp(whole.fade_in, whole.fade_in_shape)
        else:
            ramp_in = ins.get(whole.id, short if whole.offset > 0 else None)
        if whole.fade_out:
            ramp_out: FadeRamp | None = FadeRamp(whole.fade_out, whole.fade_out_shape)
        else:
            ramp_out = outs.get(whole.id, None if whole_end else short)
        before, after = clip.start - whole.start, whole.end - clip.end
        fades[clip.id] = (
            Fade(-before, ramp_in) if ramp_in is not None and before < ramp_in.length else None,
            Fade(after - ramp_out.length, ramp_out) if ramp_out is not None and after < ramp_out.length else None,
        )
    return fades


def _joined(clips: Sequence[Clip]) -> list[tuple[Clip, Clip]]:
    """Each clip, and the one that it makes with the parts before and after it that continue its audio at its gain.

    Its fades are those of the first and the last part. Clips are sorted by start.
    """
    ends: dict[object, Clip] = {}
    starts: dict[object, Clip] = {}
    for clip in clips:
        if not clip.fade_in:
            starts.setdefault((clip.media, clip.start, clip.offset, clip.gain), clip)
        if not clip.fade_out:
            ends.setdefault((clip.media, clip.end, clip.offset + clip.length, clip.gain), clip)
    firsts: dict[int, Clip] = {}
    for clip in clips:
        before = None if clip.fade_in else ends.get((clip.media, clip.start, clip.offset, clip.gain))
        firsts[clip.id] = clip if before is None else firsts[before.id]
    lasts: dict[int, Clip] = {}
    for clip in reversed(clips):
        end = clip.media, clip.end, clip.offset + clip.length, clip.gain
        after = None if clip.fade_out else starts.get(end)
        lasts[clip.id] = clip if after is None else lasts[after.id]
    wholes: dict[tuple[int, int], Clip] = {}
    found = []
    for clip in clips:
        first, last = firsts[clip.id], lasts[clip.id]
        whole = clip if first is last else wholes.get((first.id, last.id))
        if whole is None:
            fade_out = {"fade_out": last.fade_out, "fade_out_shape": last.fade_out_shape}
            whole = replace(first, id=clip.id, length=last.end - first.start, **fade_out)
            wholes[first.id, last.id] = whole
        found.append((clip, whole))
    return found


def _crossfades(clips: Sequence[Clip]) -> tuple[dict[int, FadeRamp], dict[int, FadeRamp]]:
    """Fade-ins and fade-outs, by clip id, where a clip starts before another has ended, and ends after it.

    The fades are linear (amplitudes add) where both play the same audio in sync, else equal-power.
    """
    ins: dict[int, FadeRamp] = {}
    outs: dict[int, FadeRamp] = {}
    for index, first in enumerate(clips):
        for later in range(index + 1, len(clips)):
            second = clips[later]
            if second.start >= first.end:
                break  # clips are sorted by start
            if first.start < second.start and first.end < second.end:
                in_sync = (first.media, first.start - first.offset) == (second.media, second.start - second.offset)
                ramp = FadeRamp(first.end - second.start, "linear" if in_sync else "equal-power")
                outs[first.id] = max(outs.get(first.id, ramp), ramp, key=lambda ramp: ramp.length)
                ins[second.id] = max(ins.get(second.id, ramp), ramp, key=lambda ramp: ramp.length)
    return ins, outs


def rise_of(shares: npt.NDArray[np.float64], shape: FadeShape) -> npt.NDArray[np.float64]:
    """The factors of a fade in at these shares of its length: 0 before it, 1 after it."""
    rise = np.clip(shares, 0.0, 1.0)
    if shape == "equal-power":
        return np.sin(rise * (np.pi / 2.0))
    return 0.5 - 0.5 * np.cos(rise * np.pi) if shape == "s-curve" else rise


def _ramp(ramp: FadeRamp, offset: int, count: int) -> Array:
    """`count` values of a rising ramp, from its sample `offset` on; 0 before and 1 after it."""
    position = np.arange(offset, offset + count)  # integers: float32 cannot count samples beyond six minutes
    return rise_of((position + 0.5) / ramp.length, ramp.shape).astype(np.float32)
