"""What the C library does with freed memory."""

from __future__ import annotations

import ctypes
import platform
import resource
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pytest

from lincae_studio import malloc
from lincae_studio.cli.headless import headless
from tests.codecs.lincae.models import small_model

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="does nothing elsewhere")


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    malloc.restore_defaults()
    yield
    malloc.restore_defaults()


#: Bytes of a block that no hole in the heap is large enough for. Its pages are never touched.
HUGE = 2 << 30

#: Values of an array that takes 76 pages even where they are of 2 MiB.
LARGE = 20_000_000


class Statistics(ctypes.Structure):
    """`struct mallinfo` of <malloc.h>."""

    _fields_: ClassVar = [
        ("arena", ctypes.c_int),
        ("ordblks", ctypes.c_int),
        ("smblks", ctypes.c_int),
        ("hblks", ctypes.c_int),  # blocks with mappings of their own
        *((f"unused_{n}", ctypes.c_int) for n in range(6)),
    ]


def goes_back() -> bool:
    """Whether large blocks have mappings of their own, which go back to the kernel when they are freed."""
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    library.mallinfo.restype = Statistics
    before = library.mallinfo().hblks
    block = ctypes.c_void_p(library.malloc(ctypes.c_size_t(HUGE)))
    mappings = library.mallinfo().hblks - before
    library.free(block)
    return bool(mappings == 1)


def faults() -> int:
    """Pages that the kernel had to clear for ten large arrays, one after the other."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        np.empty(LARGE).fill(1.0)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_memory_that_is_kept_is_not_cleared_again() -> None:
    assert goes_back()
    malloc.keep_freed()
    assert not goes_back()
    faults()
    assert faults() < 10
    malloc.restore_defaults()
    assert goes_back()


def test_a_codec_leaves_the_process_as_it_is() -> None:
    model = small_model()
    model.decode(model.encode(np.zeros((1, 20_000), np.float32)))
    assert goes_back()


def test_the_command_line_keeps_memory() -> None:
    with headless():
        assert not goes_back()
