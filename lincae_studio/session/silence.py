"""Taking silence out of clips: what is kept of the sound that was found in them. Pure functions.

Where there is sound is found by `media/measuring.py`; spans are samples `[start, end)` of the timeline.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from lincae_studio.errors import EditError
from lincae_studio.session.edits import sorted_clips
from lincae_studio.session.model import Clip, Session
from lincae_studio.session.ripple import Span, merged
from lincae_studio.session.time_edits import TimeRange, outside


class Stripping(Struct, frozen=True):
    """What counts as silence, and how much of it stays.

    Attributes:
        threshold_db: in dBFS; what is louder is sound.
        silence_s: the shortest silence that is taken out, in seconds.
        sound_s: the shortest sound that is kept; less counts as silence.
        before_s, after_s: how much of the silence before and after a sound stays.
    """

    threshold_db: float = -48.0
    silence_s: float = 0.25
    sound_s: float = 0.05
    before_s: float = 0.01
    after_s: float = 0.1


def whole(session: Session, clip_ids: Collection[int]) -> dict[int, tuple[Span, ...]]:
    """The time of clips, by id."""
    return {clip.id: ((clip.start, clip.end),) for _, clip in session.clips_of(clip_ids)}


def within(session: Session, time: TimeRange) -> dict[int, tuple[Span, ...]]:
    """The parts of clips that are in selected time, by id."""
    track_ids, found = time.on(session), {}
    for track in session.tracks:
        for clip in track.clips if track.id in track_ids else ():
            spans = [(max(clip.start, start), min(clip.end, end)) for start, end in time.spans]
            found[clip.id] = merged(spans)
    return {clip_id: spans for clip_id, spans in found.items() if spans}


def silences(sounds: Iterable[Span], scope: Span, stripping: Stripping, rate: int) -> tuple[Span, ...]:
    """What is taken out of a span of time in which there are sounds; those are apart by `silence_s` at least."""
    shortest, before, after = (
        round(seconds * rate) for seconds in (stripping.sound_s, stripping.before_s, stripping.after_s)
    )
    kept = merged((start - before, end + after) for start, end in sounds if end - start >= shortest)
    found, at = [], scope[0]
    for start, end in kept:
        found.append((at, min(start, scope[1])))
        at = max(at, end)
    return merged([*found, (at, scope[1])])


def strip(session: Session, silent: Mapping[int, Sequence[Span]]) -> Session:
    """Take spans out of clips, by id: what is left of a clip are clips of their own, and nothing moves.

    Raises:
        EditError: when there is nothing to take out, or nothing would be left of any clip.
    """
    session.clips_of(silent)
    next_id, tracks, left = session.next_id, [], 0
    for track in session.tracks:
        clips: list[Clip] = []
        for clip in track.clips:
            parts = outside(clip, silent.get(clip.id, ()))
            left += len(parts) if clip.id in silent else 0
            clips += parts[:1]
            for part in parts[1:]:
                clips.append(replace(part, id=next_id))
                next_id += 1
        same = tuple(clips) == track.clips
        tracks.append(track if same else replace(track, clips=sorted_clips(tuple(clips))))
    if not left:
        raise EditError("the clips have nothing louder than the threshold", "Choose a lower threshold")
    if not any(silent.values()):
        raise EditError("there is no silence to take out", "Choose a higher threshold, or a shorter silence")
    return replace(session, tracks=tuple(tracks), next_id=next_id)
