"""What the C library does with freed memory."""

from __future__ import annotations

import platform
import resource
from collections.abc import Iterator

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


def faults(values: int = 3_000_000) -> int:
    """Pages that the kernel had to clear for ten large arrays, one after the other."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        np.empty(values).fill(1.0)  # less than numpy asks huge pages for would be too little
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_memory_that_is_kept_is_not_cleared_again() -> None:
    usual = faults()
    malloc.keep_freed()
    faults()
    assert faults() < usual / 5
    malloc.give_back()
    malloc.restore_defaults()
    assert faults() > usual / 5, "more than when it is kept; how many pages it takes is the kernel's choice"


#: Values of an array that exceeds glibc's thresholds: it goes back to the kernel at once, unless it is to be kept.
LARGE = 20_000_000


def test_a_codec_leaves_the_process_as_it_is() -> None:
    malloc.restore_defaults()  # in case other tests have changed this process
    usual = faults(LARGE)
    model = small_model()
    model.decode(model.encode(np.zeros((1, 20_000), np.float32)))
    assert faults(LARGE) > usual / 2


def test_the_command_line_keeps_memory() -> None:
    malloc.restore_defaults()
    usual = faults(LARGE)
    with headless():
        faults(LARGE)
        assert faults(LARGE) < usual / 5
