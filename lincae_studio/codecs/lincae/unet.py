"""Encoder, decoder pyramid and the consistency U-Net. Attribute names are those of the public state dicts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from lincae_studio.codecs.lincae.blocks import (
    Downsample,
    FourierEmbedding,
    FrequencyGain,
    PositionalEmbedding,
    ResBlock,
    Upsample,
    group_norm,
    merged,
    resampling,
    zeroed,
)
from lincae_studio.codecs.lincae.config import GeneratorConfig, parse_options
from lincae_studio.codecs.lincae.options import option


def _res_block(
    config: GeneratorConfig, channels: int, out_channels: int, *, two_d: bool, **options: object
) -> ResBlock:
    """A residual block with the options shared by all blocks of a model."""
    return ResBlock(
        channels,
        out_channels,
        two_d=two_d,
        normalize=config.normalization,
        dropout_rate=config.dropout_rate,
        min_res_dropout=config.min_res_dropout,
        padding_mode=config.padding_mode,
        **options,  # type: ignore[arg-type]
    )


def _widths(config: GeneratorConfig) -> list[int]:
    return [config.base_channels * multiplier for multiplier in config.multipliers_list]


class Encoder(nn.Module):
    """Representation `(B, 2, F, S)` to latents `(B, D, T)` in (-1, 1)."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        widths = _widths(config)
        self.frequency_scaling = config.frequency_scaling
        self.gain = FrequencyGain(config.hop * 2)
        self.conv_inp = nn.Conv2d(config.data_channels, widths[0], 3, padding=1, padding_mode=config.padding_mode)
        layers: list[nn.Module] = []
        channels = widths[0]
        for level, width in enumerate(widths):
            for _ in range(config.layers_list_encoder[level]):
                attention = config.attention_list_encoder[level] == 1
                layers.append(
                    _res_block(config, channels, width, two_d=True, attention=attention, zero_init=config.init_as_zero)
                )
                channels = width
            if level < len(widths) - 1:
                factors = resampling(config.freq_downsample_list[level])
                normalize = config.pre_normalize_downsampling_encoder
                layers.append(Downsample(channels, channels, factors, normalize, config.padding_mode))
        self.down_layers = nn.ModuleList(layers)
        if config.pre_normalize_2d_to_1d:
            self.prenorm_1d_to_2d = group_norm(channels)
        self.prenormalize = config.pre_normalize_2d_to_1d
        inner = config.bottleneck_base_channels
        self.bottleneck_layers = nn.Sequential(
            nn.Conv1d(channels * config.lowest_bins, inner, 1),
            *(
                _res_block(config, inner, inner, two_d=False, zero_init=config.init_as_zero)
                for _ in range(config.num_bottleneck_layers)
            ),
        )
        self.norm_out = group_norm(inner)
        self.conv_out = nn.Conv1d(inner, config.bottleneck_channels, 1)

    def features(self, representation: Tensor) -> Tensor:
        """`(B, channels * bins, T)`: the input of the bottleneck."""
        x = self.conv_inp(representation.to(self.conv_inp.weight.dtype))
        if self.frequency_scaling:
            x = self.gain(x)
        for layer in self.down_layers:
            x = layer(x)
        if self.prenormalize:
            x = self.prenorm_1d_to_2d(x)
        return x.reshape(x.shape[0], -1, x.shape[-1])

    def bottleneck_features(self, features: Tensor) -> Tensor:
        """What `features` returns, `(B, features, T)`, to latents `(B, D, T)`."""
        x = self.bottleneck_layers(features)
        return torch.tanh(self.conv_out(self.norm_out.activated(x)))

    def forward(self, representation: Tensor, extract_features: bool = False) -> Tensor:
        """Latents `(B, D, T)`, or with `extract_features` the input of the bottleneck, `(B, features, T)`."""
        features = self.features(representation)
        return features if extract_features else self.bottleneck_features(features)


class Pyramid(nn.Module):
    """Latents `(B, D, T)` to one feature map per level, finest first: what the U-Net is conditioned on."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        widths = _widths(config)[::-1]
        inner = config.bottleneck_base_channels
        self.lowest_bins = config.lowest_bins
        self.conv_inp = nn.Conv1d(config.bottleneck_channels, inner, 1)
        # These blocks contain a projection of the noise level that is never used, but is part of the format.
        self.bottleneck_layers = nn.Sequential(
            *(
                _res_block(
                    config, inner, inner, two_d=False, cond_channels=config.cond_channels, zero_init=config.init_as_zero
                )
                for _ in range(config.num_bottleneck_layers)
            )
        )
        self.conv_out_bottleneck = nn.Conv1d(inner, widths[0] * config.lowest_bins, 1)
        layers: list[nn.Module] = []
        #: Indices of the layers after which each level is complete.
        self.level_ends: list[int] = []
        for level, width in enumerate(widths):
            from_end = len(widths) - 1 - level
            for _ in range(config.layers_list_encoder[from_end]):
                attention = config.attention_list_encoder[from_end] == 1
                layers.append(
                    _res_block(config, width, width, two_d=True, attention=attention, zero_init=config.init_as_zero)
                )
            self.level_ends.append(len(layers))
            if level < len(widths) - 1:
                factors = resampling(config.freq_downsample_list[from_end - 1])
                layers.append(Upsample(width, widths[level + 1], factors, config.padding_mode))
        self.up_layers = nn.ModuleList(layers)

    def forward(self, latents: Tensor) -> tuple[Tensor, ...]:
        x = self.conv_out_bottleneck(self.bottleneck_layers(self.conv_inp(latents.to(self.conv_inp.weight.dtype))))
        batch, _, frames = x.shape
        # Bins are the slower axis of the 1-D channels.
        x = x.reshape(batch, self.lowest_bins, -1, frames).transpose(1, 2)
        levels = []
        for index, layer in enumerate(self.up_layers):
            if index in self.level_ends:
                levels.append(x)
            x = layer(x)
        levels.append(x)
        return tuple(reversed(levels))


class UNet(nn.Module):
    """The consistency model: noisy representation, noise level and latents to the clean representation.

    Args:
        config: the options, or pass them by name. They are attributes that cannot be set.

    Raises:
        CodecError: when an option is unknown or out of range.
    """

    hop = option("hop")
    data_channels = option("data_channels")
    cond_channels = option("cond_channels")
    layers_list = option("layers_list")
    multipliers_list = option("multipliers_list")
    attention_list = option("attention_list")
    freq_downsample_list = option("freq_downsample_list")
    frequency_scaling = option("frequency_scaling")
    pre_normalize_2d_to_1d = option("pre_normalize_2d_to_1d")
    pre_normalize_downsampling_encoder = option("pre_normalize_downsampling_encoder")
    init_as_zero = option("init_as_zero")
    use_fourier = option("use_fourier")
    fourier_scale = option("fourier_scale")
    sigma_min = option("sigma_min")
    sigma_max = option("sigma_max")
    sigma_data = option("sigma_data")

    def __init__(self, config: GeneratorConfig | None = None, **options: Any) -> None:
        super().__init__()
        config = config or parse_options("generator", options, GeneratorConfig)
        self.config = config
        widths = _widths(config)
        cond, bins = config.cond_channels, config.hop * 2
        self.encoder = Encoder(config)
        self.decoder = Pyramid(config)
        self.emb: nn.Module = (
            FourierEmbedding(cond, config.fourier_scale) if config.use_fourier else PositionalEmbedding(cond)
        )
        self.emb_proj = _perceptron(cond)
        self.scale_inp = _perceptron(cond, bins, config.init_as_zero)
        self.scale_out = _perceptron(cond, bins, config.init_as_zero)
        self.conv_inp = nn.Conv2d(config.data_channels, widths[0], 3, padding=1, padding_mode=config.padding_mode)
        self.down_layers = nn.ModuleList(self._path(config, widths, down=True))
        self.up_layers = nn.ModuleList(self._path(config, widths, down=False))
        self.conv_decoded = nn.Conv2d(widths[0], widths[0], 1)
        self.norm_out = group_norm(widths[0])
        self.conv_out = zeroed(
            nn.Conv2d(widths[0], config.data_channels, 3, padding=1, padding_mode=config.padding_mode),
            config.init_as_zero,
        )

    @staticmethod
    def _path(config: GeneratorConfig, widths: list[int], down: bool) -> list[nn.Module]:
        """Per level and block a 1x1 convolution of the pyramid's level, then the block; between levels, resampling."""
        layers: list[nn.Module] = []
        order = list(range(len(widths))) if down else list(range(len(widths)))[::-1]
        for level, following in pairwise([*order, None]):
            assert level is not None
            width = widths[level]
            for _ in range(config.layers_list[level]):
                layers.append(nn.Conv2d(width, width, 1))
                layers.append(
                    _res_block(
                        config,
                        width,
                        width,
                        two_d=True,
                        cond_channels=config.cond_channels,
                        attention=config.attention_list[level] == 1,
                        heads=config.heads,
                        zero_init=True,
                    )
                )
            if following is not None:
                factors = resampling(config.freq_downsample_list[min(level, following)])
                if down:
                    layers.append(Downsample(width, widths[following], factors, False, config.padding_mode))
                else:
                    layers.append(Upsample(width, widths[following], factors, config.padding_mode))
        return layers

    def forward(
        self, representation: Tensor, noisy: Tensor, noisier: Tensor, sigma: Tensor, higher_sigma: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The two estimates `(B, 2, F, S)` that consistency training compares, the first one without gradients.

        Args:
            representation: `(B, 2, F, S)` to encode.
            noisy, noisier: `(B, 2, F, S)` with noise of standard deviation `sigma` and `higher_sigma`, each `(B,)`.
        """
        pyramid = self.decoder(self.encoder(representation))
        return self.denoise(pyramid, noisy, sigma).detach(), self.denoise(pyramid, noisier, higher_sigma)

    def forward_generator(
        self,
        latents: Tensor,
        x: Tensor,
        sigma: Tensor | float | None = None,
        pyramid_latents: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """The clean representation `(B, 2, F, S)`: `denoise` with the arguments of the reference package.

        Args:
            latents: `(B, D, T)`, or a representation like `x`, which is encoded; unused with `pyramid_latents`.
            x: `(B, 2, F, S)` with noise.
            sigma: its standard deviation: one number, or `(B,)`; default: `sigma_max`.
            pyramid_latents: the decoder's output for the latents, if it was computed before.
        """
        level = self.config.sigma_max if sigma is None else sigma
        if pyramid_latents is None:
            pyramid_latents = self.decoder(self.encoder(latents) if latents.shape == x.shape else latents)
        return self.denoise(pyramid_latents, x, torch.ones(len(x), device=x.device) * level)

    def denoise(self, pyramid: Sequence[Tensor], noisy: Tensor, sigma: Tensor) -> Tensor:
        """The clean representation `(B, 2, F, S)`.

        Args:
            pyramid: from `decoder`, the conditioning.
            noisy: `(B, 2, F, S)` with noise of standard deviation `sigma` `(B,)`.

        Preconditioned so that at sigma_min the output is the input (Song et al. 2023, appendix C).
        """
        config = self.config
        dtype = self.conv_inp.weight.dtype  # noise has a large range, so it is scaled in float32 with any weights
        embedding = self.emb(torch.log(sigma) / 4.0).to(dtype)
        condition = self.emb_proj(embedding)
        c_skip, c_out, c_in = preconditioning(sigma, config.sigma_min, config.sigma_data)
        x = self.conv_inp((c_in * noisy).to(dtype))
        if config.frequency_scaling:
            x = x * (1.0 + self.scale_inp(embedding)[:, None, :, None])
        skips: list[Tensor] = []
        layers = iter(self.down_layers)
        for level, blocks in enumerate(config.layers_list):
            for _ in range(blocks):
                x = merged(next(layers), pyramid[level], x)
                x = next(layers)(x, condition)
                skips.append(x)
            if level < len(config.layers_list) - 1:
                x = next(layers)(x)
        layers = iter(self.up_layers)
        for level, blocks in reversed(list(enumerate(config.layers_list))):
            for _ in range(blocks):
                x = merged(next(layers), pyramid[level], x, skips.pop())
                x = next(layers)(x, condition)
            if level > 0:
                x = next(layers)(x)
        x = merged(self.conv_decoded, pyramid[0], x)
        x = self.norm_out.activated(x)
        if config.frequency_scaling:
            x = x * (1.0 + self.scale_out(embedding)[:, None, :, None])
        return c_skip * noisy + c_out * self.conv_out(x).float()


def preconditioning(sigma: Tensor, sigma_min: float, sigma_data: float) -> tuple[Tensor, Tensor, Tensor]:
    """c_skip, c_out, c_in for noise levels `(B,)`, each `(B, 1, 1, 1)` (Song et al. 2023, appendix C)."""
    sigma = sigma.reshape(-1, 1, 1, 1)
    total = (sigma**2 + sigma_data**2).sqrt()
    c_skip = sigma_data**2 / ((sigma - sigma_min) ** 2 + sigma_data**2)
    return c_skip, sigma_data * (sigma - sigma_min) / total, 1.0 / total


def _perceptron(channels: int, out_channels: int | None = None, zero_init: bool = False) -> nn.Sequential:
    """Two layers of SiLU; with `out_channels` a linear layer after them."""
    layers: list[nn.Module] = [nn.Linear(channels, channels), nn.SiLU(), nn.Linear(channels, channels), nn.SiLU()]
    if out_channels is not None:
        layers.append(zeroed(nn.Linear(channels, out_channels), zero_init))
    return nn.Sequential(*layers)
