"""Regression of latents on latents: the inner products that weights are fitted from. Any thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.errors import EditError
from lincae_studio.session.model import MAX_WEIGHTS

Matrix = npt.NDArray[np.float64]

#: Channels on each side to choose from, beside all.
REACHES = (0, 1, 2, 4)

#: Length of a part of the example, at most.
_BLOCK_S = 1.0

#: Parts of the example, in turn: fitted, fitted, fitted, to choose, to measure.
FITTED, CHOOSING, MEASURED = 0, 1, 2
_TURN = (FITTED, FITTED, CHOOSING, FITTED, MEASURED)

#: Fewer parts, or frames, are too few to learn from.
_LEAST_BLOCKS = 10
_LEAST_FRAMES = 50

#: Most numbers in the inner products of one kind: three times 64 MB.
_MOST_PRODUCTS = 2**23

#: Frames for each weight of a channel, at least: fewer cannot determine it.
_FRAMES_PER_WEIGHT = 2.0

#: Channels whose products are computed at once.
_TOGETHER = 32

#: Relative to the largest product: added so that channels that are silent have weights, of 0.
LEAST = 1e-12


@dataclass
class Products:
    """Inner products of what frames are made of, and of that with the frames, for each part of the example.

    Channels are in groups that are made of the same: each by itself, or all together.

    Attributes:
        reach: channels on each side.
        inputs: `(parts, groups, n, n)`; `targets`: `(parts, groups, n, m)`, of the m channels of a group.
    """

    reach: int
    inputs: Matrix
    targets: Matrix

    @classmethod
    def of(cls, reach: int, dim: int, frames: int) -> Products:
        width = min(2 * reach + 1, dim)
        groups = 1 if width == dim else dim
        size = width * frames
        return cls(reach, np.zeros((3, groups, size, size)), np.zeros((3, groups, size, dim // groups)))

    def add(self, part: int, windows: Array, target: Array) -> None:
        """Add frames. `windows`: `(buses, D, T, frames)`, the one farthest ahead first; `target`: `(buses, D, T)`."""
        dim, groups = target.shape[1], self.inputs.shape[1]
        if groups == 1:
            made_of = np.ascontiguousarray(windows.transpose(1, 3, 0, 2), np.float64).reshape(1, self.size, -1)
            self._add(part, slice(0, 1), made_of, target.transpose(1, 0, 2).reshape(1, dim, -1))
            return
        reach = self.reach
        padded = np.pad(windows, ((0, 0), (reach, reach), (0, 0), (0, 0)))
        for first in range(0, dim, _TOGETHER):
            last = min(first + _TOGETHER, dim)
            beside = sliding_window_view(padded[:, first : last + 2 * reach], 2 * reach + 1, axis=1)
            made_of = np.ascontiguousarray(beside.transpose(1, 4, 3, 0, 2), np.float64)
            own = target[:, first:last].transpose(1, 0, 2).reshape(last - first, 1, -1)
            self._add(part, slice(first, last), made_of.reshape(last - first, self.size, -1), own)

    @property
    def size(self) -> int:
        """How many weights a channel has."""
        size: int = self.inputs.shape[-1]
        return size

    def narrowed(self, reach: int, frames: int) -> Products:
        """Those of fewer channels on each side."""
        if reach == self.reach or self.inputs.shape[1] == 1:
            return self
        skipped = (self.reach - reach) * frames
        kept = slice(skipped, self.size - skipped)
        return Products(reach, self.inputs[:, :, kept, kept], self.targets[:, :, kept])

    def weights(self, parts: Sequence[int], ridge: float) -> Matrix:
        """The weights `(groups, n, m)` that fit parts of the example."""
        inputs, targets = self.inputs[list(parts)].sum(axis=0), self.targets[list(parts)].sum(axis=0)
        energies = np.diagonal(inputs, axis1=-2, axis2=-1)
        added = ridge * energies + max(LEAST * float(energies.max()), 1e-300)
        solved: Matrix = np.linalg.solve(inputs + np.eye(self.size) * added[..., None], targets)
        return solved

    def errors(self, part: int, weights: Matrix, energies: Matrix) -> Matrix:
        """The energy `(D,)` of each channel of a part that weights do not explain; `energies`: of its channels."""
        explained = 2.0 * (weights * self.targets[part]).sum(axis=1)
        explained -= (weights * (self.inputs[part] @ weights)).sum(axis=1)
        unexplained: Matrix = np.maximum(energies - explained.ravel(), 0.0)
        return unexplained

    def _add(self, part: int, groups: slice, made_of: Matrix, target: Array) -> None:
        self.inputs[part, groups] += made_of @ made_of.transpose(0, 2, 1)
        self.targets[part, groups] += made_of @ target.astype(np.float64).transpose(0, 2, 1)


@dataclass
class Sums:
    """All that is summed over an example.

    Attributes:
        block: frames of one part of the example.
        products: for the most channels on each side, and for all channels, as far as they can be determined.
        energies: `(parts, D)`, of each channel after the process; `means`: `(parts, D)`, the sums of its values.
        gains: `(parts, 2)`: the inner products of both clips, and the energy of the first.
        counts: frames in each kind of part, on all buses.
    """

    past: int
    future: int
    block: int
    products: list[Products]
    energies: Matrix
    means: Matrix
    gains: Matrix
    counts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, codec: CodecInfo, frames: int, past: int, future: int) -> Sums:
        """Nothing yet. Raises `EditError` when there are too few frames."""
        dim, taps = codec.dim, past + 1 + future
        block = max(1, min(round(_BLOCK_S * codec.sample_rate / codec.hop), frames // (3 * len(_TURN))))
        fitted = frames * 3 // len(_TURN)
        if frames < max(_LEAST_FRAMES, _LEAST_BLOCKS * block):
            raise EditError(
                f"the example has {frames} latent frames, which are too few to learn from",
                f"Use clips of at least {_LEAST_FRAMES * codec.hop / codec.sample_rate:.1f} s",
            )

        def possible(reach: int) -> bool:
            width = min(2 * reach + 1, dim)
            size, groups = width * taps, 1 if width == dim else dim
            return (
                fitted >= _FRAMES_PER_WEIGHT * size and groups * size**2 <= _MOST_PRODUCTS and dim * size <= MAX_WEIGHTS
            )

        narrow = [reach for reach in REACHES if 2 * reach + 1 < dim and possible(reach)]
        reaches = [*narrow[-1:], *([dim - 1] if possible(dim - 1) else [])]
        if not reaches:
            raise EditError(
                f"{fitted:,} latent frames are too few for {taps} weights of each channel",
                "Use longer clips, or fewer frames before and after",
            )
        products = [Products.of(reach, dim, taps) for reach in reaches]
        return cls(
            past,
            future,
            block,
            products,
            np.zeros((3, dim)),
            np.zeros((3, dim)),
            np.zeros((3, 2)),
            np.zeros(3, np.int64),
        )

    def add(self, first: int, before: Array, after: Array) -> None:
        """Add frames from number `first` on: `(buses, D, past + T + future)` before the process, `(buses, D, T)` after.

        The first frame of each part is left out: its samples are in the part before, too.
        """
        count = after.shape[2]
        windows = sliding_window_view(before, self.past + 1 + self.future, axis=2)[..., ::-1]
        numbers = first + np.arange(count)
        inside = (numbers % self.block > 0) | (self.block == 1)
        kinds = np.array(_TURN)[numbers // self.block % len(_TURN)]
        for part in range(3):
            chosen = np.flatnonzero(inside & (kinds == part))
            if not len(chosen):
                continue
            target = after[:, :, chosen]
            made_of = windows[:, :, chosen]
            for products in self.products:
                products.add(part, made_of, target)
            own = before[:, :, self.past + chosen].astype(np.float64)
            self.energies[part] += (target.astype(np.float64) ** 2).sum(axis=(0, 2))
            self.means[part] += target.sum(axis=(0, 2), dtype=np.float64)
            self.gains[part] += (own * target).sum(), (own**2).sum()
            self.counts[part] += len(chosen) * len(target)

    @property
    def variances(self) -> Matrix:
        """`(parts, D)`: the energies about the means."""
        return np.maximum(self.energies - self.means**2 / np.maximum(self.counts, 1)[:, None], 0.0)
