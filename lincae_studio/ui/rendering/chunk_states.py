"""The states of the audible chunks of a plan, as arrays, so that painting a session of hours is a few operations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from lincae_studio.engine.rendering.render_store import ChunkState

Indices = npt.NDArray[np.int64]
Looks = npt.NDArray[np.uint8]


class ChunkStates:
    """States by index, in the order of `Chunks.audible`; silence is not stored.

    Attributes:
        indices: the indices `(n,)` of the audible chunks, in ascending order.
        states: their `ChunkState`s as numbers.
    """

    def __init__(self, states: Mapping[int, ChunkState]) -> None:
        """`states`: of the audible chunks by index, in their order."""
        self.indices: Indices = np.fromiter(states.keys(), np.int64, len(states))
        self.states: Looks = np.fromiter(states.values(), np.uint8, len(states))

    @property
    def rendered(self) -> int:
        """The number of rendered chunks."""
        return int(np.count_nonzero(self.states == ChunkState.RENDERED))

    @property
    def previewed(self) -> int:
        """The number of chunks that have a preview only."""
        return int(np.count_nonzero(self.states == ChunkState.PREVIEWED))

    def set(self, index: int, state: ChunkState) -> bool:
        """Set the state of an audible chunk. False if it had that state."""
        place = np.searchsorted(self.indices, index)
        changed = bool(self.states[place] != state)
        self.states[place] = state
        return changed

    def runs(
        self, first: int, last: int, together: int, merged: bool, looks: Looks | None = None
    ) -> list[tuple[int, int, int]]:
        """The audible chunks from `first` to `last` as (first, last, look).

        Args:
            together: on the grid, the first audible one of this number of neighbours stands for all of them.
            merged: whether neighbours that look alike are one, also across gaps of less than `together` chunks.
            looks: what each audible chunk looks like; its state if None.
        """
        looks = self.states if looks is None else looks
        begin, end = np.searchsorted(self.indices, (first // together * together, last + 1))
        groups = self.indices[begin:end] // together
        starts = np.flatnonzero(np.diff(groups, prepend=-1))
        firsts, lasts = self.indices[begin:end][starts], (groups[starts] + 1) * together - 1
        looks = looks[begin:end][starts]
        if merged and len(starts):
            differs = (firsts[1:] - lasts[:-1] > together) | (looks[1:] != looks[:-1])
            heads = np.flatnonzero(np.concatenate([[True], differs]))
            firsts, lasts, looks = firsts[heads], lasts[np.append(heads[1:], len(starts)) - 1], looks[heads]
        return list(zip(firsts.tolist(), lasts.tolist(), looks.tolist(), strict=True))
