"""Where convolutions by tiles (`tiles.py`) are faster on this machine: measured once, and kept. Imports torch."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from functools import cache
from pathlib import Path

import msgspec
import torch
from torch.nn import functional

from lincae_studio import atomic, bounded
from lincae_studio.codecs.tiles import convolved, has_library, transformed

#: The measured convolutions, with their norms: channels, and size of the image. Fewer channels save less.
_MEASURED = ((256, (32, 44)), (128, (64, 44)), (64, (128, 88)))

#: Tiles must save this part of the time, so that measuring again is unlikely to choose otherwise.
_LEAST_SAVED = 0.1

#: Number of measurements, the best of which counts.
_REPEATS = 3

#: The share of the time in which the measuring thread must have run. Beside other programs threads wait for each other,
#: at which tiles in torch lose most: without the compiled package, none were chosen for good (measured).
_LEAST_RUN = 0.5

_MAX_BYTES = 1 << 16


def narrowest(file: Path) -> int:
    """The fewest channels with which tiles are faster on this processor; 0 if they never are.

    Measured in a fraction of a second, and kept in `file`, so that results stay the same. What was measured beside
    programs that keep the cores busy counts in this process only. Errors of the file are ignored: it is a cache.
    """
    key = f"{platform.processor() or platform.machine()} {torch.backends.cpu.get_cpu_capability()} "
    key += f"{torch.get_num_threads()} {os.cpu_count()} torch {torch.__version__}{' kernels' if has_library() else ''}"
    found = _kept(file).get(key)
    if found is None:
        measured, undisturbed = _measured(key)
        kept = _kept(file)  # again: what another process measured meanwhile is what all use
        found = kept.setdefault(key, measured)
        if undisturbed:
            with contextlib.suppress(OSError):
                atomic.write_bytes(file, msgspec.json.encode(kept))
    return found


def _kept(file: Path) -> dict[str, int]:
    with contextlib.suppress(OSError, ValueError):
        return msgspec.json.decode(bounded.read(file, _MAX_BYTES), type=dict[str, int])
    return {}


@cache
def _measured(_key: str) -> tuple[int, bool]:
    """What `narrowest` returns, and whether no other program disturbed it; once per process."""
    began, ran = time.perf_counter(), time.thread_time()
    found = 0
    for width, size in _MEASURED:
        x = torch.ones(1, width, *size).to(memory_format=torch.channels_last)
        weight = torch.ones(width, width, 3, 3).contiguous(memory_format=torch.channels_last)
        ones, points = torch.ones(1, width), transformed(weight)
        best = {True: float("inf"), False: float("inf")}
        with torch.no_grad():
            for _ in range(_REPEATS):
                for by_tiles in best:
                    started = time.perf_counter()
                    if by_tiles:
                        convolved(x, weight, ones[0], activation=(ones, ones), added=x, points=points)
                    else:
                        activated = functional.silu(x * ones[..., None, None] + ones[..., None, None], inplace=True)
                        functional.conv2d(activated, weight, ones[0], padding=1).add_(x)
                    best[by_tiles] = min(best[by_tiles], time.perf_counter() - started)
        if best[True] > best[False] * (1.0 - _LEAST_SAVED):
            break
        found = width
    return found, time.thread_time() - ran > _LEAST_RUN * (time.perf_counter() - began)
