"""Runs of chunks equal those that are found by visiting one chunk after the other."""

from __future__ import annotations

import random

import numpy as np
import pytest

from lincae_studio.engine.rendering.render_store import ChunkState
from lincae_studio.ui.rendering.chunk_states import ChunkStates


def visited(
    states: dict[int, ChunkState], first: int, last: int, together: int, merged: bool
) -> list[tuple[int, int, int]]:
    runs: list[tuple[int, int, int]] = []
    group = -1
    for index, state in states.items():
        if not first // together * together <= index <= last or index // together == group:
            continue
        group = index // together
        end = (group + 1) * together - 1
        if merged and runs and index - runs[-1][1] <= together and runs[-1][2] == state:
            runs[-1] = (runs[-1][0], end, state)
        else:
            runs.append((index, end, state))
    return runs


@pytest.mark.parametrize("seed", range(20))
def test_runs_are_those_of_a_visit(seed: int) -> None:
    rng = random.Random(seed)
    audible = sorted(rng.sample(range(200), rng.randrange(200)))
    expected = {index: rng.choice((ChunkState.STALE, ChunkState.RENDERED)) for index in audible}
    found = ChunkStates(expected)
    for index in rng.sample(audible, len(audible) // 4):
        expected[index] = ChunkState.FAILED
        found.set(index, ChunkState.FAILED)
    assert found.rendered == list(expected.values()).count(ChunkState.RENDERED)
    for together in (1, 2, 7):
        for merged in (False, True):
            first = rng.randrange(200)
            last = rng.randrange(first, 210)
            assert found.runs(first, last, together, merged) == visited(expected, first, last, together, merged)


def test_looks_replace_states() -> None:
    states = ChunkStates({0: ChunkState.STALE, 1: ChunkState.RENDERED, 5: ChunkState.STALE})
    assert states.runs(0, 9, 1, merged=True, looks=np.array([4, 4, 4], np.uint8)) == [(0, 1, 4), (5, 5, 4)]
