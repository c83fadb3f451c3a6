"""Float32 arrays in fewer bytes, and back, equal bit for bit: what is sent between two machines. Any thread.

Neighbouring samples and latents are alike in size, so their signs and exponents are too: the bytes that hold these, of
the differences between neighbours, compress well. The bytes below are noise, and are sent as they are, which makes this
faster than most links. Audio that was recorded in 16 or 24 bits is sent as such.

Packed: one byte that says how many bytes a value has (`_WIDTHS`), the number of bytes of the deflated plane of highest
bytes (4, big-endian), that plane, and the other planes, highest first.
"""

from __future__ import annotations

import math
import zlib

import numpy as np
import numpy.typing as npt

from lincae_studio.codecs.base import Array

#: Bytes of each value: as integers of 16 or 24 bits where the samples are such, else float32.
_WIDTHS = (2, 3, 4)

_FLOAT = 4

#: Largest array that is sent or accepted, in bytes: a stereo chunk of six minutes.
MOST_BYTES = 1 << 27

_HEAD = 5


def pack(array: Array) -> bytes:
    """The bytes of an array; its shape is sent separately."""
    values = np.ascontiguousarray(array, np.float32).reshape(-1)
    patterns, width = _patterns(values)
    patterns[1:] -= patterns[:-1].copy()
    planes = patterns.astype("<u4", copy=False).view(np.uint8).reshape(-1, 4).T[:width]
    top = zlib.compress(planes[width - 1].tobytes(), 1)
    rest = np.ascontiguousarray(planes[width - 2 :: -1] if width > 1 else planes[:0])
    return b"".join([bytes([width]), len(top).to_bytes(4, "big"), top, rest.tobytes()])


def unpack(data: bytes, shape: tuple[int, ...]) -> Array:
    """The array of a shape from its bytes.

    Raises:
        ValueError: when these are not the bytes of such an array, or it would be too large.
    """
    count = math.prod(shape)
    if min(shape, default=0) < 0 or 4 * count > MOST_BYTES:
        raise ValueError(f"the shape {shape} of an array is impossible")
    width, size = data[0] if data else 0, int.from_bytes(data[1:_HEAD], "big")
    if width not in _WIDTHS or len(data) != _HEAD + size + (width - 1) * count:
        raise ValueError(f"received {len(data)} bytes for an array of shape {shape}")
    inflating = zlib.decompressobj()
    try:
        top = inflating.decompress(data[_HEAD : _HEAD + size], max(1, count))  # never more than it must be
    except zlib.error as error:
        raise ValueError(f"an array cannot be unpacked: {error}") from error
    if len(top) != count or not inflating.eof:
        raise ValueError(f"an array of shape {shape} has {len(top)} values")
    planes = np.zeros((count, 4), np.uint8)
    planes[:, width - 1] = np.frombuffer(top, np.uint8)
    rest = np.frombuffer(data, np.uint8, offset=_HEAD + size).reshape(width - 1, count)
    for place in range(width - 1):
        planes[:, width - 2 - place] = rest[place]
    patterns = np.cumsum(planes.view("<u4").reshape(-1), dtype=np.uint32)
    if width == _FLOAT:
        return patterns.view(np.float32).reshape(shape)
    free = 32 - 8 * width
    integers = (patterns << np.uint32(free)).view(np.int32) >> free
    return _from_integers(integers, width).reshape(shape)


def _patterns(values: Array) -> tuple[npt.NDArray[np.uint32], int]:
    """Values as integers whose neighbours are close, and how many bytes of them count."""
    if values.min(initial=0.0) >= -1.0 and values.max(initial=0.0) < 1.0:
        for width in _WIDTHS[:-1]:
            integers = (values * np.float32(1 << (8 * width - 1))).astype(np.int32)
            if np.array_equal(_from_integers(integers, width).view(np.uint32), values.view(np.uint32)):
                return integers.view(np.uint32).copy(), width
    return values.view(np.uint32).copy(), _FLOAT


def _from_integers(integers: npt.NDArray[np.int32], width: int) -> Array:
    return integers.astype(np.float32) / np.float32(1 << (8 * width - 1))
