"""Options of a model, typed and checked. Their names are those of the public checkpoints' YAML files."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from lincae_studio.errors import CodecError

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]

# Ranges are far beyond practical models but within what works, since configurations may come from untrusted sources.
Flag = Annotated[int, Meta(ge=0, le=1)]
Blocks = Annotated[int, Meta(ge=1, le=32)]
Channels = Annotated[int, Meta(ge=4, le=16_384)]
Hop = Annotated[int, Meta(ge=1, le=65_536)]
Sigma = Annotated[float, Meta(ge=1e-6, le=1e6)]
#: Exponents of the training schedule.
Exponent = Annotated[float, Meta(ge=-100.0, le=100.0)]

#: Attention heads of encoder and pyramid.
ENCODER_HEADS = 4


class FrontendConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The scaled complex STFT.

    Attributes:
        hop_size: samples from frame to frame.
        n_fft_factor: window length in hops. Must be 4, so that the representation's 2 * hop bins cover the spectrum.
        alpha_rescale, beta_rescale: a bin X becomes `beta * |X|**alpha * exp(i*arg X)`.
        sample_rate: in Hz; the public files may leave it out.
    """

    hop_size: Hop = 256
    n_fft_factor: Annotated[int, Meta(ge=4, le=4)] = 4
    # Beyond these ranges powers of small or large magnitudes leave float32; above 1 silence has no inverse.
    alpha_rescale: Annotated[float, Meta(ge=0.05, le=1.0)] = 0.3
    beta_rescale: Annotated[float, Meta(ge=1e-3, le=100.0)] = 1.5
    sample_rate: Annotated[int, Meta(ge=1_000, le=768_000)] | None = None


class GeneratorConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Encoder, decoder pyramid and U-Net.

    Attributes:
        base_channels, multipliers_list: channels of each level.
        layers_list, layers_list_encoder: residual blocks per level of the U-Net, and of encoder and pyramid.
        attention_list, attention_list_encoder: 1 where a level attends over frequency.
        freq_downsample_list: between levels: 1 divides frequency by 4, 0 divides frequency and time by 2.
        bottleneck_base_channels, num_bottleneck_layers: of the 1-D bottleneck between pyramid and latents.
        bottleneck_channels: latent channels D.
        bottleneck_layers: not supported, must be None.
        hop: of the frontend; the representation has 2 * hop bins.
        data_channels: of the representation, 2.
        cond_channels, use_fourier, fourier_scale: the noise level's embedding.
        heads: attention heads of the U-Net (encoder and pyramid have 4).
        normalization, pre_normalize_downsampling_encoder, pre_normalize_2d_to_1d: where group norms are applied.
        frequency_scaling: gains per frequency bin at input and output.
        dropout_rate, min_res_dropout: used in training only.
        sigma_min, sigma_max, sigma_data: of the preconditioning (Karras et al. 2022, table 1; Song et al. 2023).
        init_as_zero: whether residual branches start as zero; used in training only.
        padding_mode: of the convolutions.
    """

    base_channels: Channels = 64
    layers_list: tuple[Blocks, ...] = (2, 2, 2, 2, 2)
    multipliers_list: Annotated[tuple[Annotated[int, Meta(ge=1, le=64)], ...], Meta(min_length=1, max_length=10)] = (
        1,
        2,
        4,
        4,
        4,
    )
    attention_list: tuple[Flag, ...] = (0, 0, 1, 1, 1)
    freq_downsample_list: tuple[Flag, ...] = (1, 0, 0, 0)
    layers_list_encoder: tuple[Blocks, ...] = (1, 1, 1, 1, 1)
    attention_list_encoder: tuple[Flag, ...] = (0, 0, 1, 1, 1)
    bottleneck_base_channels: Channels = 512
    bottleneck_channels: Annotated[int, Meta(ge=1, le=16_384)] = 64
    num_bottleneck_layers: Annotated[int, Meta(ge=0, le=64)] = 4
    bottleneck_layers: None = None
    hop: Hop = 256
    data_channels: Annotated[int, Meta(ge=2, le=2)] = 2
    cond_channels: Channels = 256
    heads: Annotated[int, Meta(ge=1, le=256)] = 4
    use_fourier: bool = False
    fourier_scale: Annotated[float, Meta(ge=0.0, le=1000.0)] = 0.2
    normalization: bool = True
    dropout_rate: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.0
    min_res_dropout: Annotated[int, Meta(ge=0, le=2**31)] = 16
    pre_normalize_downsampling_encoder: bool = True
    pre_normalize_2d_to_1d: bool = True
    frequency_scaling: bool = True
    sigma_min: Sigma = 0.002
    sigma_max: Sigma = 80.0
    sigma_data: Sigma = 0.5
    init_as_zero: bool = True
    padding_mode: PaddingMode = "zeros"

    def __post_init__(self) -> None:
        levels = len(self.multipliers_list)
        for name in ("layers_list", "attention_list", "layers_list_encoder", "attention_list_encoder"):
            if len(getattr(self, name)) != levels:
                raise ValueError(f"{name} must have {levels} entries, one per level of multipliers_list")
        if len(self.freq_downsample_list) != levels - 1:
            raise ValueError(f"freq_downsample_list must have {levels - 1} entries, one between two levels")
        division = 4 ** self.freq_downsample_list.count(1) * self.time_factor
        if self.hop * 2 % division:
            raise ValueError(f"2 * hop must be divisible by {division}, by which freq_downsample_list divides the bins")
        if self.cond_channels % 2:
            raise ValueError(f"cond_channels must be even, not {self.cond_channels}")
        if not self.sigma_min < self.sigma_max:
            raise ValueError(f"sigma_min {self.sigma_min} must be less than sigma_max {self.sigma_max}")
        _check_groups("bottleneck_base_channels", self.bottleneck_base_channels)
        for level, width in enumerate(self.widths):
            _check_groups(f"base_channels * multipliers_list[{level}]", width)
            for name, heads in (("attention_list", self.heads), ("attention_list_encoder", ENCODER_HEADS)):
                if getattr(self, name)[level] and width % heads:
                    raise ValueError(f"{name}[{level}]: {width} channels cannot be shared by {heads} heads")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(self.base_channels * multiplier for multiplier in self.multipliers_list)

    @property
    def time_factor(self) -> int:
        """STFT frames per latent frame."""
        return int(2 ** self.freq_downsample_list.count(0))

    @property
    def lowest_bins(self) -> int:
        """Frequency bins at the lowest level."""
        return int(self.hop * 2 // 4 ** self.freq_downsample_list.count(1) // self.time_factor)


class DiffusionConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Noise levels. Decoding uses `sigma_min`, `sigma_max` and `rho`; the others belong to training.

    `enable_grad_denoise` is an option of `Autoencoder`, which ignores the one here.
    """

    schedule: Literal["exponential", "constant"] = "exponential"
    start_exp: Exponent = 1.0
    end_exp: Exponent = 3.0
    base_step: Annotated[float, Meta(ge=1e-9, le=1e6)] = 0.1
    sigma_min: Sigma = 0.002
    sigma_max: Sigma = 80.0
    rho: Annotated[float, Meta(ge=0.1, le=100.0)] = 7.0
    p_mean: Exponent = -1.1
    p_std: Annotated[float, Meta(gt=0.0, le=100.0)] = 2.0
    sigma_data: Sigma = 0.5
    use_lognormal: bool = True
    total_iters: Annotated[int, Meta(ge=1, le=2**62)] | None = None
    enable_grad_denoise: bool = False

    def __post_init__(self) -> None:
        if not self.sigma_min < self.sigma_max:
            raise ValueError(f"sigma_min {self.sigma_min} must be less than sigma_max {self.sigma_max}")


#: The options of one part of a model.
Options = TypeVar("Options", FrontendConfig, GeneratorConfig, DiffusionConfig)


class ModelConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything about a model except its weights."""

    frontend: FrontendConfig
    generator: GeneratorConfig
    diffusion: DiffusionConfig


def parse_config(
    frontend: dict[str, Any] | FrontendConfig,
    generator: dict[str, Any] | GeneratorConfig,
    diffusion: dict[str, Any] | DiffusionConfig,
    source: str = "the configuration",
) -> ModelConfig:
    """Validate the three tables of options.

    Raises:
        CodecError: naming the option that is unknown, unsupported, of the wrong type or out of range, and its source.
    """
    config = ModelConfig(
        frontend=parse_options("frontend", frontend, FrontendConfig, source),
        generator=parse_options("generator", generator, GeneratorConfig, source),
        diffusion=parse_options("diffusion", diffusion, DiffusionConfig, source),
    )
    if config.generator.hop != config.frontend.hop_size:
        raise CodecError(
            f"{source}: the generator's hop is {config.generator.hop}, but the frontend's is {config.frontend.hop_size}"
        )
    return config


def parse_options(
    part: str, options: dict[str, Any] | Options, kind: type[Options], source: str = "the configuration"
) -> Options:
    """Validate the options of one part. Raises `CodecError` like `parse_config`."""
    try:
        # Structs built in Python have not been validated.
        plain = msgspec.to_builtins(options) if isinstance(options, Struct) else options
        return msgspec.convert(plain, kind)
    except (msgspec.ValidationError, ValueError) as error:
        allowed = ", ".join(field.name for field in msgspec.structs.fields(kind))
        raise CodecError(
            f"{source}: {part} options are not supported: {error}", f"Valid options are {allowed}"
        ) from error


def _check_groups(name: str, channels: int) -> None:
    """Group norm has groups of four channels, at most 32 groups, all of one size."""
    groups = min(channels // 4, 32)
    if groups and channels % groups:
        raise ValueError(f"{name} is {channels}, which cannot be divided into {groups} equal groups")
