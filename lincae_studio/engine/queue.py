"""The queue of wanted chunks: what is heard next comes first. Thread-safe; used inside the engine process."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from lincae_studio.engine.plan import AnyChunk, Chunk

#: Live chunks taken in a row while chunks for export wait.
_LIVE_FOR_EACH_EXPORT = 4


def urgency(chunk: AnyChunk, playhead: int) -> tuple[bool, int]:
    """Sorts live chunks: by distance ahead of the playhead (in timeline samples), then those behind it."""
    distance = chunk.index - chunk.grid.owner(playhead)
    return distance < 0, abs(distance)


class ChunkQueue:
    """Live chunks by distance ahead of the playhead, then those behind it, then chunks for export in order.

    So that an export goes on while live chunks keep coming, one chunk in five is for export while any of them waits.
    """

    def __init__(self) -> None:
        self._live: dict[str, Chunk] = {}
        self._export: dict[str, Chunk] = {}
        self._playhead = 0
        self._live_in_a_row = 0
        #: The chunk that is being rendered: a wish for it is fulfilled already.
        self._taken: str | None = None
        self._changed = threading.Condition()

    def add(self, chunks: Iterable[Chunk], live: bool) -> None:
        with self._changed:
            wishes = {chunk.key: chunk for chunk in chunks if chunk.key != self._taken}
            (self._live if live else self._export).update(wishes)
            self._changed.notify()

    def drop(self, keys: Iterable[str], live: bool) -> None:
        with self._changed:
            for key in keys:
                (self._live if live else self._export).pop(key, None)

    def set_playhead(self, sample: int) -> None:
        with self._changed:
            self._playhead = sample

    def take(self, timeout_s: float | None = None) -> Chunk | None:
        """The next chunk, waiting for one; None after the timeout."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._live or self._export, timeout_s):
                return None
            if self._live and not (self._export and self._live_in_a_row >= _LIVE_FOR_EACH_EXPORT):
                chunk = min(self._live.values(), key=lambda waiting: urgency(waiting, self._playhead))
                self._live_in_a_row = self._live_in_a_row + 1 if self._export else 0
            else:
                chunk = min(self._export.values(), key=lambda waiting: waiting.index)
                self._live_in_a_row = 0
            self._live.pop(chunk.key, None)
            self._export.pop(chunk.key, None)
            self._taken = chunk.key
            return chunk

    def done(self) -> None:
        """What was taken last is rendered, or failed; to be said before the window hears of it."""
        with self._changed:
            self._taken = None
