"""The options of the classes that are supported, typed and checked, and the geometry that follows from them. No torch.

Names and defaults of the options are those of diffusers. Ranges are far beyond practical models, since folders may come
from untrusted sources.

`context` bounds how far the ends of a window reach into it, by receptive fields: first through the encoder, whose
unreliable latents then reach further through the decoder. It is exact for any weights. How fast the influence fades
within it depends on them: with random weights it falls below 1e-4 within 8 or 9 frames of Oobleck, and within 16 of 18
when residual branches are four times as strong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct, field

from lincae_studio.errors import CodecError

Channels = Annotated[int, Meta(ge=1, le=16_384)]
AudioChannels = Annotated[int, Meta(ge=1, le=2)]
Rate = Annotated[int, Meta(ge=8_000, le=192_000)]
Levels = Meta(min_length=1, max_length=8)
Strides = Annotated[tuple[Annotated[int, Meta(ge=1, le=64)], ...], Levels]
Multiples = Annotated[tuple[Annotated[int, Meta(ge=1, le=256)], ...], Levels]
Depths = Annotated[tuple[Annotated[int, Meta(ge=1, le=64)], ...], Levels]
Counts = Annotated[tuple[Annotated[int, Meta(ge=0, le=64)], ...], Levels]

#: Longest latent frame, in samples, and most channels within a network.
_MAX_HOP, _MAX_WIDTH = 65_536, 65_536

#: Steps that a residual group reaches to each side: kernels of 7 with dilations 1, 3 and 9.
_RESIDUAL_REACH = 3 * (1 + 3 + 9)


class Oobleck(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`AutoencoderOobleck`, a convolutional network: Stable Audio Open, ACE-Step 1.5."""

    class_name: ClassVar[str] = "AutoencoderOobleck"
    module: ClassVar[str] = "autoencoder_oobleck"
    fixed_window: ClassVar[bool] = False

    encoder_hidden_size: Channels = 128
    downsampling_ratios: Strides = (2, 4, 4, 8, 8)
    channel_multiples: Multiples = (1, 2, 4, 8, 16)
    decoder_channels: Channels = 128
    decoder_input_channels: Channels = 64
    channels: AudioChannels = field(default=2, name="audio_channels")
    sample_rate: Rate = field(default=44_100, name="sampling_rate")

    def __post_init__(self) -> None:
        if len(self.channel_multiples) != len(self.downsampling_ratios):
            raise ValueError("channel_multiples must have as many entries as downsampling_ratios")
        if any(stride % 2 for stride in self.downsampling_ratios):
            raise ValueError("downsampling_ratios must be even: otherwise the decoder returns too few samples")
        if self.encoder_hidden_size != 2 * self.decoder_input_channels:
            raise ValueError("encoder_hidden_size must be twice decoder_input_channels: mean and scale of the latents")
        _check_size(self.hop, max(self.channel_multiples) * max(self.encoder_hidden_size, self.decoder_channels))

    @property
    def hop(self) -> int:
        return math.prod(self.downsampling_ratios)

    @property
    def dim(self) -> int:
        return self.decoder_input_channels

    @property
    def context(self) -> int:
        return _convolutional_context(self.downsampling_ratios, self.downsampling_ratios[::-1])


class KvaeAudio(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`AutoencoderKLKVAEAudio`: as Oobleck, but its encoder ends by attending over all frames. KVAE-Audio."""

    class_name: ClassVar[str] = "AutoencoderKLKVAEAudio"
    module: ClassVar[str] = "autoencoder_kl_kvae_audio"
    fixed_window: ClassVar[bool] = True

    encoder_dim: Channels = 64
    encoder_rates: Strides = (2, 3, 4, 5, 8)
    latent_dim: Channels = 2048
    codebook_dim: Channels = 64
    decoder_dim: Channels = 1536
    decoder_rates: Strides = (8, 5, 4, 3, 2)
    sample_rate: Rate = 48_000
    channels: AudioChannels = field(default=1, name="num_channels")
    attn_num_heads: Annotated[int, Meta(ge=1, le=256)] = 8

    def __post_init__(self) -> None:
        if math.prod(self.decoder_rates) != self.hop:
            raise ValueError("encoder_rates and decoder_rates must have the same product")
        if self.latent_dim % self.attn_num_heads:
            raise ValueError(f"latent_dim cannot be shared by {self.attn_num_heads} heads")
        if self.decoder_dim % 2 ** len(self.decoder_rates):
            raise ValueError("decoder_dim must be divisible by 2 for each of decoder_rates")
        _check_size(self.hop, self.encoder_dim * 2 ** len(self.encoder_rates))

    @property
    def hop(self) -> int:
        return math.prod(self.encoder_rates)

    @property
    def dim(self) -> int:
        return self.codebook_dim

    @property
    def context(self) -> int:
        """Of the convolutions alone: attention reaches everywhere."""
        return _convolutional_context(self.encoder_rates, self.decoder_rates)


class Same(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`AutoencoderSAME`: transformers with attention in a sliding window. Stable Audio 3."""

    class_name: ClassVar[str] = "AutoencoderSAME"
    module: ClassVar[str] = "autoencoder_same"
    fixed_window: ClassVar[bool] = False

    channels: AudioChannels = field(default=2, name="audio_channels")
    patch_size: Annotated[int, Meta(ge=1, le=16_384)] = 256
    encoder_channels: Channels = 128
    encoder_c_mults: Multiples = (6,)
    encoder_strides: Strides = (16,)
    encoder_transformer_depths: Depths = (6,)
    latent_dim: Channels = 256
    use_differential_attention: bool = True
    dim_heads: Annotated[int, Meta(ge=4, le=1024, multiple_of=4)] = 64
    ff_mult: Annotated[int, Meta(ge=1, le=64)] = 3
    sliding_window: Annotated[int, Meta(ge=1, le=64)] = 1
    encoder_sinusoidal_blocks: Counts = (0,)
    decoder_sinusoidal_blocks: Counts = (0,)
    sample_rate: Rate = field(default=44_100, name="sampling_rate")

    def __post_init__(self) -> None:
        levels = len(self.encoder_strides)
        for name in ("encoder_c_mults", "encoder_transformer_depths"):
            if len(getattr(self, name)) != levels:
                raise ValueError(f"{name} must have {levels} entries, one for each of encoder_strides")
        for name in ("encoder_sinusoidal_blocks", "decoder_sinusoidal_blocks"):
            if len(getattr(self, name)) not in (1, levels):
                raise ValueError(f"{name} must have 1 or {levels} entries")
        for width in (multiple * self.encoder_channels for multiple in self.encoder_c_mults):
            if width % min(self.dim_heads, width) or width % 4:
                raise ValueError(f"{width} channels cannot be shared by heads of {self.dim_heads}")
            _check_size(self.hop, width * self.ff_mult)

    @property
    def hop(self) -> int:
        return self.patch_size * math.prod(self.encoder_strides)

    @property
    def dim(self) -> int:
        return self.latent_dim

    @property
    def context(self) -> int:
        """Each layer attends to `sliding_window` of its level's segments on each side, in encoder and decoder."""
        reach, segment = 0, self.patch_size
        for stride, depth in zip(self.encoder_strides, self.encoder_transformer_depths, strict=True):
            segment *= stride
            reach += depth * self.sliding_window * segment
        encoder_frames = -(-reach // self.hop)
        return encoder_frames + -(-reach // self.hop)


Config = Oobleck | KvaeAudio | Same

#: The supported classes, by the name in `config.json`.
CLASSES: dict[str, type[Config]] = {kind.class_name: kind for kind in (Oobleck, KvaeAudio, Same)}

#: Scales latents for the diffusion models that diffusers trains on them; the autoencoders do not use it.
_OF_PIPELINES = "scaling_factor"


def parse_config(config: Mapping[str, Any], source: Path) -> Config:
    """The options in a `config.json`.

    Raises:
        CodecError: naming the file, and the class or option that is unknown, of the wrong type or out of range.
    """
    name = config.get("_class_name")
    kind = CLASSES.get(name) if isinstance(name, str) else None
    if kind is None:
        described = f"of the class {name}" if isinstance(name, str) and name.isprintable() else "of no class"
        raise CodecError(f"{source} is {described}, which cannot be used here", f"Supported are {', '.join(CLASSES)}")
    options = {key: value for key, value in config.items() if key[:1] != "_" and key != _OF_PIPELINES}
    try:
        return msgspec.convert(options, kind)
    except (msgspec.ValidationError, ValueError) as error:
        allowed = ", ".join(option.encode_name for option in msgspec.structs.fields(kind))
        raise CodecError(f"{source}: {error}", f"Options of {kind.class_name} are {allowed}") from error


def _check_size(hop: int, width: int) -> None:
    if hop > _MAX_HOP:
        raise ValueError(f"a latent frame would have {hop:,} samples, more than {_MAX_HOP:,}")
    if width > _MAX_WIDTH:
        raise ValueError(f"a layer would have {width:,} channels, more than {_MAX_WIDTH:,}")


def _convolutional_context(encoder_strides: tuple[int, ...], decoder_strides: tuple[int, ...]) -> int:
    """Unreliable frames of an encoder and a decoder of Oobleck's layout.

    Down to the latents, `bad` counts unreliable steps of a level at each end; a step of the next level is unreliable if
    any that it is computed from is. A resampling by `s` reaches `s / 2` steps of the finer level beyond its own.
    """
    bad = 3  # first convolution, kernel 7
    for stride in encoder_strides:
        bad = -(-(bad + _RESIDUAL_REACH + -(-stride // 2)) // stride)
    bad += 1  # last convolution, kernel 3
    bad += 3  # first convolution of the decoder, kernel 7
    for stride in decoder_strides:
        bad = bad * stride + -(-stride // 2) + _RESIDUAL_REACH
    return -(-(bad + 3) // math.prod(decoder_strides))
