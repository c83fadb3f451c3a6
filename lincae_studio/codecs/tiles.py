"""3x3 convolutions by small tiles, which need 2.25 products per output and channel instead of nine. On the CPU only.

F(4x4, 3x3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), section 4: tiles of 6x6
inputs, which overlap by 2, are transformed to 36 points; there the convolution is a product of matrices per point; and
transforming back gives 4x4 outputs. The more channels there are, the less the transforms matter.

Where the package `lincae-studio-kernels` is installed its compiled code computes them (`compiled.py`), else torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from lincae_studio.codecs import compiled

#: Tiles that are transformed at once, and their values: their points should stay in the processor's cache.
_GROUP = 150
_GROUP_VALUES = 19_200

#: Values of an image that are computed at once, so that they stay in the processor's cache.
SLICE = 1 << 17

#: Images with fewer tiles than this are left to torch: transforming the weights would cost more than it saves.
_FEWEST = 16

#: Where the polynomials of a tile are evaluated, besides infinity. With these, the error is less than half of that with
#: the usual 0, 1, -1, 2, -2 (measured), and all factors are exact in binary.
_POINTS = (0.0, 0.6875, -0.6875, 1.5, -1.5)


class Conv2d(nn.Conv2d):
    """A 3x3 convolution with stride 1 and padding 1 that can compute by tiles.

    Attributes:
        by_tiles: whether it does so where it can: on the CPU, in float32, without gradients, with zeros around the
            image. The result differs by rounding: its relative error is 1.5e-6, where that of torch is 0.8e-6.
        keeps_points: whether the transformed weights are kept, which are four times as large. Then weights must not
            change, and `repeated` must always be the same.
    """

    by_tiles = False
    keeps_points = False
    _points: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        return self.convolved(x, self.bias) if self.tiled(x) else super().forward(x)

    def tiled(self, x: Tensor) -> bool:
        """Whether an image is computed by tiles."""
        if not self.by_tiles or x.device.type != "cpu" or x.dtype is not torch.float32 or torch.is_grad_enabled():
            return False
        return self.padding_mode == "zeros" and -(-x.shape[2] // 4) * -(-x.shape[3] // 4) >= _FEWEST

    def convolved(
        self,
        x: Tensor,
        bias: Tensor | None,
        *,
        activation: tuple[Tensor, Tensor] | None = None,
        added: Tensor | None = None,
        sums: Tensor | None = None,
        repeated: int = 1,
    ) -> Tensor:
        """The function `convolved`, with these weights."""
        points = self._points
        if points is None:
            points = transformed(self.weight, repeated)
            if self.keeps_points:
                self._points = points
        return convolved(
            x, self.weight, bias, activation=activation, added=added, sums=sums, repeated=repeated, points=points
        )

    def row_sums(self, x: Tensor) -> Tensor:
        """The function `row_sums`, computed by the same code as the convolution."""
        library = _library(self.weight)
        if library is None:
            return row_sums(x)
        batch, channels, height, width = x.shape
        images = _plain(x.permute(0, 2, 3, 1), (batch, height, width, self.in_channels))
        sums = images.new_empty(batch, 2, height, channels)
        for image, found in zip(images, sums, strict=True):
            library.row_sums(image.data_ptr(), found.data_ptr(), height, width, channels, torch.get_num_threads())
        return sums


def convolved(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    activation: tuple[Tensor, Tensor] | None = None,
    added: Tensor | None = None,
    sums: Tensor | None = None,
    repeated: int = 1,
    points: Tensor | None = None,
) -> Tensor:
    """The convolution of `(B, C, F, S)` with weights `(O, C, 3, 3)`, zeros around the image, as `(B, O, F, S)`.

    In float32; fastest in channels-last layout, which the result has. What comes before and after is done while a part
    of the image is in the processor's cache.

    Args:
        bias: `(O,)`, or one per image `(B, O)`.
        activation: factor and offset, each `(B, C)`: values become their SiLU after these are applied.
        added: `(B, O, F, S)`, added to the result.
        sums: filled with what `row_sums` gives for the result.
        repeated: 2 if each pixel stands for a square of 2x2 of them: the result is twice as high and wide. Without
            `added` and `sums`.
        points: of `transformed`, where they were kept.
    """
    if points is None:
        points = transformed(weight, repeated)
    library = _library(weight)
    if library is not None:
        return _with_library(library, x, len(weight), points, bias, activation, added, sums, repeated)
    if bias is not None and repeated > 1:
        bias = bias.repeat(*[1] * (bias.ndim - 1), repeated**2)
    return _with_torch(x, points, bias, activation, added, sums, repeated)


def transformed(weight: Tensor, repeated: int = 1) -> Tensor:
    """The points of weights `(O, C, 3, 3)`, in the order that what computes with them takes."""
    library = _library(weight)
    if library is None:
        weight = weight if repeated == 1 else _for_squares(weight)
        _, of_weights, _ = _transforms()
        return (of_weights @ weight.permute(2, 3, 1, 0).reshape(9, -1)).view(36, weight.shape[1], -1)
    outputs, channels = weight.shape[:2]
    ordered = _plain(weight.permute(2, 3, 1, 0), (3, 3, channels, outputs))
    points = ordered.new_empty(36 * channels * outputs)
    library.transform(ordered.data_ptr(), points.data_ptr(), channels, outputs, torch.get_num_threads())
    return points


def has_library() -> bool:
    """Whether compiled code computes tiles here: with the rounding of its own."""
    return compiled.library(torch.backends.cpu.get_cpu_capability()) is not None


def _library(weight: Tensor) -> compiled.Library | None:
    """What computes the tiles of a convolution; None for torch."""
    if torch.compiler.is_compiling():
        return None
    found = compiled.library(torch.backends.cpu.get_cpu_capability())
    return found if found is not None and found.has(weight.shape[1], weight.shape[0]) else None


def _with_library(
    library: compiled.Library,
    x: Tensor,
    outputs: int,
    points: Tensor,
    bias: Tensor | None,
    activation: tuple[Tensor, Tensor] | None,
    added: Tensor | None,
    sums: Tensor | None,
    repeated: int,
) -> Tensor:
    batch, channels, height, width = x.shape
    height, width, threads = height * repeated, width * repeated, torch.get_num_threads()
    out = x.new_empty(batch, height, width, outputs)
    size = library.scratch_size(width, channels)
    scratch = x.new_empty(threads * size)
    # The compiled code believes what it is given.
    assert points.numel() == 36 * channels * outputs
    assert sums is None or sums.is_contiguous()
    before, after = (*x.shape[2:], channels), (height, width, outputs)
    shapes = (before, (outputs,), (channels,), (channels,), after, after, (2, height, outputs))
    offsets = None if bias is None else bias.expand(batch, outputs)
    images, others = (None if image is None else image.permute(0, 2, 3, 1).contiguous() for image in (x, added))
    for item in range(batch):
        scale, shift = activation or (None, None)
        parts = (images, offsets, scale, shift, others, out, sums)
        pairs = zip(parts, shapes, strict=True)
        # Kept until the end of the call, since the addresses do not keep them.
        tensors = [None if part is None else _plain(part[item], shape) for part, shape in pairs]
        addresses = (None if tensor is None else tensor.data_ptr() for tensor in tensors)
        names = ("x", "bias", "scale", "shift", "added", "out", "sums")
        job = compiled.Job(**dict(zip(names, addresses, strict=True)))
        job.weights, job.scratch, job.scratch_size = points.data_ptr(), scratch.data_ptr(), size
        job.height, job.width, job.channels, job.outputs = height, width, channels, outputs
        job.repeated, job.threads = repeated, threads
        library.convolve(job)
    return out.permute(0, 3, 1, 2)


def _plain(part: Tensor, shape: tuple[int, ...]) -> Tensor:
    assert (part.dtype, tuple(part.shape)) == (torch.float32, shape)
    return part.contiguous()


def _with_torch(
    x: Tensor,
    weights: Tensor,
    bias: Tensor | None,
    activation: tuple[Tensor, Tensor] | None,
    added: Tensor | None,
    sums: Tensor | None,
    enlarged: int,
) -> Tensor:
    """As `convolved`; `weights` are points, whose outputs have the pixels of a square as their slower index."""
    batch, _, height, width = x.shape
    outputs = weights.shape[2]
    size, channels = (height * enlarged, width * enlarged), outputs // enlarged**2
    group = min(_GROUP, _GROUP_VALUES // max(weights.shape[1:]))
    points = _Points(weights, width, min(-(-height // 4), max(1, group // -(-width // 4))))
    out = torch.empty(batch, *size, channels)
    offsets = None if bias is None else bias.expand(batch, outputs)
    images, others = (None if tensor is None else tensor.permute(0, 2, 3, 1) for tensor in (x, added))
    assert images is not None
    for item in range(batch):
        offset = None if offsets is None else offsets[item]
        pair = None
        if activation is not None:  # for whole rows, since short loops are slow
            factors, shifts = (part[item].expand(width, -1).contiguous() for part in activation)
            pair = factors, shifts
        for row in range(0, height, 4 * points.rows):
            results = points.computed(images[item], row, pair)
            if offset is not None:
                results += offset
            target = out[item, row * enlarged : (row + 4 * points.rows) * enlarged]
            ordered = results.view(4, 4, -1, points.columns, enlarged, enlarged, channels).permute(2, 0, 4, 3, 1, 5, 6)
            if width % 4 or len(target) % (4 * enlarged):
                ordered = ordered.reshape(-1, 4 * points.columns * enlarged, channels)[: len(target), : size[1]]
            in_order = target.view(ordered.shape)
            if others is None:
                in_order.copy_(ordered)
            else:
                torch.add(ordered, others[item, row : row + len(target)].reshape(ordered.shape), out=in_order)
            if sums is not None:
                _add_up(target, sums[item, :, row : row + len(target)])
    return out.permute(0, 3, 1, 2)


class _Points:
    """Strips of an image as tiles, and the products of their points. Buffers are used again, so that they stay cached.

    Args:
        weights: `(36, C, O)`.
        width: of the images.
        rows: tiles per column of a strip.
    """

    def __init__(self, weights: Tensor, width: int, rows: int) -> None:
        self.rows, self.columns = rows, -(-width // 4)
        self._width = width
        self._sizes = weights.shape[1], weights.shape[2]
        self._forth, _, self._back = _transforms()
        self._weights = weights
        self._strip = torch.zeros(4 * rows + 2, 4 * self.columns + 2, self._sizes[0])
        self._buffers = torch.empty(2, 36 * rows * self.columns * max(self._sizes))
        self._views: dict[int, _Views] = {}

    def computed(self, image: Tensor, row: int, activation: tuple[Tensor, Tensor] | None) -> Tensor:
        """Results `(16, tiles, O)` of the strip that begins at a row of an image `(F, S, C)`, valid until the next.

        Strips of an image must be computed in order.
        """
        count = min(self.rows, -(-(len(image) - row) // 4))
        self._read(image, row, count, activation)
        if count not in self._views:
            self._views[count] = _Views(self._strip, self._buffers, count * self.columns, *self._sizes)
        views = self._views[count]
        views.gathered.copy_(views.tiles)
        torch.mm(self._forth, views.by_row_in, out=views.by_row_out)
        torch.bmm(self._forth.expand(6, 6, 6), views.by_column_in, out=views.by_column_out)
        torch.bmm(views.points, self._weights, out=views.products)
        torch.mm(self._back, views.back_by_row_in, out=views.back_by_row_out)
        torch.bmm(self._back.expand(4, 4, 6), views.back_by_column_in, out=views.back_by_column_out)
        return views.results

    def _read(self, image: Tensor, row: int, count: int, activation: tuple[Tensor, Tensor] | None) -> None:
        """Fill the strip: rows that the one before ends with, new ones, and zeros around the image."""
        first, at = (row + 1, 2) if row else (0, 1)
        if row:
            self._strip[:2] = self._strip[4 * self.rows :]
        else:
            self._strip[0] = 0.0
        new = image[first : row + 4 * count + 1]
        inner = self._strip[at : at + len(new), 1 : self._width + 1]
        if activation is None:
            inner.copy_(new)
        else:
            functional.silu(torch.addcmul(activation[1], new, activation[0], out=inner), inplace=True)
        if at + len(new) < 4 * count + 2:
            self._strip[at + len(new) :] = 0.0


class _Views:
    """The buffers of a strip in the shapes of each step, made once. Steps read one buffer and write the other."""

    def __init__(self, strip: Tensor, buffers: Tensor, tiles: int, channels: int, out_channels: int) -> None:
        by_row, by_column, _ = strip.stride()
        columns = strip.shape[1] // 4
        self.tiles = strip.as_strided(
            (6, 6, tiles // columns, columns, channels), (by_row, by_column, 4 * by_row, 4 * by_column, 1)
        )
        even, odd = buffers[:, : 36 * tiles * channels].unbind()
        self.gathered = even.view(self.tiles.shape)
        self.by_row_in, self.by_row_out = even.view(6, -1), odd.view(6, -1)
        self.by_column_in, self.by_column_out = odd.view(6, 6, -1), even.view(6, 6, -1)
        self.points = even.view(36, tiles, channels)
        odd = buffers[1, : 36 * tiles * out_channels]
        self.products = odd.view(36, tiles, out_channels)
        self.back_by_row_in = odd.view(6, -1)
        even = buffers[0, : 24 * tiles * out_channels]
        self.back_by_row_out, self.back_by_column_in = even.view(4, -1), even.view(4, 6, -1)
        self.results = buffers[1, : 16 * tiles * out_channels].view(16, tiles, out_channels)
        self.back_by_column_out = self.results.view(4, 4, -1)


def fold_taps(factor: int, taps: int, like: Tensor) -> Tensor:
    """`(factor, 2, taps)`: entry (phase, pixel, tap) is 1 where a tap of a phase falls on one of its two small pixels.

    Output `factor * i + phase` sees small pixels i - 1 and i in the first half of the phases, i and i + 1 in the rest.
    """
    folding = [[[0.0] * taps for _ in range(2)] for _ in range(factor)]
    for phase in range(factor):
        first = -1 if phase < factor // 2 else 0
        for tap in range(taps):
            folding[phase][(phase + tap - taps // 2) // factor - first][tap] = 1.0
    return torch.tensor(folding, dtype=like.dtype, device=like.device)


def _for_squares(weight: Tensor) -> Tensor:
    """Weights `(4 O, C, 3, 3)` on the small image for an image in which each pixel is a square of four."""
    folding = fold_taps(2, 3, weight)
    # On three pixels, as tiles need them: the first phase has none on the last, the second none on the first.
    rows = torch.stack([functional.pad(folding[0], (0, 0, 0, 1)), functional.pad(folding[1], (0, 0, 1, 0))])
    return torch.einsum("auk,bvl,oikl->aboiuv", rows, rows, weight).flatten(0, 2)


def row_sums(x: Tensor) -> Tensor:
    """The sums of each row's values and of their squares, `(B, 2, F, C)`, of channels-last images `(B, C, F, S)`."""
    images = x.permute(0, 2, 3, 1)
    sums = torch.empty(len(x), 2, *images.shape[1::2])
    at_once = len(images[0]) if torch.compiler.is_compiling() else max(1, SLICE // images[0, 0].numel())
    for item, image in enumerate(images):
        for row in range(0, len(image), at_once):
            _add_up(image[row : row + at_once], sums[item, :, row : row + at_once])
    return sums


def _add_up(rows: Tensor, sums: Tensor) -> None:
    """Rows `(F, S, C)` to `(2, F, C)`, as products with ones, which are the fastest."""
    ones = torch.ones(1, 1, rows.shape[1]).expand(len(rows), -1, -1)
    for target, values in zip(sums, (rows, rows.square()), strict=True):
        target.copy_(torch.bmm(ones, values)[:, 0])


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
