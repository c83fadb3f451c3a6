"""Running a network on many windows in batches that fit in memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from lincae_studio.codecs.device import empty_cache, is_out_of_memory

_log = logging.getLogger(__name__)


def in_batches(
    count: int, size: int, forward: Callable[[range], Tensor], device: torch.device
) -> Iterator[tuple[range, Tensor]]:
    """Run `forward` on ranges of at most `size` rows, and yield each range with its result.

    When memory runs out, the batch is halved and a warning logged.

    Raises:
        RuntimeError: when `forward` fails, or memory runs out for a single row.
    """
    start = 0
    while start < count:
        rows = range(start, min(start + size, count))
        out = None
        try:
            out = forward(rows)
        except RuntimeError as error:
            if len(rows) == 1 or not is_out_of_memory(error):
                raise
        if out is None:  # outside the handler, where the error no longer references intermediate results
            size = len(rows) // 2
            _log.warning("out of memory: continuing with batches of %d", size)
            empty_cache(device)
            continue
        yield rows, out
        start = rows.stop
