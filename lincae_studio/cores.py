"""Work in numpy on all processor cores. Any thread; neither torch nor Qt.

The matrix products of OpenBLAS, which numpy comes with, use all cores by themselves, but in threads that wait for each
other in a loop: beside another program that keeps a core busy, a product of 1 ms takes 15 ms, a time slice of the
system (measured on two cores). Independent products in threads of ours, each on one core, never wait.
"""

from __future__ import annotations

import contextvars
import ctypes
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

#: Names under which builds of OpenBLAS have the function that sets the number of their threads.
_SETTERS = ("scipy_openblas_set_num_threads64_", "scipy_openblas_set_num_threads", "openblas_set_num_threads")


def count() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use_one_per_product() -> None:
    """Compute each of numpy's matrix products on one core, in this process. No effect on torch, or on another BLAS.

    numpy must have been imported.
    """
    try:
        library = ctypes.CDLL(sys.modules["numpy._core._multiarray_umath"].__file__)
    except (KeyError, OSError, TypeError):  # another version or build of numpy
        return
    for name in _SETTERS:
        setter = getattr(library, name, None)
        if setter is not None:
            setter(1)
            return


def on_all(work: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """The results of `work` for each item, computed in as many threads as there are cores, of which this is one.

    The work must release the interpreter's lock to gain by it, as numpy does, and take longer than the start of a
    thread, some 50 µs. After an error, items not begun are left out. When all threads have ended, the error of the
    foremost item is raised here: items are begun in order, so it is always the same.
    """
    results: dict[int, _Result] = {}
    errors: dict[int, BaseException] = {}
    left = deque(range(len(items)))

    def run() -> None:
        while not errors:
            try:
                number = left.popleft()
            except IndexError:
                return
            try:
                results[number] = work(items[number])
            except BaseException as error:  # the boundary of a thread: raised below
                errors[number] = error

    context = contextvars.copy_context()  # numpy's handling of errors is part of it
    others = [
        threading.Thread(target=context.copy().run, args=(run,), name=f"core_{number}")
        for number in range(1, min(count(), len(items)))
    ]
    for thread in others:
        thread.start()
    run()
    for thread in others:
        thread.join()
    if errors:
        raise errors[min(errors)]
    return [results[number] for number in range(len(items))]
