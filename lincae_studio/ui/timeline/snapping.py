"""What edges snap to. No state of its own.

Things on the timeline (clips, the playhead, markers) come before lines (the ruler's ticks, latent frames): where ticks
are close together everything is near one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from lincae_studio.preferences import SnapTarget
from lincae_studio.session.model import Session

#: Edges this near snap.
SNAP_PX = 8


@dataclass(frozen=True)
class Lines:
    """Places at equal distances, in samples."""

    step: float
    origin: float = 0.0

    def nearest(self, place: float) -> int:
        """The line nearest to a place, on the timeline."""
        number = round((place - self.origin) / self.step)
        while round(self.origin + number * self.step) < 0:
            number += 1
        return round(self.origin + number * self.step)


@dataclass(frozen=True)
class Snapping:
    """Places and lines that edges stick to; what moves may also stick to a distance of whole `steps`."""

    targets: tuple[int, ...] = ()
    lines: tuple[Lines, ...] = ()
    steps: int = 0

    def correction(self, edges: Sequence[int], within_samples: float, moved_by: int | None = None) -> int:
        """How far to shift so that an edge meets what it snaps to; 0 when nothing is near.

        Args:
            edges: where they would be; lines hold the first one only.
            within_samples: what counts as near; 0 for nothing.
            moved_by: how far the edges have been moved, if they are moved together.
        """
        if within_samples <= 0.0:
            return 0
        to_things = [target - edge for edge in edges for target in self.targets]
        nearest = min(to_things, key=abs, default=None)
        if nearest is not None and abs(nearest) <= within_samples:
            return nearest
        to_lines = [lines.nearest(edges[0]) - edges[0] for lines in self.lines]
        if self.steps and moved_by is not None:
            to_lines.append(round(moved_by / self.steps) * self.steps - moved_by)
        nearest = min(to_lines, key=abs, default=None)
        return nearest if nearest is not None and abs(nearest) <= within_samples else 0


@dataclass
class SnapSettings:
    """What is snapped to, as the window knows it; `on` is turned about while Shift is held.

    Attributes:
        kinds: as preferred.
        ticks: the ruler's finest lines that are drawn.
        hop, step: samples of a latent frame, and of a step of the chunk grid.
        playhead: where it is.
    """

    ticks: Callable[[], Lines]
    hop: Callable[[], int]
    step: Callable[[], int]
    playhead: Callable[[], int]
    on: bool = True
    kinds: Collection[SnapTarget] = ("clips", "playhead", "markers")

    def snapping(self, session: Session, moving: Collection[int] = (), moves_clips: bool = False) -> Snapping:
        """For a drag of the clips `moving`, which do not snap to themselves."""
        places = {0}
        if "clips" in self.kinds:
            places |= {edge for clip in session.clips() if clip.id not in moving for edge in (clip.start, clip.end)}
        if "playhead" in self.kinds:
            places.add(self.playhead())
        if "markers" in self.kinds:
            places |= {marker.at for marker in session.markers}
            if session.loop is not None:
                places |= {session.loop.start, session.loop.end}
        lines = []
        if "grid" in self.kinds:
            lines.append(self.ticks())
        if "frames" in self.kinds:
            lines.append(Lines(self.hop()))
        by_steps = "steps" in self.kinds
        if by_steps and not moves_clips:
            lines.append(Lines(self.step()))
        return Snapping(tuple(sorted(places)), tuple(lines), self.step() if by_steps and moves_clips else 0)

    def within(self, samples_per_px: float, turned: bool) -> float:
        """How near is near, in samples: nothing is while snapping is off."""
        return SNAP_PX * samples_per_px if self.on != turned else 0.0
