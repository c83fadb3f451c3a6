"""A source: one channel of a clip within one window, described by content so that it can be cached and moved.

The clip's audio is cut, faded and placed into the window, zeros elsewhere. Cuts and fades are exact to the sample since
they happen before encoding, and they are part of a source only where they lie in its window: trimming a clip's end
leaves the sources of its middle as they were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Protocol

import msgspec
import numpy as np
from msgspec import Struct

from lincae_studio.codecs.base import Array
from lincae_studio.session.model import SESSION_RATE, Clip, Media, Track

#: Fade at edges that cut into a media's audio, so that they do not click.
DECLICK_SAMPLES = SESSION_RATE * 5 // 1000


class Fade(Struct, frozen=True, array_like=True, gc=False):
    """A linear ramp over `length` samples that starts at window position `start` (which may be negative)."""

    start: int
    length: int


class Source(Struct, frozen=True, array_like=True, gc=False):
    """What a window holds of one channel of one clip.

    Attributes:
        media: digest of the media.
        channel: 0 or 1.
        position: sample of the media at the window's first sample; may be negative.
        first, last: the window positions `[first, last)` that the clip fills.
        fade_in, fade_out: ramps that reach into the window, if any.
    """

    media: str
    channel: int
    position: int
    first: int
    last: int
    fade_in: Fade | None = None
    fade_out: Fade | None = None


class Placement(Struct, frozen=True):
    """All that sources depend on of a clip, but its fades: a window on a media, placed on the timeline."""

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
    """Where sources find their audio; the media store's `read` by digest."""

    def read(self, digest: str, channel: int, start: int, count: int) -> Array:
        """`count` samples of one channel from `start` on, zeros outside the media."""
        ...


def key_of(source: Source, window_samples: int, codec_identity: str) -> str:
    """The address of a source's latents: equal keys mean equal latents."""
    content = msgspec.msgpack.encode((codec_identity, window_samples, source))
    return hashlib.blake2b(content, digest_size=20).hexdigest()


def source_of(
    clip: Placement, channel: int, fades: tuple[int, int], window_start: int, window_samples: int
) -> Source | None:
    """What a window sees of a clip's channel, or None. `fades`: effective lengths from `effective_fades`."""
    first = max(0, clip.start - window_start)
    last = min(window_samples, clip.end - window_start)
    if last <= first:
        return None
    fade_in_samples, fade_out_samples = fades
    in_start = clip.start - window_start
    out_start = clip.end - fade_out_samples - window_start
    fade_in = Fade(in_start, fade_in_samples) if fade_in_samples and in_start + fade_in_samples > 0 else None
    fade_out = Fade(out_start, fade_out_samples) if fade_out_samples and out_start < window_samples else None
    position = clip.offset + window_start - clip.start
    return Source(clip.media, channel, position, first, last, fade_in, fade_out)


def read_source(source: Source, window_samples: int, reader: AudioReader) -> Array:
    """The window's samples `(window_samples,)`: cut and faded audio, zeros elsewhere."""
    window = np.zeros(window_samples, np.float32)
    count = source.last - source.first
    audio = reader.read(source.media, source.channel, source.position + source.first, count)
    if source.fade_in:
        audio *= _ramp(source.first - source.fade_in.start, count, source.fade_in.length)
    if source.fade_out:
        end = source.fade_out.start + source.fade_out.length
        audio *= _ramp(end - source.last, count, source.fade_out.length)[::-1]
    window[source.first : source.last] = audio
    return window


def effective_fades(track: Track, media: Mapping[str, Media]) -> dict[int, tuple[int, int]]:
    """Fade lengths of each clip of a track by clip id: its own, or the de-click where an edge cuts into the media.

    The natural start and end of a file need no de-click (it would take the attack of a drum at sample 0), nor do the
    two sides of a split whose parts still touch.
    """
    starts = {(clip.media, clip.start, clip.offset, clip.gain) for clip in track.clips if not clip.fade_in}
    ends = {(clip.media, clip.end, clip.offset + clip.length, clip.gain) for clip in track.clips if not clip.fade_out}
    fades = {}
    for clip in track.clips:
        cut_in = clip.offset > 0 and (clip.media, clip.start, clip.offset, clip.gain) not in ends
        clip_end = clip.offset + clip.length
        known = media.get(clip.media)
        whole_end = known is not None and clip_end >= known.length
        cut_out = not whole_end and (clip.media, clip.end, clip_end, clip.gain) not in starts
        fades[clip.id] = (
            clip.fade_in or (min(DECLICK_SAMPLES, clip.length) if cut_in else 0),
            clip.fade_out or (min(DECLICK_SAMPLES, clip.length) if cut_out else 0),
        )
    return fades


def _ramp(offset: int, count: int, length: int) -> Array:
    """`count` values of a linear rise over `length` samples, from its sample `offset` on; 1 after its end."""
    position = np.arange(offset, offset + count)  # whole numbers: float32 cannot count samples beyond six minutes
    return np.clip((position + 0.5) / length, 0.0, 1.0).astype(np.float32)
