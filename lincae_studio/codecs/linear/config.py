"""The sizes of a linear codec, as in its `config.json`."""

from __future__ import annotations

import msgspec
from msgspec import Struct

#: Inclusive ranges: what a folder from a stranger may ask for.
_RANGES = {
    "sample_rate": (8_000, 192_000),
    "hop": (32, 4_096),
    "exact": (0, 4_096),
    "sketched": (0, 1_024),
    "width": (8, 1_024),
    "blocks": (0, 32),
    "kernel": (1, 31),
    "pairs": (1, 1_024),
    "excitations": (1, 16),
    "level_frames": (5, 255),
}


class LinearConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sizes of encoder and decoder.

    Attributes:
        sample_rate: in Hz.
        hop: samples per frame, and bins of the transform.
        exact: number of the lowest bins that are latents as they are.
        sketched: number of latents that are weighted sums of all bins above.
        width: channels of the decoder's network.
        blocks: residual blocks; 0 for no network, so that the decoder is linear.
        kernel: frames that a block looks at, an odd number.
        pairs: number of weighted sums of latents of three frames, the magnitudes of which the network gets.
        excitations: signals, besides the linear estimate, that the network scales in each bin.
        level_frames: frames over which the level is averaged, an odd number and not below `decoder.SHORT_FRAMES`.
    """

    sample_rate: int = 44_100
    hop: int = 1024
    exact: int
    sketched: int
    width: int = 224
    blocks: int = 6
    kernel: int = 7
    pairs: int = 96
    excitations: int = 1
    level_frames: int = 17

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be between {low} and {high}, but is {value}")
        if self.hop % 2 or not self.kernel % 2 or not self.level_frames % 2:
            raise ValueError("hop must be even, kernel and level_frames odd")
        if not self.exact + self.sketched <= self.hop or not self.exact + self.sketched:
            raise ValueError(f"exact and sketched must be 1 to {self.hop} together")
        if self.exact == self.hop and self.blocks:
            raise ValueError("a codec with all bins exact has nothing for a network to fill")

    @property
    def dim(self) -> int:
        """Channels of a latent frame."""
        return self.exact + self.sketched

    @property
    def filled(self) -> int:
        """Number of bins that are estimated."""
        return self.hop - self.exact

    @property
    def context(self) -> int:
        """Frames before and after a frame that its decoding depends on, besides the overlap of the transform."""
        return self.level_frames // 2 + 1 + self.blocks * (self.kernel // 2) if self.blocks else 0


def parse_config(options: object) -> LinearConfig:
    """Raises `ValueError` (`msgspec.ValidationError` is one) for options that are not valid."""
    return msgspec.convert(options, LinearConfig)


def shapes(config: LinearConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all weights of a codec, those of its encoder included."""
    return {"sketch": (config.sketched, config.filled)} | decoder_shapes(config)


def decoder_shapes(config: LinearConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights of a decoder."""
    dim, width, wide = config.dim, config.width, 2 * config.width
    found: dict[str, tuple[int, ...]] = {"spread": (config.sketched, config.filled)}
    if not config.blocks:
        return found
    found |= {
        "scale": (dim,),
        "hardness": (config.excitations, config.filled),
        "pairs.weight": (config.pairs, 3 * dim),
        "excitations.weight": (config.excitations * config.filled, 3 * dim),
        "norm.weight": (width,),
        "norm.bias": (width,),
    }
    for name, count, of in (
        ("features", width, 3 * dim),
        ("paired", width, config.pairs),
        ("levels", (1 + config.excitations) * config.filled, width),
    ):
        found |= {f"{name}.weight": (count, of), f"{name}.bias": (count,)}
    for number in range(config.blocks):
        block = f"blocks.{number}"
        found |= {
            f"{block}.depthwise.weight": (width, 1, config.kernel),
            f"{block}.depthwise.bias": (width,),
            f"{block}.norm.weight": (width,),
            f"{block}.norm.bias": (width,),
            f"{block}.expand.weight": (wide, width),
            f"{block}.expand.bias": (wide,),
            f"{block}.contract.weight": (width, wide),
            f"{block}.contract.bias": (width,),
            f"{block}.gain": (width,),
        }
    return found
