"""Options of a model, typed and checked. Their names are those of the public checkpoints' YAML files."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from lincae_studio.errors import CodecError

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]


class FrontendConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The scaled complex STFT.

    Attributes:
        hop_size: samples from frame to frame.
        n_fft_factor: window length in hops.
        alpha_rescale, beta_rescale: a bin X becomes `beta * |X|**alpha * exp(i*arg X)`.
        sample_rate: in Hz; the public files may leave it out.
    """

    hop_size: int = 256
    n_fft_factor: int = 4
    alpha_rescale: float = 0.3
    beta_rescale: float = 1.5
    sample_rate: int | None = None


class GeneratorConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Encoder, decoder pyramid and U-Net.

    Attributes:
        base_channels, multipliers_list: channels of each level.
        layers_list, layers_list_encoder: residual blocks per level of the U-Net, and of encoder and pyramid.
        attention_list, attention_list_encoder: 1 where a level attends over frequency.
        freq_downsample_list: between levels: 1 divides frequency by 4, 0 divides frequency and time by 2.
        bottleneck_base_channels, num_bottleneck_layers: of the 1-D part between pyramid and latents.
        bottleneck_channels: latent channels D.
        bottleneck_layers: not supported, must be None.
        hop: of the frontend; the representation has 2 * hop bins.
        data_channels: of the representation, 2.
        cond_channels, use_fourier, fourier_scale: the noise level's embedding.
        heads: attention heads of the U-Net (encoder and pyramid have 4).
        normalization, pre_normalize_downsampling_encoder, pre_normalize_2d_to_1d: where group norms stand.
        frequency_scaling: gains per frequency bin at input and output.
        dropout_rate, min_res_dropout: used in training only.
        sigma_min, sigma_max, sigma_data: of the preconditioning (Karras et al. 2022, table 1; Song et al. 2023).
        init_as_zero: whether residual branches start as zero; used in training only.
        padding_mode: of the convolutions.
    """

    base_channels: int = 64
    layers_list: tuple[int, ...] = (2, 2, 2, 2, 2)
    multipliers_list: tuple[int, ...] = (1, 2, 4, 4, 4)
    attention_list: tuple[int, ...] = (0, 0, 1, 1, 1)
    freq_downsample_list: tuple[int, ...] = (1, 0, 0, 0)
    layers_list_encoder: tuple[int, ...] = (1, 1, 1, 1, 1)
    attention_list_encoder: tuple[int, ...] = (0, 0, 1, 1, 1)
    bottleneck_base_channels: int = 512
    bottleneck_channels: int = 64
    num_bottleneck_layers: int = 4
    bottleneck_layers: None = None
    hop: int = 256
    data_channels: int = 2
    cond_channels: int = 256
    heads: int = 4
    use_fourier: bool = False
    fourier_scale: float = 0.2
    normalization: bool = True
    dropout_rate: float = 0.0
    min_res_dropout: int = 16
    pre_normalize_downsampling_encoder: bool = True
    pre_normalize_2d_to_1d: bool = True
    frequency_scaling: bool = True
    sigma_min: float = 0.002
    sigma_max: float = 80.0
    sigma_data: float = 0.5
    init_as_zero: bool = True
    padding_mode: PaddingMode = "zeros"

    def __post_init__(self) -> None:
        levels = len(self.multipliers_list)
        for name in ("layers_list", "attention_list", "layers_list_encoder", "attention_list_encoder"):
            if len(getattr(self, name)) != levels:
                raise ValueError(f"{name} must have {levels} entries, one per level of multipliers_list")
        if len(self.freq_downsample_list) != levels - 1:
            raise ValueError(f"freq_downsample_list must have {levels - 1} entries, one between two levels")

    @property
    def time_factor(self) -> int:
        """STFT frames per latent frame."""
        return int(2 ** self.freq_downsample_list.count(0))

    @property
    def lowest_bins(self) -> int:
        """Frequency bins at the lowest level."""
        return int(self.hop * 2 // 4 ** self.freq_downsample_list.count(1) // self.time_factor)


class DiffusionConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Noise levels. Decoding uses `sigma_min`, `sigma_max` and `rho`; the others belong to training."""

    schedule: Literal["exponential", "constant"] = "exponential"
    start_exp: float = 1.0
    end_exp: float = 3.0
    base_step: float = 0.1
    sigma_min: float = 0.002
    sigma_max: float = 80.0
    rho: float = 7.0
    p_mean: float = -1.1
    p_std: float = 2.0
    sigma_data: float = 0.5
    use_lognormal: bool = True
    total_iters: int | None = None
    enable_grad_denoise: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.sigma_min < self.sigma_max or self.rho <= 0.0:
            raise ValueError("0 < sigma_min < sigma_max and 0 < rho must hold")


class ModelConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of a model but its weights."""

    frontend: FrontendConfig
    generator: GeneratorConfig
    diffusion: DiffusionConfig


def parse_config(
    frontend: dict[str, Any] | FrontendConfig,
    generator: dict[str, Any] | GeneratorConfig,
    diffusion: dict[str, Any] | DiffusionConfig,
    source: str = "the configuration",
) -> ModelConfig:
    """Check the three tables of options.

    Raises:
        CodecError: naming the option that is unknown, unsupported or of a wrong type, and where it stands.
    """
    parts: dict[str, Any] = {}
    for name, options, kind in (
        ("frontend", frontend, FrontendConfig),
        ("generator", generator, GeneratorConfig),
        ("diffusion", diffusion, DiffusionConfig),
    ):
        try:
            parts[name] = options if isinstance(options, Struct) else msgspec.convert(options, kind)
        except (msgspec.ValidationError, ValueError) as error:
            allowed = ", ".join(field.name for field in msgspec.structs.fields(kind))
            raise CodecError(
                f"{source}: {name} options are not supported: {error}", f"Options are {allowed}"
            ) from error
    config = ModelConfig(**parts)
    if config.generator.hop != config.frontend.hop_size:
        raise CodecError(
            f"{source}: generator hop {config.generator.hop} is not the frontend's {config.frontend.hop_size}"
        )
    return config
