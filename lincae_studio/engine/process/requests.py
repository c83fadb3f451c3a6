"""What is requested of the engine process, what of it was sent, and what is sent next. The client's lock guards it.

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

#: Chunks of each priority that the process has, out of all that are requested.
_SENT_AT_ONCE = 32

#: Chunks in one message: between two of them other threads run.
_SENT_IN_ONE = 4

#: Chunks that are no longer requested may stay in the sorted list, up to this many.
_GONE_ALLOWED = 32

#: A chunk during which the engine died this often is not tried again.
DEATHS_ALLOWED = 2


class Requests:
    """Chunks by priority.

    Attributes:
        playhead: where the sound is; what is heard next is sent first.
        deaths: how often the engine died while it rendered a chunk, by key.
    """

    def __init__(self) -> None:
        self.playhead = messages.Playhead(0)
        self.deaths: Counter[str] = Counter()
        self._requested: dict[Priority, dict[str, Chunk]] = {priority: {} for priority in PRIORITIES}
        self._ordered: dict[Priority, list[Chunk] | None] = dict.fromkeys(PRIORITIES)
        #: Whether requests have changed since something was sent, and the key of the chunk that was sent alone then.
        self._fresh = dict.fromkeys(PRIORITIES, True)
        self._first = dict.fromkeys(PRIORITIES, "")
        self._sent: dict[Priority, set[str]] = {}
        #: Results that came from this process.
        self._seen = 0
        self.restart()

    def replace(self, chunks: Iterable[Chunk], priority: Priority) -> None:
        """Request these chunks and no others of a priority, except those that the engine died of too often."""
        self._requested[priority] = {chunk.key: chunk for chunk in chunks if self.deaths[chunk.key] < DEATHS_ALLOWED}
        self._fresh[priority] = True
        self._ordered[priority] = None

    def remove(self, key: str, seen: bool) -> None:
        """A chunk is no longer requested; with `seen`, because its result came from this process."""
        self._seen += seen
        for priority in PRIORITIES:
            self._requested[priority].pop(key, None)
            self._sent[priority].discard(key)

    def restart(self) -> None:
        """There is another process, which has received nothing."""
        self._sent = {priority: set() for priority in PRIORITIES}
        self._seen = 0

    def take_pending(self) -> list[messages.ToEngine]:
        """What is to be sent now; it counts as sent."""
        pending: list[messages.ToEngine] = []
        for priority in PRIORITIES:
            added, dropped = self._due(priority)
            if not added and not dropped:
                continue
            kept = self._sent[priority] - dropped
            if added and not kept and self._fresh[priority]:
                self._first[priority] = added[0].key
            self._fresh[priority] = self._fresh[priority] and not added
            alone = tuple(chunk.key for chunk in added if self.deaths[chunk.key])
            pending.append(messages.Request(priority, tuple(added), tuple(dropped), self._seen, alone))
            self._sent[priority] = kept.union(chunk.key for chunk in added)
        return pending

    def _due(self, priority: Priority) -> tuple[list[Chunk], set[str]]:
        """Chunks to send, and keys of sent ones to drop.

        After an edit the first chunk is sent alone, and the others once its result is back: the process has no message
        to read while it renders what is heard next.
        """
        requested, sent = self._requested[priority], self._sent[priority]
        if not requested:
            return [], sent
        kept = sent & requested.keys()
        # The other priorities wait for what is heard next, too.
        before: tuple[Priority, ...] = ("live", priority)
        if any(self._first[one] in self._sent[one] & self._requested[one].keys() for one in before):
            return [], sent - kept
        if not kept and self._fresh[priority]:
            return [next(self.in_order(priority))], sent
        nearest = {chunk.key: chunk for chunk in itertools.islice(self.in_order(priority), _SENT_AT_ONCE)}
        return [chunk for key, chunk in nearest.items() if key not in sent][:_SENT_IN_ONE], sent - nearest.keys()

    def in_order(self, priority: Priority) -> Iterator[Chunk]:
        """What is requested, the most urgent first, as the queue orders it. It is sorted only when requests change."""
        requested, ordered = self._requested[priority], self._ordered[priority]
        if priority == "analysis":
            return iter(requested.values())
        if ordered is None or len(ordered) > 2 * len(requested) + _GONE_ALLOWED:
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
