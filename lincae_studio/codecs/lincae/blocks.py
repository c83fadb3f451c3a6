"""Building blocks of encoder, pyramid and U-Net. Attribute names are those of the public state dicts.

Everything two-dimensional is `(B, C, F, S)` with frequency before time.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from lincae_studio.codecs.lincae import norms
from lincae_studio.codecs.lincae.config import PaddingMode
from lincae_studio.codecs.tiles import SLICE, Conv2d, fold_taps, row_sums

#: Scale of the frequency resampling between two levels: factors for frequency and time, by entry of the option list.
FREQUENCY_ONLY = (4, 1)
FREQUENCY_AND_TIME = (2, 2)


def resampling(entry: int) -> tuple[int, int]:
    """Factors of an entry of `freq_downsample_list`: 1 is frequency by 4, 0 is frequency and time by 2."""
    return FREQUENCY_ONLY if entry == 1 else FREQUENCY_AND_TIME


#: From this number of values on, launching more kernels costs less than copying an image.
_LARGE_IMAGE = 1 << 24


#: As `tiles.SLICE`, in bfloat16: processors that compute with it lose more by short products than by a longer way.
_LOW_SLICE = 1 << 21


class GroupNorm(nn.GroupNorm):
    """Group norm that is exact and fast on channels-last images, where torch's own is not.

    On the CPU torch adds up one long float32 sum: over ten seconds of audio it is wrong by 5e-5, where sums by blocks,
    joined in float64, are wrong by 5e-8. On CUDA torch copies the image to the other layout and back: large images
    are 1.5 times faster without that.

    Attributes:
        by_kernels: whether it is computed by kernels of our own: on CUDA, and in bfloat16 on the CPU.
    """

    by_kernels = False

    def forward(self, x: Tensor) -> Tensor:
        if self._has_kernels_for(x):
            return self._by_kernels(x, with_silu=False)
        if not _as_published() and x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last):
            if x.device.type == "cpu" and x.dtype is torch.float32:
                return self._exact(x)
            if x.device.type == "cuda" and x.numel() >= _LARGE_IMAGE:
                return self._in_place_layout(x)
        return super().forward(x)

    def activated(self, x: Tensor) -> Tensor:
        """The SiLU of the norm."""
        return self._by_kernels(x, with_silu=True) if self._has_kernels_for(x) else silu(self(x))

    def _has_kernels_for(self, x: Tensor) -> bool:
        if not self.by_kernels or _as_published() or torch.compiler.is_compiling() or x.ndim != 4:
            return False
        return norms.computes(x) if x.device.type == "cpu" else x.is_contiguous(memory_format=torch.channels_last)

    def _by_kernels(self, x: Tensor, with_silu: bool) -> Tensor:
        if x.device.type == "cpu":
            return norms.group_norm(x, self.factors, with_silu)
        from lincae_studio.codecs.lincae import kernels  # loads triton, which there is with CUDA only

        return kernels.group_norm(x, self.num_groups, self.weight, self.bias, self.eps, with_silu)

    def _in_place_layout(self, x: Tensor) -> Tensor:
        batch, channels, bins, frames = x.shape
        grouped = x.permute(0, 2, 3, 1).view(batch, bins * frames, self.num_groups, -1)
        variance, mean = torch.var_mean(grouped, dim=(1, 3), correction=0)
        scale = (variance + self.eps).rsqrt().unsqueeze(-1) * self.weight.view(self.num_groups, -1)
        shift = torch.addcmul(self.bias.view(self.num_groups, -1), mean.unsqueeze(-1), scale, value=-1.0)
        shape = (batch, channels, 1, 1)
        return torch.addcmul(shift.reshape(shape), x, scale.reshape(shape))

    def _exact(self, x: Tensor) -> Tensor:
        scale, shift = self.factors(row_sums(x), x.shape[-1])
        return torch.addcmul(shift[..., None, None], x, scale[..., None, None])

    def factors(self, sums: Tensor, count: float) -> tuple[Tensor, Tensor]:
        """What the norm multiplies each channel by and what it adds, each `(B, C)`.

        Args:
            sums: of `row_sums`, for rows of `count` values, or as many on average.
        """
        batch, _, rows, channels = sums.shape
        size = channels // self.num_groups
        grouped = sums.double().sum(2).view(batch, 2, self.num_groups, size).sum(-1)
        mean, square = (grouped / (rows * count * size)).unbind(1)
        scale = ((square - mean.square()).clamp_min(0.0) + self.eps).rsqrt().repeat_interleave(size, 1) * self.weight
        return scale.float(), (self.bias - mean.repeat_interleave(size, 1) * scale).float()


def group_norm(channels: int) -> GroupNorm:
    """Groups of four channels, at most 32 groups."""
    return GroupNorm(min(channels // 4, 32), channels)


def zeroed(module: nn.Module, really: bool) -> nn.Module:
    """The module, with all parameters set to zero if `really`, for residual branches that start as zero."""
    if really:
        for parameter in module.parameters():
            nn.init.zeros_(parameter)
    return module


def _as_published() -> bool:
    """Whether to compute as published: where gradients need it, and in traces, which work with them and without."""
    return torch.is_grad_enabled() or bool(torch.jit.is_tracing())  # type: ignore[attr-defined,no-untyped-call]


def silu(x: Tensor) -> Tensor:
    """SiLU of a tensor with no other user, in place unless gradients need it."""
    return functional.silu(x, inplace=not _as_published())


def merged(conv: nn.Module, x: Tensor, *others: Tensor) -> Tensor:
    """A 1x1 convolution of an image plus other images, divided so that the sum of independent ones keeps its level."""
    share = math.sqrt(1.0 / (1 + len(others)))
    if _as_published() or x.device.type != "cpu" or x.dtype not in (torch.float32, torch.bfloat16):
        y = conv(x)
        for other in others:
            y = y.add_(other)
        return y.mul_(share)
    # In slices that stay in the processor's cache, and as products, which add and scale by themselves.
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None
    values, *rest = (image.permute(0, 2, 3, 1).reshape(-1, image.shape[1]) for image in (x, *others))
    weight, bias = conv.weight.flatten(1).t(), conv.bias
    out = torch.empty(len(values), conv.out_channels, dtype=x.dtype)
    rows = max(1, (SLICE if x.dtype is torch.float32 else _LOW_SLICE) // conv.out_channels)
    for start in range(0, len(out), rows):
        part = slice(start, start + rows)
        into = torch.add(rest[0][part], bias, out=out[part])
        for other in rest[1:]:
            into += other[part]
        into.addmm_(values[part], weight, beta=share, alpha=share)
    return out.view(len(x), *x.shape[2:], -1).permute(0, 3, 1, 2)


#: oneDNN's strided convolution in bfloat16 (3.x, on processors with AMX) reads beyond images of fewer frames than this,
#: and returns garbage that differs from call to call.
_FEWEST_FRAMES = 3


class FrequencyGain(nn.Module):
    """A learned gain for each frequency bin."""

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1, 1, bins, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


class Downsample(nn.Module):
    """A strided convolution that divides frequency by 4, or frequency and time by 2."""

    def __init__(
        self, channels: int, out_channels: int, factors: tuple[int, int], normalize: bool, padding_mode: PaddingMode
    ) -> None:
        super().__init__()
        if normalize:
            self.norm = group_norm(channels)
        self.normalize = normalize
        if factors == FREQUENCY_ONLY:
            self.c = nn.Conv2d(channels, out_channels, (5, 1), stride=(4, 1), padding=(2, 0))
        else:
            self.c = nn.Conv2d(channels, out_channels, 3, stride=2, padding=1, padding_mode=padding_mode)

    def forward(self, x: Tensor) -> Tensor:
        if self.normalize:
            x = self.norm(x)
        frames = x.shape[-1]
        sound = x.dtype is torch.float32 or self.c.stride != (2, 2) or self.c.padding_mode != "zeros"
        if sound or frames >= _FEWEST_FRAMES:
            return self.c(x)
        return self.c(functional.pad(x, (0, _FEWEST_FRAMES - frames)))[..., : (frames + 1) // 2]


class Upsample(nn.Module):
    """Nearest-neighbour upsampling, then a convolution.

    On the CPU, without gradients and with zero padding, it is computed on the small image: the taps that fall on the
    same small pixel are added up first, which leaves two taps per axis for each phase of the output, and 2.25 to 2.5
    times fewer products. (A GPU has products to spare, and waits for memory: there it is slower, measured.)
    """

    def __init__(self, channels: int, out_channels: int, factors: tuple[int, int], padding_mode: PaddingMode) -> None:
        super().__init__()
        self.factors = factors
        if factors == FREQUENCY_ONLY:
            self.c = nn.Conv2d(channels, out_channels, (5, 1), padding=(2, 0))
        else:
            self.c = Conv2d(channels, out_channels, 3, padding=1, padding_mode=padding_mode)

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.c, Conv2d) and self.c.tiled(x):
            return self.c.convolved(x, self.c.bias, repeated=2)
        if _as_published() or x.device.type != "cpu" or self.c.padding_mode != "zeros":
            enlarged = functional.interpolate(x, scale_factor=[float(f) for f in self.factors], mode="nearest")
            return self.c(enlarged)
        return self._folded(x)

    def _folded(self, x: Tensor) -> Tensor:
        batch, _, bins, frames = x.shape
        over_bins, over_frames = self.factors
        by_time = over_frames > 1
        phases = functional.conv2d(functional.pad(x, (1, 1, 1, 1) if by_time else (0, 0, 1, 1)), self._phase_weights())
        out_channels = self.c.out_channels
        shape = (batch, out_channels, bins * over_bins, frames * over_frames)
        out = torch.empty(shape, dtype=phases.dtype, device=x.device, memory_format=torch.channels_last)
        for phase in range(over_bins * over_frames):
            a, b = divmod(phase, over_frames)
            first_bin = a * 2 // over_bins  # phases of the second half use the pixel and the next one
            first_frame = b if by_time else 0
            part = phases[:, phase * out_channels : (phase + 1) * out_channels]
            out[:, :, a::over_bins, b::over_frames] = part[
                :, :, first_bin : first_bin + bins, first_frame : first_frame + frames
            ]
        if self.c.bias is not None:
            out += self.c.bias.to(out.dtype)[:, None, None]
        return out

    def _phase_weights(self) -> Tensor:
        """`(phases * out, in, 2, 1 or 2)`: for each phase the summed taps on its two small pixels per axis."""
        weight = self.c.weight
        over_bins, over_frames = self.factors
        rows = fold_taps(over_bins, weight.shape[2], weight)
        columns = fold_taps(over_frames, weight.shape[3], weight) if over_frames > 1 else weight.new_ones(1, 1, 1)
        folded = torch.einsum("auk,bvl,oikl->aboiuv", rows, columns, weight)
        return folded.reshape(-1, weight.shape[1], rows.shape[1], columns.shape[1])


class FourierEmbedding(nn.Module):
    """Random Fourier features of the noise level (Song et al. 2021): `(B,)` to `(B, size)`."""

    def __init__(self, size: int, scale: float) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.randn(size // 2) * scale, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        angle = x[:, None] * self.W[None] * (2.0 * math.pi)
        return torch.cat([angle.sin(), angle.cos()], dim=-1)


class PositionalEmbedding(nn.Module):
    """Sinusoids of geometrically spaced frequencies (Vaswani et al. 2017): `(B,)` to `(B, size)`."""

    def __init__(self, size: int, max_positions: float = 10_000.0) -> None:
        super().__init__()
        self.size = size
        self.max_positions = max_positions

    def forward(self, x: Tensor) -> Tensor:
        half = self.size // 2
        exponent = torch.arange(half, dtype=torch.float32, device=x.device) / (half - 1)
        angle = x[:, None] * (1.0 / self.max_positions) ** exponent
        return torch.cat([angle.sin(), angle.cos()], dim=-1)


class FrequencyAttention(nn.Module):
    """Self-attention over frequency, each time frame by itself; over time for `(B, C, S)` input."""

    def __init__(self, channels: int, heads: int, zero_init: bool, normalize: bool = True) -> None:
        super().__init__()
        self.norm = group_norm(channels)
        self.mha = nn.MultiheadAttention(channels, heads, batch_first=True)
        zeroed(self.mha.out_proj, zero_init)
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, bins, frames = x.shape
        # Contiguous, since torch multiplies others frame by frame.
        tokens = self.norm(x).permute(0, 3, 2, 1).contiguous().view(batch * frames, bins, channels)
        projected = functional.linear(tokens, self.mha.in_proj_weight, self.mha.in_proj_bias)
        query, key, value = (
            part.reshape(batch * frames, bins, self.heads, channels // self.heads).transpose(1, 2)
            for part in projected.chunk(3, dim=-1)
        )
        attended = functional.scaled_dot_product_attention(query, key, value)
        merged = self.mha.out_proj(attended.transpose(1, 2).reshape(batch * frames, bins, channels))
        return x + merged.reshape(batch, frames, bins, channels).permute(0, 3, 2, 1)


class ResBlock(nn.Module):
    """Norm, SiLU, convolution, noise level, norm, SiLU, convolution, plus the input; then optional attention."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        *,
        two_d: bool,
        cond_channels: int | None = None,
        attention: bool = False,
        heads: int = 4,
        normalize: bool = True,
        dropout_rate: float = 0.0,
        min_res_dropout: int = 16,
        zero_init: bool = True,
        padding_mode: PaddingMode = "zeros",
    ) -> None:
        super().__init__()
        conv, conv_1 = (Conv2d, nn.Conv2d) if two_d else (nn.Conv1d, nn.Conv1d)
        self.normalize = normalize
        self.min_res_dropout = min_res_dropout
        self.conv1 = conv(channels, out_channels, 3, padding=1, padding_mode=padding_mode)
        self.conv2 = zeroed(conv(out_channels, out_channels, 3, padding=1, padding_mode=padding_mode), zero_init)
        self.res_conv = conv_1(channels, out_channels, 1) if channels != out_channels else nn.Identity()
        if normalize:
            self.norm1 = group_norm(channels)
            self.norm2 = group_norm(out_channels)
        if cond_channels is not None:
            self.proj_emb = zeroed(nn.Linear(cond_channels, out_channels), zero_init)
        self.dropout = nn.Dropout(dropout_rate)
        self.attention = attention
        if attention:
            self.att = FrequencyAttention(out_channels, heads, zero_init)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """`condition`: the noise level's embedding `(B, cond_channels)`."""
        if self.normalize and not self.training and isinstance(self.conv1, Conv2d) and self.conv1.tiled(x):
            y = self._by_tiles(x, condition)
            return self.att(y) if self.attention else y
        y = self.norm1.activated(x) if self.normalize else functional.silu(x)
        y = self._conditioned(y, condition)
        y = self.norm2.activated(y) if self.normalize else silu(y)
        if y.shape[-1] <= self.min_res_dropout:
            y = self.dropout(y)
        y = self.conv2(y).add_(self.res_conv(x))
        return self.att(y) if self.attention else y

    def _conditioned(self, y: Tensor, condition: Tensor | None) -> Tensor:
        """The first convolution, plus what the noise level adds to each channel."""
        if condition is None:
            return self.conv1(y)
        shift = self.proj_emb(condition)
        if len(y) == 1 and y.device.type == "cpu" and self.conv1.bias is not None and not _as_published():
            # A part of the bias, which saves reading and writing the image once more.
            return self.conv1._conv_forward(y, self.conv1.weight, self.conv1.bias + shift[0])
        y = self.conv1(y)
        y += shift.reshape(*shift.shape, *[1] * (y.ndim - 2))
        return y

    def _by_tiles(self, x: Tensor, condition: Tensor | None) -> Tensor:
        """The block without attention: norms, SiLU, noise level and input are applied to what is in the cache."""
        assert isinstance(self.conv1, Conv2d)
        assert isinstance(self.conv2, Conv2d)
        count = x.shape[-1]
        bias = self.conv1.bias if condition is None else self.conv1.bias + self.proj_emb(condition)
        sums = torch.empty(len(x), 2, x.shape[2], self.conv1.out_channels)
        before = self.norm1.factors(self.conv1.row_sums(x), count)
        y = self.conv1.convolved(x, bias, activation=before, sums=sums)
        after, skipped = self.norm2.factors(sums, count), self.res_conv(x)
        return self.conv2.convolved(y, self.conv2.bias, activation=after, added=skipped)
