"""3x3 convolutions by small tiles, which need 2.25 products per output and channel instead of nine. On the CPU only.

F(4x4, 3x3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), section 4: tiles of 6x6
inputs, which overlap by 2, are transformed to 36 points; there the convolution is a product of matrices per point; and
transforming back gives 4x4 outputs. The more channels there are, the less the transforms matter.
"""

from __future__ import annotations

import contextlib
import math
import os
import platform
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional

from lincae_studio import atomic, bounded

#: Tiles that are transformed at once: their points should stay in the processor's cache.
_GROUP = 128

#: Images with fewer tiles than this are left to torch: transforming the weights would cost more than it saves.
_FEWEST = 16

#: What is measured: channels, and size of the image. With fewer channels tiles save less.
_MEASURED = ((256, (32, 44)), (128, (64, 44)), (64, (128, 88)))

#: Tiles must save this part of the time, so that measuring again is unlikely to choose otherwise.
_LEAST_SAVED = 0.1

#: Number of measurements, the best of which counts.
_REPEATS = 3

_MAX_BYTES = 1 << 16

#: Where the polynomials of a tile are evaluated, besides infinity. With these, the error is less than half of that with
#: the usual 0, 1, -1, 2, -2 (measured), and all factors are exact in binary.
_POINTS = (0.0, 0.6875, -0.6875, 1.5, -1.5)


class Conv2d(nn.Conv2d):
    """A 3x3 convolution with stride 1 and padding 1 that can compute by tiles.

    Attributes:
        by_tiles: whether it does so where it can: on the CPU, in float32, without gradients, with zeros around the
            image. The result differs by rounding: its relative error is 1.5e-6, where that of torch is 0.8e-6.
    """

    by_tiles = False

    def forward(self, x: Tensor) -> Tensor:
        if self.by_tiles and x.device.type == "cpu" and x.dtype is torch.float32 and not torch.is_grad_enabled():
            rows, columns = -(-x.shape[2] // 4), -(-x.shape[3] // 4)
            if self.padding_mode == "zeros" and rows * columns >= _FEWEST:
                return convolved(x, self.weight, self.bias)
        return super().forward(x)


def convolved(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The convolution of `(B, C, F, S)` with weights `(O, C, 3, 3)`, zeros around the image, as `(B, O, F, S)`.

    In float32; fastest in channels-last layout, which the result has.
    """
    batch, channels, height, width = x.shape
    out_channels = len(weight)
    rows, columns = -(-height // 4), -(-width // 4)
    at_once = min(rows, max(1, _GROUP // columns))
    forth, of_weights, back = _transforms()
    points = of_weights @ weight.permute(2, 3, 1, 0).reshape(9, -1)
    points = points.view(36, channels, out_channels)
    padded = functional.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 4 * columns + 1 - width, 1, 4 * rows + 1 - height))
    added = None if bias is None else bias.repeat(at_once * columns)
    out = torch.empty(batch, height, width, out_channels)
    _, by_row, by_column, _ = padded.stride()
    for item in range(batch):
        for row in range(0, rows, at_once):
            count = min(at_once, rows - row)
            tiles = padded[item, 4 * row :].as_strided(
                (6, 6, count, columns, channels), (by_row, by_column, 4 * by_row, 4 * by_column, 1)
            )
            transformed = _both_axes(forth, tiles.reshape(36, -1)).view(36, count * columns, channels)
            results = _both_axes(back, torch.bmm(transformed, points).view(36, -1))
            if added is not None:
                results += added[: results.shape[1]]
            in_rows = results.view(4, 4, count, columns, out_channels).permute(2, 0, 3, 1, 4)
            target = out[item, 4 * row : 4 * (row + count)]
            if target.shape[:2] == (4 * count, 4 * columns):
                target.view(in_rows.shape).copy_(in_rows)
            else:
                target.copy_(in_rows.reshape(4 * count, 4 * columns, out_channels)[: len(target), :width])
    return out.permute(0, 3, 1, 2)


def _both_axes(matrix: Tensor, tiles: Tensor) -> Tensor:
    """Transform both axes of tiles `(n * n, values)` with a matrix `(m, n)`, to `(m * m, values)`."""
    size, old = matrix.shape
    by_row = (matrix @ tiles.view(old, -1)).view(size, old, -1)
    return torch.matmul(matrix, by_row).view(size * size, -1)


@cache
def _transforms() -> tuple[Tensor, Tensor, Tensor]:
    """What transforms an axis of tiles `(6, 6)` and both of weights `(36, 9)`, and an axis of products back `(4, 6)`.

    They follow from polynomials: a tile's coefficients are multiplied by the basis of Lagrange, which is scaled in the
    weights; weights and outputs are evaluated (Toom-Cook, transposed).
    """
    count = len(_POINTS) + 1
    forth, of_weights, back = (
        torch.zeros(shape, dtype=torch.float64) for shape in ((count, count), (count, 3), (4, count))
    )
    for row, point in enumerate(_POINTS):
        others = [other for other in _POINTS if other != point]
        forth[row, :-1] = _coefficients(others)
        of_weights[row] = torch.tensor([1.0, point, point**2]) / math.prod(point - other for other in others)
        back[:, row] = torch.tensor([point**power for power in range(4)])
    forth[-1] = _coefficients(_POINTS)
    of_weights[-1, -1] = back[-1, -1] = 1.0
    return forth.float(), torch.kron(of_weights, of_weights).float(), back.float()


def _coefficients(roots: Sequence[float]) -> Tensor:
    """Of the monic polynomial with these roots, the constant one first."""
    found = torch.ones(1, dtype=torch.float64)
    for root in roots:
        found = functional.pad(found, (1, 0)) - root * functional.pad(found, (0, 1))
    return found


def narrowest(file: Path) -> int:
    """The fewest channels with which tiles are faster on this processor; 0 if they never are.

    Measured once, in a fraction of a second, and kept in `file`, so that results stay the same. Errors of the file are
    ignored: it is a cache.
    """
    key = f"{platform.processor() or platform.machine()} {torch.backends.cpu.get_cpu_capability()} "
    key += f"{torch.get_num_threads()} {os.cpu_count()} torch {torch.__version__}"
    found = _kept(file).get(key)
    if found is None:
        measured = _measured()
        kept = _kept(file)  # again: what another process measured meanwhile is what all use
        found = kept.setdefault(key, measured)
        with contextlib.suppress(OSError):
            atomic.write_bytes(file, msgspec.json.encode(kept))
    return found


def _kept(file: Path) -> dict[str, int]:
    with contextlib.suppress(OSError, ValueError):
        return msgspec.json.decode(bounded.read(file, _MAX_BYTES), type=dict[str, int])
    return {}


def _measured() -> int:
    found = 0
    for width, size in _MEASURED:
        x = torch.ones(1, width, *size).to(memory_format=torch.channels_last)
        conv = Conv2d(width, width, 3, padding=1)
        conv.weight.data = conv.weight.data.contiguous(memory_format=torch.channels_last)
        best = {True: float("inf"), False: float("inf")}
        with torch.no_grad():
            for _ in range(_REPEATS):
                for conv.by_tiles in best:
                    started = time.perf_counter()
                    conv(x)
                    best[conv.by_tiles] = min(best[conv.by_tiles], time.perf_counter() - started)
        if best[True] > best[False] * (1.0 - _LEAST_SAVED):
            break
        found = width
    return found
