"""Snapping of edges on the timeline. No state of its own.

Clip edges, markers and the playhead take priority over grid lines: where lines are close together, every position is
near one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from msgspec import Struct

from lincae_studio.preferences import SnapTarget
from lincae_studio.session.model import Session

#: Distance within which edges snap.
SNAP_PX = 8


class Lines(Struct, frozen=True):
    """Equally spaced positions, in samples."""

    step: float
    origin: float = 0.0

    def nearest(self, place: float) -> int:
        """The non-negative line nearest to a position."""
        number = round((place - self.origin) / self.step)
        while round(self.origin + number * self.step) < 0:
            number += 1
        return round(self.origin + number * self.step)


class Snapping(Struct, frozen=True):
    """Positions and lines that edges snap to; a move may also snap to a multiple of `steps`."""

    targets: tuple[int, ...] = ()
    lines: tuple[Lines, ...] = ()
    steps: int = 0

    def correction(self, edges: Sequence[int], within_samples: float, moved_by: int | None = None) -> int:
        """The shift that snaps an edge to the nearest target; 0 if none is close enough.

        Args:
            edges: their unsnapped positions; only the first one snaps to lines.
            within_samples: the largest shift; 0 for no snapping.
            moved_by: how far the edges have been moved, if they are moved together.
        """
        if within_samples <= 0.0:
            return 0
        to_targets = [target - edge for edge in edges for target in self.targets]
        nearest = min(to_targets, key=abs, default=None)
        if nearest is not None and abs(nearest) <= within_samples:
            return nearest
        to_lines = [lines.nearest(edges[0]) - edges[0] for lines in self.lines]
        if self.steps and moved_by is not None:
            to_lines.append(round(moved_by / self.steps) * self.steps - moved_by)
        nearest = min(to_lines, key=abs, default=None)
        return nearest if nearest is not None and abs(nearest) <= within_samples else 0


@dataclass
class SnapSettings:
    """The snap settings of the window; holding Shift inverts `on`.

    Attributes:
        kinds: the kinds of targets, from the preferences.
        ticks: returns the finest visible lines of the ruler.
        hop, step: return the samples per latent frame and per step of the chunk grid.
        playhead: returns its position.
    """

    ticks: Callable[[], Lines]
    hop: Callable[[], int]
    step: Callable[[], int]
    playhead: Callable[[], int]
    on: bool = True
    kinds: Collection[SnapTarget] = ("clips", "playhead", "markers")

    def snapping(self, session: Session, moving: Collection[int] = (), moves_clips: bool = False) -> Snapping:
        """The snapping for a drag of the clips `moving`, which do not snap to themselves."""
        places = {0}
        if "clips" in self.kinds:
            places |= {edge for clip in session.clips() if clip.id not in moving for edge in (clip.start, clip.end)}
        if "playhead" in self.kinds:
            places.add(self.playhead())
        if "markers" in self.kinds:
            places |= {at for marker in session.markers for at in (marker.at, marker.end)}
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

    def within(self, samples_per_px: float, inverted: bool) -> float:
        """The snap distance in samples; 0 if snapping is off. `inverted`: whether Shift is held."""
        return SNAP_PX * samples_per_px if self.on != inverted else 0.0
