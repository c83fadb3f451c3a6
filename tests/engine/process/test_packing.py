"""Arrays are packed for links between machines, and unpacked to the same bits."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from lincae_studio.codecs.base import Array
from lincae_studio.engine.process.packing import MOST_BYTES, pack, unpack

FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True, allow_subnormal=True)


@given(arrays.arrays(np.float32, arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=20), elements=FLOATS))
def test_any_values_come_back_bit_for_bit(values: Array) -> None:
    back = unpack(pack(values), values.shape)
    assert back.shape == values.shape
    assert back.tobytes() == values.tobytes()


@given(st.lists(st.integers(-(2**15), 2**15 - 1), max_size=50), st.sampled_from([16, 24]))
def test_samples_of_integers_come_back_bit_for_bit(numbers: list[int], bits: int) -> None:
    values = np.array(numbers, np.float32) / np.float32(2 ** (bits - 1))
    assert unpack(pack(values), values.shape).tobytes() == values.tobytes()


def test_recordings_in_16_and_24_bits_are_sent_as_such() -> None:
    hiss = np.random.default_rng(0).normal(0, 0.02, 40_000)
    wave = (np.sin(np.arange(40_000) / 30) * 0.4 + hiss).astype(np.float32)
    sizes = {}
    for bits in (16, 24):
        scale = np.float32(2 ** (bits - 1))
        recorded = ((wave * scale).astype(np.int32) / scale).astype(np.float32)
        sizes[bits] = len(pack(recorded))
    assert sizes[16] < 0.5 * wave.nbytes
    assert sizes[24] < 0.75 * wave.nbytes
    assert len(pack(wave)) < 0.95 * wave.nbytes


def test_a_view_is_packed_as_it_is_seen_and_left_as_it_is() -> None:
    values = (np.arange(24).reshape(4, 6) / 7).astype(np.float32)
    before = values.copy()
    assert (unpack(pack(values.T), (6, 4)) == values.T).all()
    assert (values == before).all()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: b"\x05" + data[1:],
        lambda data: b"\x00" + data[1:],
        lambda data: data[:5] + b"xx" + data[7:],
        lambda data: data[:1] + (1 << 31).to_bytes(4, "big") + data[5:],
    ],
)
def test_other_bytes_are_refused(spoil) -> None:  # type: ignore[no-untyped-def]
    data = pack(np.linspace(0, 1, 100).astype(np.float32))
    with pytest.raises(ValueError, match=r"."):
        unpack(spoil(data), (100,))


def test_what_would_grow_beyond_its_shape_is_refused_before_it_does() -> None:
    bomb = zlib.compress(bytes(50_000_000), 9)
    data = b"\x02" + len(bomb).to_bytes(4, "big") + bomb + bytes(100)
    with pytest.raises(ValueError, match="has 100 values"):
        unpack(data, (100,))
    for shape in ((MOST_BYTES,), (-1, 4), (1 << 40, 1 << 40)):
        with pytest.raises(ValueError, match="impossible"):
            unpack(data, shape)
