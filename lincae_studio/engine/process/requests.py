"""The chunks requested from the engine process, and which it renders next. The client's lock guards it."""

from __future__ import annotations

import bisect
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, get_args

from lincae_studio.engine.planning.plan import Chunk
from lincae_studio.engine.process.messages import PreviewMode

#: The purpose of a request: playback, an export, or analysis (latents of a track, measurements).
Priority = Literal["live", "export", "analysis"]

PRIORITIES: tuple[Priority, ...] = get_args(Priority)

#: Start and end of a loop, in timeline samples.
Loop = tuple[int, int]

#: Live chunks, or batches of them, taken in a row while requests of other priorities are pending.
_LIVE_FOR_EACH_OTHER = 4

#: The chunks from the playhead on of which there are previews: half a minute or more.
_PREVIEWED_AHEAD = 32

#: Up to this many chunks that are no longer requested may stay in the sorted list.
_REMOVED_ALLOWED = 32

#: A chunk during which the engine crashed this many times is not tried again.
CRASHES_ALLOWED = 2


class Requests:
    """Live chunks by distance ahead of the playhead, then those behind it; export by place; analysis as requested.

    One take in five is for export and analysis, in turn, while any of them is pending: they proceed while live
    chunks keep coming.

    Attributes:
        playhead: the playback position, in timeline samples.
        loop: the loop that is played, or None.
        crashes: how many times the engine crashed while rendering a chunk, by key.
        previews: whether the codec of live chunks has a preview.
    """

    def __init__(self) -> None:
        self.playhead = 0
        self.loop: Loop | None = None
        self.crashes: Counter[str] = Counter()
        self.previews = False
        #: Keys of the live chunks of which a preview was requested, and of those of which one has come.
        self._preview_requested: set[str] = set()
        self._previewed: set[str] = set()
        self._requested: dict[Priority, dict[str, Chunk]] = {priority: {} for priority in PRIORITIES}
        self._ordered: dict[Priority, list[Chunk] | None] = dict.fromkeys(PRIORITIES)
        #: Keys of the chunks that were sent and whose results have not come back.
        self._sent: set[str] = set()
        self._live_in_a_row = 0
        self._last_other: Priority = "analysis"

    def replace(self, chunks: Iterable[Chunk], priority: Priority) -> None:
        """Replace the requests of a priority, leaving out chunks during which the engine crashed too often."""
        self._requested[priority] = {chunk.key: chunk for chunk in chunks if self.crashes[chunk.key] < CRASHES_ALLOWED}
        self._ordered[priority] = None
        if priority == "live":
            for keys in (self._preview_requested, self._previewed):
                keys.intersection_update(self._requested["live"])

    def remove(self, key: str) -> None:
        """Remove the requests for a chunk that is rendered, or failed."""
        self._sent.discard(key)
        for requested in self._requested.values():
            requested.pop(key, None)

    def restart(self) -> None:
        """Start over with a new process, which has received nothing."""
        self._sent.clear()
        self._preview_requested.clear()
        self._previewed.clear()

    def take_previews(self, limit: int) -> tuple[Chunk, ...]:
        """Up to so many live chunks near the playhead of which no preview has been requested. Each is taken once."""
        if not self.previews or limit <= 0:
            return ()
        near = itertools.islice(self.in_order("live"), _PREVIEWED_AHEAD)
        taken = tuple(itertools.islice((one for one in near if one.key not in self._preview_requested), limit))
        self._preview_requested.update(chunk.key for chunk in taken)
        return taken

    def previews_with(self, chunks: Sequence[Chunk]) -> PreviewMode:
        """Whether chunks that were taken need previews, too: live ones of which none has come."""
        keys = {chunk.key for chunk in chunks} & self._requested["live"].keys()
        return "too" if self.previews and keys - self._previewed else "none"

    def note_preview(self, key: str) -> None:
        """Note that the preview of a chunk has come."""
        self._previewed.add(key)

    def take(self, batches: Mapping[str, int]) -> tuple[Chunk, ...]:
        """The chunks to render next, as one batch; they are marked as sent. Empty if none are pending.

        Args:
            batches: how many chunks of a codec may be rendered at once, by its id; 1 for others. A batch has codec,
                grid and seed in common. A chunk during which the engine crashed is never part of a larger batch.
        """
        priority = self._next_priority()
        if priority is None:
            return ()
        pending = self.in_order(priority)
        first = next(pending)
        limit = 1 if self.crashes[first.key] else batches.get(first.codec.id, 1)
        alike = (chunk for chunk in pending if _alike(chunk, first) and not self.crashes[chunk.key])
        taken = (first, *itertools.islice(alike, limit - 1))
        self._sent.update(chunk.key for chunk in taken)
        return taken

    def _next_priority(self) -> Priority | None:
        """The priority whose turn it is; None if no request is pending."""
        others: list[Priority] = [priority for priority in ("export", "analysis") if self.is_pending(priority)]
        if self.is_pending("live") and not (others and self._live_in_a_row >= _LIVE_FOR_EACH_OTHER):
            self._live_in_a_row = self._live_in_a_row + 1 if others else 0
            return "live"
        if not others:
            return None
        self._live_in_a_row = 0
        self._last_other = next((priority for priority in others if priority != self._last_other), others[0])
        return self._last_other

    def is_pending(self, priority: Priority) -> bool:
        """Whether there are requests of a priority that were not sent."""
        return any(key not in self._sent for key in self._requested[priority])

    def in_order(self, priority: Priority) -> Iterator[Chunk]:
        """The pending requests of a priority, most urgent first. They are sorted only when requests change.

        While the playhead is in the loop, its start follows its end; what is outside comes later.
        """
        requested, ordered = self._requested[priority], self._ordered[priority]
        if priority == "analysis":
            found: Iterable[Chunk] = requested.values()
        else:
            if ordered is None or len(ordered) > 2 * len(requested) + _REMOVED_ALLOWED:
                ordered = self._ordered[priority] = sorted(requested.values(), key=_index)
            found = self._from_playhead(ordered) if priority == "live" else ordered
        return (chunk for chunk in found if chunk.key in requested and chunk.key not in self._sent)

    def _from_playhead(self, ordered: Sequence[Chunk]) -> Iterable[Chunk]:
        """Chunks in their order on the timeline: from the playhead on, then backwards from it."""
        if not ordered:
            return ()
        owner = ordered[0].grid.owner

        def place(sample: int) -> int:
            return bisect.bisect_left(ordered, owner(sample), key=_index)

        here = first = place(self.playhead)
        end = len(ordered)
        if self.loop is not None and self.loop[0] <= self.playhead < self.loop[1]:
            first, end = place(self.loop[0]), bisect.bisect_right(ordered, owner(self.loop[1] - 1), key=_index)
        parts = (range(here, end), range(first, here), range(end, len(ordered)), range(first - 1, -1, -1))
        return (ordered[index] for index in itertools.chain(*parts))


def _index(chunk: Chunk) -> int:
    return chunk.index


def _alike(one: Chunk, other: Chunk) -> bool:
    return (one.codec, one.grid, one.seed) == (other.codec, other.grid, other.seed)
