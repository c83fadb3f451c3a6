"""What makes Lin-CAE faster on CUDA: norms as one kernel, recorded runs, and batches that fit into free memory.

None of it has been run on a GPU yet: it was written where there was none. Only `auto` precision uses it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import torch
from torch import Tensor

_log = logging.getLogger(__name__)

#: Recorded runs that are kept: their inputs and results stay in memory.
_MOST_RECORDED = 4

#: The part of free memory that a batch may take.
_SHARE = 0.5

#: The largest batch: the larger it is, the later its first chunk is heard.
LARGEST_BATCH = 8

#: Memory of a window during decoding, in multiples of its largest image: skips, pyramid, and intermediate results.
_IMAGES = 24


def fitting_batch(free_bytes: int, image_bytes: int) -> int:
    """How many windows are decoded at once, at least 1.

    Args:
        free_bytes: of the GPU's memory.
        image_bytes: of a window's largest image: its values at full resolution.
    """
    return max(1, min(LARGEST_BATCH, int(free_bytes * _SHARE) // (_IMAGES * image_bytes)))


class Recorded:
    """One run on CUDA, recorded as a graph for tensors of certain shapes, so that starting it again costs nothing.

    Args:
        function: computes without asking the CPU for a value, and draws no random numbers.
        inputs: examples of what it takes.
        pool: memory that all graphs share. A result is valid until one of them runs.
    """

    def __init__(self, function: Callable[..., Tensor], inputs: tuple[Tensor, ...], pool: object) -> None:
        self._inputs = [tensor.clone() for tensor in inputs]
        self._device = inputs[0].device
        with torch.cuda.device(self._device):  # streams are those of the current one
            self._graph = torch.cuda.CUDAGraph()
            side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                function(*self._inputs)  # libraries choose and load their kernels, which cannot be recorded
            torch.cuda.current_stream().wait_stream(side)
            with torch.cuda.graph(self._graph, pool=pool):  # type: ignore[arg-type]
                self._result = function(*self._inputs)

    def __call__(self, *inputs: Tensor) -> Tensor:
        with torch.cuda.device(self._device):
            for place, values in zip(self._inputs, inputs, strict=True):
                place.copy_(values)
            self._graph.replay()
        return self._result


class Graphs:
    """Runs a function on CUDA, and records it for shapes that come back. Results are the same. Any thread.

    With gradients nothing is recorded: they would not reach the inputs.

    Args:
        record: makes what replaces the function for inputs of the same shapes: `Recorded`.
    """

    def __init__(self, record: Callable[..., Callable[..., Tensor]] = Recorded) -> None:
        self._record = record
        self._recorded: dict[object, Callable[..., Tensor] | None] = {}
        self._refused: set[object] = set()
        self._pool: object = None
        self._alone = threading.Lock()  # recorded runs share their memory

    def __call__(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        key = tuple((tuple(tensor.shape), tensor.dtype) for tensor in inputs)
        if torch.is_grad_enabled() or key in self._refused:
            return function(*inputs)
        with self._alone:
            result = self._run(key, function, inputs)
        return function(*inputs) if result is None else result

    def _run(self, key: object, function: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> Tensor | None:
        """The result of a recorded run; None if there is none for these shapes."""
        seen = key in self._recorded
        run = self._recorded.pop(key, None)
        if seen and run is None:
            run = self._attempt(function, inputs)
            if run is None:
                self._refused.add(key)
                return None
        if len(self._recorded) >= _MOST_RECORDED:  # the one that was used the longest ago
            del self._recorded[next(iter(self._recorded))]
        self._recorded[key] = run
        # Copied, since the memory of results is used again.
        return None if run is None else run(*inputs).clone()

    def _attempt(self, function: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> Callable[..., Tensor] | None:
        """The recorded function; None if it cannot be recorded."""
        try:
            if self._pool is None and self._record is Recorded:
                self._pool = torch.cuda.graph_pool_handle()
            return self._record(function, inputs, self._pool)
        except RuntimeError as error:
            _log.warning("CUDA graphs are not used for these shapes: %s", str(error).partition("\n")[0])
            return None
