"""All settings of a training run as one value: those of any codec, those of Lin-CAE and of linear codecs."""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec
import torch
from msgspec import Struct

from lincae_studio import __version__
from lincae_studio.codecs.lincae.config import DiffusionConfig, FrontendConfig, GeneratorConfig
from lincae_studio.codecs.linear.config import LinearConfig
from lincae_studio.codecs.linear.preview import PreviewConfig
from lincae_studio.errors import UsageError
from lincae_studio.evaluation.metrics import STFT_SIZES

#: In samples.
LONGEST_STFT = max(STFT_SIZES)


class Recipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the training of every codec needs.

    Attributes:
        sample_rate: of the audio, in Hz.
        level_min: windows are scaled to a peak between this and 1; 0 leaves levels unchanged.
        steps: total number. Every schedule depends on it, so a resumed run keeps it.
        batch: windows per step and device; the same number of mixtures of them is added.
        lr, final_lr, warmup: of RAdam: up in `warmup` steps, then down along a cosine.
        ema_decay, ema_every: moving average of the weights, updated every `ema_every` steps.
        precision: precision of the arithmetic. `auto` is bf16 on a GPU that supports it, else fp32. With fp16, which
            the authors of Lin-CAE use, losses are scaled so that gradients do not vanish.
        compile: whether to use torch.compile: minutes at the start, faster steps.
        sampling: whether a file of a folder is drawn with a probability proportional to its `length`, or each `file`
            with the same probability.
        short_files: whether files shorter than a window are followed by silence (`pad`) or left out (`skip`).
        validations: number of validations, evenly spaced, if there is validation data.
        synth_minutes: minutes of procedural songs, in four stems, that windows are cut from.
        seed: of weights, data and noise.
    """

    sample_rate: int = 44_100
    level_min: float = 0.0
    steps: int = 800_000
    batch: int = 20
    lr: float = 1e-4
    final_lr: float = 1e-6
    warmup: int = 10_000
    ema_decay: float = 0.9999
    ema_every: int = 10
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    compile: bool = False
    sampling: Literal["length", "file"] = "length"
    short_files: Literal["pad", "skip"] = "pad"
    validations: int = 32
    synth_minutes: float = 20.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name, low)
            if not low <= value <= high:  # NaN is in no range
                raise ValueError(f"{name} must be between {low:g} and {high:g}, but is {value:g}")
        if not 0.0 < self.lr < math.inf:
            raise ValueError(f"lr must be a positive number, but is {self.lr:g}")
        if self.batch < 2:
            raise ValueError("batch must be at least 2: windows are mixed with each other")

    @property
    def window_samples(self) -> int:
        """Samples of a window of training audio."""
        raise NotImplementedError

    def whole_samples(self, seconds: float) -> int:
        """About as many samples as that takes, at least those of one latent frame, divided into whole frames."""
        raise NotImplementedError


class LinCaeRecipe(Recipe, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Training a Lin-CAE. The defaults are the paper's `lin-cae`, but for `sampling` and `short_files`.

    Attributes:
        hop, alpha, beta: of the frontend: a bin X of an STFT of hop `hop` becomes `beta * |X|**alpha * exp(i*arg X)`.
            The representation's standard deviation should be some 0.3 to 0.5.
        frames: STFT frames per window.
        base_channels, multipliers: channels of each level.
        blocks, encoder_blocks: residual blocks per level of the U-Net, and of encoder and pyramid.
        attention: 1 where a level attends over frequency.
        freq_downsample: between levels: 1 divides frequency by 4, 0 divides frequency and time by 2.
        bottleneck_channels, bottleneck_blocks: of the 1-D part between pyramid and latents.
        latent_channels: D.
        cond_channels: of the noise level's embedding.
        sigma_max, p_mean, p_std: highest noise level; mean and deviation of the log-normal density of levels.
        start_exp, end_exp: the step between teacher and student is `0.1**exponent`, the exponent going from one to the
            other. At exponent 0 the teacher is the data itself: a regression.
        linearity: `implicit`: latents of mixtures and gains are the same algebra on latents; `augmentation`: they are
            encoded like other audio, which is the baseline.
        premix: probability with which a window is replaced by half the sum of itself and another one of its batch,
            before anything else: how the authors augment their baseline `m2l`.
        gain_probability: share of the items that get a gain; with 0 no level is changed.
        gain_min, gain_max: range of the gain. A gain never raises a peak above 1.
        gain_zero_below: smaller gains are 0.
        gain_anneal: whether the range shrinks to 1.
        gain_hold, gain_rest: share of the steps before, and after, it shrinks.
    """

    hop: int = 512
    alpha: float = 0.65
    beta: float = 0.34
    frames: int = 64

    base_channels: int = 64
    multipliers: tuple[int, ...] = (1, 2, 4, 4, 4)
    blocks: int = 2
    encoder_blocks: int = 1
    attention: tuple[int, ...] = (0, 0, 1, 1, 1)
    freq_downsample: tuple[int, ...] = (1, 0, 0, 0)
    bottleneck_channels: int = 512
    bottleneck_blocks: int = 4
    latent_channels: int = 64
    cond_channels: int = 256

    sigma_max: float = 80.0
    p_mean: float = -1.1
    p_std: float = 2.0
    start_exp: float = 1.0
    end_exp: float = 2.0

    linearity: Literal["implicit", "augmentation"] = "implicit"
    premix: float = 0.0
    gain_probability: float = 0.8
    gain_min: float = 0.0
    gain_max: float = 3.0
    gain_zero_below: float = 0.05
    gain_anneal: bool = True
    gain_hold: float = 0.2
    gain_rest: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gain_hold + self.gain_rest >= 1.0:
            raise ValueError("gain_hold and gain_rest must leave some steps between them")
        for config in (self.frontend, self.generator, self.diffusion):
            msgspec.convert(msgspec.to_builtins(config), type(config))  # structs are not checked when they are made
        if self.frames % self.generator.time_factor:
            raise ValueError(f"frames must be a multiple of {self.generator.time_factor}, the STFT frames per latent")

    @property
    def frontend(self) -> FrontendConfig:
        return FrontendConfig(
            hop_size=self.hop, alpha_rescale=self.alpha, beta_rescale=self.beta, sample_rate=self.sample_rate
        )

    @property
    def generator(self) -> GeneratorConfig:
        levels = len(self.multipliers)
        return GeneratorConfig(
            base_channels=self.base_channels,
            multipliers_list=self.multipliers,
            layers_list=(self.blocks,) * levels,
            layers_list_encoder=(self.encoder_blocks,) * levels,
            attention_list=self.attention,
            attention_list_encoder=self.attention,
            freq_downsample_list=self.freq_downsample,
            bottleneck_base_channels=self.bottleneck_channels,
            num_bottleneck_layers=self.bottleneck_blocks,
            bottleneck_channels=self.latent_channels,
            cond_channels=self.cond_channels,
            hop=self.hop,
            sigma_max=self.sigma_max,
        )

    @property
    def diffusion(self) -> DiffusionConfig:
        return DiffusionConfig(
            start_exp=self.start_exp,
            end_exp=self.end_exp,
            sigma_max=self.sigma_max,
            p_mean=self.p_mean,
            p_std=self.p_std,
            total_iters=self.steps,
        )

    @property
    def window_samples(self) -> int:
        """Samples that the STFT frames of a window are computed from."""
        return (self.frames - 1) * self.hop + self.hop * self.frontend.n_fft_factor

    def whole_samples(self, seconds: float) -> int:
        hop = self.hop * self.generator.time_factor
        frames = max(1, round(seconds * self.sample_rate / hop))
        return frames * hop + self.hop * (self.frontend.n_fft_factor - 1)


class DecoderRecipe(Recipe, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Training a decoder of `codecs.linear`.

    Attributes:
        width, blocks, kernel, pairs, excitations, level_frames: as in `LinearConfig`.
        frames: latent frames per window.
        waveform_weight: of the ratio of error and signal in dB, beside the MR-STFT distance.
        additivity_weight: of the decibels by which a sum's error of additivity exceeds `additivity_db`.
        additivity_db: the ratio of a decoded sum to that error which is good enough.
    """

    width: int = 224
    blocks: int = 6
    kernel: int = 7
    pairs: int = 96
    excitations: int = 1
    level_frames: int = 17
    frames: int = 48

    waveform_weight: float = 0.03
    additivity_weight: float = 0.04
    additivity_db: float = 25.5

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.config
        if self.window_samples < LONGEST_STFT + 2 * self.margin:
            raise ValueError(f"a window of {self.frames} frames is shorter than the longest STFT of the loss")

    @property
    def config(self) -> LinearConfig:
        """The sizes of the decoder."""
        raise NotImplementedError

    @property
    def margin(self) -> int:
        """Samples at both ends of a window that no loss is computed from."""
        raise NotImplementedError


class LinearRecipe(DecoderRecipe, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Training a codec with a linear encoder (`codecs.linear`).

    Attributes:
        hop, exact, sketched: as in `LinearConfig`.
        encoder_share: of the learning rate, for the encoder and the linear estimate; 0 keeps the fixed design.
    """

    hop: int = 1024
    exact: int
    sketched: int
    encoder_share: float = 0.0

    @property
    def config(self) -> LinearConfig:
        return LinearConfig(**{name: getattr(self, name) for name in LinearConfig.__struct_fields__})

    @property
    def margin(self) -> int:
        """The ends lack the frames that overlap them."""
        return self.hop

    @property
    def window_samples(self) -> int:
        return (self.frames + 1) * self.hop

    def whole_samples(self, seconds: float) -> int:
        return (max(1, round(seconds * self.sample_rate / self.hop)) + 1) * self.hop


class DistillRecipe(DecoderRecipe, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Training the preview of a codec (`codecs.linear.preview`).

    Attributes:
        codec: its id, or the path of its folder.
        space, hop, dim, window_extra, context: those of the codec; see `CodecInfo`.
        bins: samples from one frame of the preview's transform to the next; divides the hop.
        target: what a preview is to sound like: the `audio` itself, or what the codec has `decoded`, which has to be
            computed in each step.
    """

    codec: str
    space: str
    hop: int
    dim: int
    window_extra: int
    context: int
    bins: int = 512
    target: Literal["audio", "decoded"] = "audio"

    @property
    def config(self) -> LinearConfig:
        return self.preview.model

    @property
    def preview(self) -> PreviewConfig:
        """What the preview is for, and its sizes."""
        common = {name: getattr(self, name) for name in LinearConfig.__struct_fields__ if hasattr(self, name)}
        model = LinearConfig(**common, exact=0, sketched=self.dim)
        return PreviewConfig(space=self.space, window_extra=self.window_extra, bins=self.bins, model=model)

    @property
    def margin(self) -> int:
        return max(self.window_extra, self.bins) + self.context * self.hop

    @property
    def window_samples(self) -> int:
        return self.frames * self.hop + self.window_extra

    def whole_samples(self, seconds: float) -> int:
        """Always a window, since some codecs know only one length."""
        return self.window_samples


class Run(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run as recorded in its folder.

    Attributes:
        preset: preset that the recipe is based on.
        recipe: recipe with all overrides.
        data: data options, with absolute paths.
        validate: validation data: a folder's absolute path, `synth`, or the share of the files that is held out; None
            for no validation.
        version: version of LinCAE Studio that started the run.
    """

    preset: str
    recipe: Recipe
    data: list[str]
    validate: str | None = None
    version: str = __version__


def parse_recipe(options: dict[str, Any], source: str, kind: type[Recipe]) -> Recipe:
    """Convert options to a recipe. Raises `UsageError`, naming the field, for a value that is not valid."""
    try:
        return msgspec.convert(options, kind)
    except (msgspec.ValidationError, ValueError) as error:
        raise UsageError(f"{source}: {error}") from error


def resolved_precision(recipe: Recipe) -> Literal["fp32", "bf16", "fp16"]:
    """The recipe's precision, resolved on this machine."""
    if recipe.precision != "auto":
        return recipe.precision
    fast = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16" if fast else "fp32"


#: Inclusive ranges of the numbers that the codec's own options do not check.
_RANGES: dict[str, tuple[float, float]] = {
    "sample_rate": (1_000, 768_000),
    "hop": (1, 65_536),
    "frames": (1, 65_536),
    "premix": (0.0, 1.0),
    "gain_probability": (0.0, 1.0),
    "gain_min": (0.0, 1.0),
    "gain_max": (1.0, 1e6),
    "gain_zero_below": (0.0, 1e6),
    "gain_hold": (0.0, 1.0),
    "gain_rest": (0.0, 1.0),
    "level_min": (0.0, 1.0),
    "ema_decay": (0.0, 1.0),
    "encoder_share": (0.0, 1.0),
    "waveform_weight": (0.0, 1e6),
    "additivity_weight": (0.0, 1e6),
    "additivity_db": (-160.0, 160.0),
    "synth_minutes": (0.01, 100_000.0),
    "seed": (0, 2**63 - 1),
    "final_lr": (0.0, 1e6),
    "steps": (1, 10**12),
    "warmup": (1, 10**12),
    "ema_every": (1, 10**12),
    "validations": (1, 10**6),
}
