"""The ring buffer against a plain list."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, strategies as st

from lincae_studio.playback.ring import RingBuffer

CAPACITY = 13

OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["write", "write", "read", "read", "discard"]), st.integers(0, 17)), max_size=60
)


@given(OPERATIONS)
def test_it_behaves_as_a_queue_of_bounded_length(operations: list[tuple[str, int]]) -> None:
    ring = RingBuffer(CAPACITY)
    queue: list[float] = []
    ever = 0
    passed = 0
    for operation, count in operations:
        assert ring.free == min(CAPACITY - len(queue), 2 * CAPACITY - (ever - passed))
        assert ring.ready == len(queue)
        if operation == "write":
            count = min(count, ring.free)
            block = np.arange(ever + 1, ever + count + 1, dtype=np.float32)
            ring.write(np.stack([block, -block], axis=1))
            queue.extend(block)
            ever += count
        elif operation == "discard":
            ring.discard()
            queue.clear()
        else:
            out = np.full((count, 2), 99.0, np.float32)
            had = ring.read_into(out)
            expected, queue = queue[:count], queue[count:]
            assert had == len(expected)
            np.testing.assert_array_equal(out[:had, 0], expected)
            np.testing.assert_array_equal(out[:, 1], -out[:, 0])
            assert not out[had:].any(), "missing frames are silence"
            passed = ring.written - len(queue)
            assert ring.consumed == passed
        assert ring.written == ever


def test_a_seek_within_a_read_does_not_overwrite_what_is_read() -> None:
    ring = RingBuffer(8)
    ring.write(np.ones((8, 2), np.float32))

    class Interrupted(np.ndarray):
        """Samples whose first assignment finds the feeder at work."""

        def __setitem__(self, key: Any, value: Any) -> None:
            if ring.written == 8:
                ring.discard()
                ring.write(np.full((ring.free, 2), 2.0, np.float32))
            super().__setitem__(key, value)

    out = np.zeros((8, 2), np.float32).view(Interrupted)
    assert ring.read_into(out) == 8
    assert ring.written > 8, "the feeder was at work"
    assert set(np.asarray(out).ravel()) == {1.0}


def test_what_was_discarded_is_never_heard() -> None:
    ring = RingBuffer(8)
    ring.write(np.ones((6, 2), np.float32))
    out = np.zeros((2, 2), np.float32)
    assert ring.read_into(out) == 2
    ring.discard()
    assert ring.free == 8
    ring.write(np.full((8, 2), 2.0, np.float32))
    out = np.zeros((10, 2), np.float32)
    assert ring.read_into(out) == 8
    assert set(out[:8].ravel()) == {2.0}
    assert ring.consumed == ring.written == 14
