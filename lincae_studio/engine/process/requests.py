"""The chunks requested from the engine process: which were sent, and which to send next. The client's lock guards it.

Only the most urgent chunks are sent, enough to keep the process busy, so that no edit sends a whole session.
"""

from __future__ import annotations

import bisect
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator

from lincae_studio.engine.planning.plan import Chunk
from lincae_studio.engine.process import messages
from lincae_studio.engine.process.queue import PRIORITIES, Priority, urgency

#: The number of chunks of each priority that the process holds at a time, out of all requested.
_SENT_AT_ONCE = 32

#: Chunks in one message: between two messages, other threads can run.
_SENT_IN_ONE = 4

#: Up to this many chunks that are no longer requested may stay in the sorted list.
_REMOVED_ALLOWED = 32

#: A chunk during which the engine crashed this many times is not tried again.
CRASHES_ALLOWED = 2


class Requests:
    """Requested chunks by priority.

    Attributes:
        playhead: the playback position; what is heard next is sent first.
        crashes: how many times the engine crashed while rendering a chunk, by key.
    """

    def __init__(self) -> None:
        self.playhead = messages.Playhead(0)
        self.crashes: Counter[str] = Counter()
        self._requested: dict[Priority, dict[str, Chunk]] = {priority: {} for priority in PRIORITIES}
        self._ordered: dict[Priority, list[Chunk] | None] = dict.fromkeys(PRIORITIES)
        #: Whether requests have changed since chunks were last sent, and the key of the chunk that was then sent alone.
        self._changed = dict.fromkeys(PRIORITIES, True)
        self._first = dict.fromkeys(PRIORITIES, "")
        self._sent: dict[Priority, set[str]] = {}
        #: The number of results that came from this process.
        self._seen = 0
        self.restart()

    def replace(self, chunks: Iterable[Chunk], priority: Priority) -> None:
        """Replace the requests of a priority, leaving out chunks during which the engine crashed too often."""
        self._requested[priority] = {chunk.key: chunk for chunk in chunks if self.crashes[chunk.key] < CRASHES_ALLOWED}
        self._changed[priority] = True
        self._ordered[priority] = None

    def remove(self, key: str, seen: bool) -> None:
        """Remove the request for a chunk; `seen` if its result came from this process."""
        self._seen += seen
        for priority in PRIORITIES:
            self._requested[priority].pop(key, None)
            self._sent[priority].discard(key)

    def restart(self) -> None:
        """Start over with a new process, which has received nothing."""
        self._sent = {priority: set() for priority in PRIORITIES}
        self._seen = 0

    def take_pending(self) -> list[messages.ToEngine]:
        """The messages to send now; their chunks are marked as sent."""
        pending: list[messages.ToEngine] = []
        for priority in PRIORITIES:
            added, dropped = self._due(priority)
            if not added and not dropped:
                continue
            kept = self._sent[priority] - dropped
            if added and not kept and self._changed[priority]:
                self._first[priority] = added[0].key
            self._changed[priority] = self._changed[priority] and not added
            alone = tuple(chunk.key for chunk in added if self.crashes[chunk.key])
            pending.append(messages.Request(priority, tuple(added), tuple(dropped), self._seen, alone))
            self._sent[priority] = kept.union(chunk.key for chunk in added)
        return pending

    def _due(self, priority: Priority) -> tuple[list[Chunk], set[str]]:
        """Chunks to send, and keys of sent ones to drop.

        After an edit the first chunk is sent alone, and the others once its result is back, so that the process does
        not spend time on messages while it renders what is heard next.
        """
        requested, sent = self._requested[priority], self._sent[priority]
        if not requested:
            return [], sent
        kept = sent & requested.keys()
        # The other priorities also wait for what is heard next.
        before: tuple[Priority, ...] = ("live", priority)
        if any(self._first[one] in self._sent[one] & self._requested[one].keys() for one in before):
            return [], sent - kept
        if not kept and self._changed[priority]:
            return [next(self.in_order(priority))], sent
        nearest = {chunk.key: chunk for chunk in itertools.islice(self.in_order(priority), _SENT_AT_ONCE)}
        return [chunk for key, chunk in nearest.items() if key not in sent][:_SENT_IN_ONE], sent - nearest.keys()

    def in_order(self, priority: Priority) -> Iterator[Chunk]:
        """The requested chunks, most urgent first, in the order of the queue. Sorted only when requests change."""
        requested, ordered = self._requested[priority], self._ordered[priority]
        if priority == "analysis":
            return iter(requested.values())
        if ordered is None or len(ordered) > 2 * len(requested) + _REMOVED_ALLOWED:
            ordered = self._ordered[priority] = sorted(requested.values(), key=lambda chunk: chunk.index)
        sample, loop = self.playhead.sample, self.playhead.loop
        if priority == "export" or not ordered:
            found: Iterable[Chunk] = ordered
        elif loop is not None:
            found = sorted(ordered, key=lambda chunk: urgency(chunk, sample, loop))
        else:
            here = bisect.bisect_left(ordered, ordered[0].grid.owner(sample), key=lambda chunk: chunk.index)
            behind = (ordered[place] for place in range(here - 1, -1, -1))
            found = itertools.chain(itertools.islice(ordered, here, None), behind)
        return (chunk for chunk in found if chunk.key in requested)
