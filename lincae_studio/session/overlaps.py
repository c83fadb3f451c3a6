"""Clips that lie over others on their track. Pure functions."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct

from lincae_studio.session.model import Clip, Session
from lincae_studio.session.times import count_of


class Overlaps(Struct, frozen=True):
    """The clips that others lie over.

    Attributes:
        crossfaded: ids of those that begin before the other and end in it, or the other way round.
        summed: ids of those that lie within the other or around it, so that both are heard.
    """

    crossfaded: frozenset[int] = frozenset()
    summed: frozenset[int] = frozenset()

    @property
    def text(self) -> str:
        """The effect, as a sentence; empty without overlaps."""
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
    """The clips below `above`; muted clips do not count."""
    crossfaded: set[int] = set()
    summed: set[int] = set()
    for track in session.tracks:
        sounding: list[Clip] = []
        for clip in track.clips:  # by start
            if clip.mute:
                continue
            sounding = [earlier for earlier in sounding if earlier.end > clip.start]
            for earlier in sounding:
                if (clip.id in above) != (earlier.id in above):
                    old = earlier if clip.id in above else clip
                    in_turn = earlier.start < clip.start and earlier.end < clip.end
                    (crossfaded if in_turn else summed).add(old.id)
            sounding.append(clip)
    return Overlaps(frozenset(crossfaded - summed), frozenset(summed))
