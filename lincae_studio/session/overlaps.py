"""Clips that lie over others on their track. Pure functions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from lincae_studio.session.model import Session
from lincae_studio.session.times import count_of


@dataclass(frozen=True)
class Overlaps:
    """The clips that others lie over.

    Attributes:
        crossfaded: ids of those that begin before the other and end in it, or the other way round.
        summed: ids of those that lie within the other or around it, so that both are heard.
    """

    crossfaded: frozenset[int] = frozenset()
    summed: frozenset[int] = frozenset()

    @property
    def text(self) -> str:
        """What is heard, as a sentence; empty without overlaps."""
        below = self.crossfaded | self.summed
        if not below:
            return ""
        if not self.summed:
            heard = "crossfaded where they overlap"
        elif not self.crossfaded:
            heard = "both are heard"
        else:
            heard = "both are heard, crossfaded where only the ends overlap"
        return f"over {count_of(len(below), 'clip')}: {heard}. To replace what was there, delete it"


def overlaps(session: Session, above: Collection[int]) -> Overlaps:
    """What the clips `above` lie over; muted clips do not count."""
    crossfaded: set[int] = set()
    summed: set[int] = set()
    for track in session.tracks:
        clips = [clip for clip in track.clips if not clip.mute]
        for new in (clip for clip in clips if clip.id in above):
            for old in clips:
                if old.id in above or old.end <= new.start or new.end <= old.start:
                    continue
                first, second = sorted((old, new), key=lambda clip: clip.start)
                in_turn = first.start < second.start and first.end < second.end
                (crossfaded if in_turn else summed).add(old.id)
    return Overlaps(frozenset(crossfaded - summed), frozenset(summed))
