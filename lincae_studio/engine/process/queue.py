"""The queue of requested chunks: what is heard next comes first. Thread-safe; used inside the engine process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from typing import Literal, get_args

from lincae_studio.engine.planning.plan import Chunk

#: What a chunk is requested for: playback, an export, or analysis (latents of a track, measurements).
Priority = Literal["live", "export", "analysis"]

PRIORITIES: tuple[Priority, ...] = get_args(Priority)

#: Live chunks, or batches of them, taken in a row while chunks with other priorities wait.
_LIVE_PER_OTHER = 4

#: Start and end of a loop, in timeline samples.
Loop = tuple[int, int]


def urgency(chunk: Chunk, playhead: int, loop: Loop | None = None) -> tuple[int, int]:
    """Sort key for live chunks: first those ahead of the playhead (timeline samples), nearest first, then those behind.

    While the playhead is in a loop, its end is followed by its start; chunks outside the loop come later.
    """
    owner = chunk.grid.owner
    here, index = owner(playhead), chunk.index
    if loop is not None and loop[0] <= playhead < loop[1]:
        first, last = owner(loop[0]), owner(loop[1] - 1)
        if first <= index <= last:
            return 0, index - here if index >= here else last - here + 1 + index - first
    else:
        last = here - 1
    return (1, index) if index > last else (2, -index)


def _one_at_a_time(_chunk: Chunk) -> int:
    return 1


class ChunkQueue:
    """Live chunks in order of `urgency`, export chunks in timeline order, analysis chunks in order of request.

    While any wait, every fifth turn goes to export and analysis, alternately, so that they make progress while live
    chunks keep coming.

    A result may be on its way when its chunk is requested again. So results are numbered, requests carry the number of
    results their sender had received, and requests for chunks that are being rendered or delivered are ignored.
    """

    def __init__(self) -> None:
        self._waiting: dict[Priority, dict[str, Chunk]] = {priority: {} for priority in PRIORITIES}
        self._playhead = 0
        self._loop: Loop | None = None
        self._live_in_a_row = 0
        self._last_other: Priority = "analysis"
        self._alone: set[str] = set()
        #: Keys of the chunks that are being rendered.
        self._taken: set[str] = set()
        #: Numbers of the results, by key, that the client may not have received yet.
        self._results: dict[str, int] = {}
        self._count = 0
        self._changed = threading.Condition()

    def add(self, chunks: Iterable[Chunk], priority: Priority, seen: int = 0, alone: Collection[str] = ()) -> None:
        """Add requests.

        Args:
            seen: number of results that the sender had received.
            alone: keys of chunks that must not be batched with others.
        """
        with self._changed:
            self._results = {key: number for key, number in self._results.items() if number > seen}
            in_progress = self._taken | self._results.keys()
            requests = {chunk.key: chunk for chunk in chunks if chunk.key not in in_progress}
            self._waiting[priority].update(requests)
            self._alone.update(alone)
            self._changed.notify()

    def drop(self, keys: Iterable[str], priority: Priority) -> None:
        with self._changed:
            for key in keys:
                self._waiting[priority].pop(key, None)

    def set_playhead(self, sample: int, loop: Loop | None = None) -> None:
        with self._changed:
            self._playhead, self._loop = sample, loop

    def take(self, timeout_s: float | None = None, batch: Callable[[Chunk], int] = _one_at_a_time) -> tuple[Chunk, ...]:
        """Wait for the next chunks and return them; none after the timeout.

        Args:
            batch: the best number of chunks to take at once with a given one; all have the same codec, grid and seed.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: any(self._waiting.values()), timeout_s):
                return ()
            order = self._in_order(self._next_priority())
            first = order[0]
            taken = [first]
            if first.key not in self._alone:
                limit = batch(first)
                compatible = (chunk for chunk in order[1:] if _can_batch(chunk, first) and chunk.key not in self._alone)
                taken += [chunk for _, chunk in zip(range(limit - 1), compatible, strict=False)]
            for chunk in taken:
                for waiting in self._waiting.values():
                    waiting.pop(chunk.key, None)
                self._taken.add(chunk.key)
            return tuple(taken)

    def _next_priority(self) -> Priority:
        """The priority whose turn it is; at least one chunk must be waiting."""
        others: list[Priority] = [priority for priority in ("export", "analysis") if self._waiting[priority]]
        if self._waiting["live"] and not (others and self._live_in_a_row >= _LIVE_PER_OTHER):
            self._live_in_a_row = self._live_in_a_row + 1 if others else 0
            return "live"
        self._live_in_a_row = 0
        self._last_other = next((priority for priority in others if priority != self._last_other), others[0])
        return self._last_other

    def _in_order(self, priority: Priority) -> list[Chunk]:
        waiting = list(self._waiting[priority].values())
        if priority == "live":
            waiting.sort(key=lambda chunk: urgency(chunk, self._playhead, self._loop))
        elif priority == "export":
            waiting.sort(key=lambda chunk: chunk.index)
        return waiting

    def done(self, key: str) -> None:
        """Mark a taken chunk as rendered or failed. Must be called before its result is sent, in the same order."""
        with self._changed:
            self._taken.discard(key)
            self._count += 1
            self._results[key] = self._count


def _can_batch(one: Chunk, other: Chunk) -> bool:
    return (one.codec, one.grid, one.seed) == (other.codec, other.grid, other.seed)
