"""The ring buffer against a plain list."""

from __future__ import annotations

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
    for operation, count in operations:
        assert ring.free == CAPACITY - len(queue)
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
            assert ring.consumed == ring.written - len(queue)
        assert ring.written == ever


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
