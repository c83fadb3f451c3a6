"""The presets of `lincae-studio train`, and the recipe that one becomes by `--set`.

The presets `lin-cae`, `lin-cae-2` and `m2l` are the runs of the paper (arXiv 2510.23530) as its authors' code performs
them; `augmentation` is `lin-cae` with ordinary data augmentation. `mini` trains in minutes on a CPU, `mini-44k` in
half an hour on one GPU. Their noise constants are milder than the paper's, which with few steps leave almost no
gradient at the noise levels where one-step decoding starts. `linear-8x` and `linear-15x` are codecs with a linear
encoder, for a few hours of a CPU. `distillation` makes the recipe of a preview, from facts of its codec.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec
import yaml

from lincae_studio.codecs.base import CodecInfo
from lincae_studio.errors import UsageError
from lincae_studio.training.recipe import DistillRecipe, LinCaeRecipe, LinearRecipe, Recipe, parse_recipe

_SMALL: dict[str, Any] = {
    "multipliers": (1, 2, 4, 4),
    "blocks": 1,
    "attention": (0, 0, 0, 1),
    "freq_downsample": (1, 1, 1),
    "bottleneck_blocks": 2,
    "sigma_max": 10.0,
    "p_mean": 3.0,
    "p_std": 1.0,
    "start_exp": 0.0,
    "level_min": 0.1,
    "final_lr": 1e-5,
    "ema_decay": 0.999,
    "ema_every": 5,
}

_LINEAR: dict[str, Any] = {
    "level_min": 0.1,
    "steps": 9_000,
    "batch": 4,
    "lr": 1.5e-3,
    "final_lr": 1e-5,
    "warmup": 100,
    "ema_decay": 0.998,
    "ema_every": 1,
    "validations": 6,
}

_PREVIEW: dict[str, Any] = {
    "level_min": 0.1,
    "steps": 10_000,
    "batch": 4,
    "lr": 1e-3,
    "final_lr": 1e-5,
    "warmup": 100,
    "ema_decay": 0.998,
    "ema_every": 1,
}

#: How the authors' code draws windows.
_AUTHORS: dict[str, Any] = {"sampling": "file", "short_files": "skip"}

PRESETS: dict[str, LinCaeRecipe | LinearRecipe] = {
    "lin-cae": LinCaeRecipe(**_AUTHORS),
    "lin-cae-2": LinCaeRecipe(**_AUTHORS, gain_anneal=False),
    # Its `scale_augmentation` computes a scaled representation that nothing uses, so there are no gains.
    "m2l": LinCaeRecipe(**_AUTHORS, linearity="augmentation", premix=0.5, gain_probability=0.0),
    "augmentation": LinCaeRecipe(**_AUTHORS, linearity="augmentation"),
    "mini": LinCaeRecipe(
        **_SMALL,
        sample_rate=11_025,
        hop=64,
        beta=0.8,
        frames=32,
        base_channels=16,
        bottleneck_channels=256,
        latent_channels=32,
        cond_channels=64,
        end_exp=0.2,
        steps=2_000,
        batch=4,
        lr=8e-4,
        warmup=100,
    ),
    "mini-44k": LinCaeRecipe(
        **_SMALL,
        beta=0.45,
        base_channels=24,
        bottleneck_channels=192,
        latent_channels=64,
        cond_channels=128,
        end_exp=0.2,
        steps=20_000,
        batch=20,
        lr=4e-4,
        warmup=500,
    ),
    "linear-8x": LinearRecipe(**_LINEAR, exact=112, sketched=16),
    "linear-15x": LinearRecipe(**_LINEAR, exact=58, sketched=10),
}


#: In the place of the preset's name: a run that trains the preview of a codec.
DISTILL = "distill"

#: Settings of such a run that are facts of the codec.
_OF_THE_CODEC = ("codec", "space", "sample_rate", "hop", "dim", "window_extra", "context")

#: Most samples of a frame of a preview's transform, the time that levels are averaged over, and the shortest hop at
#: which a block looks at few frames.
_MOST_BINS, _LEVEL_S, _LONG_HOP = 512, 0.2, 2048


def preset(name: str, settings: Iterable[str] = ()) -> Recipe:
    """A preset with overrides, each as `key=value` with the value in YAML.

    Raises:
        UsageError: for an unknown preset or key, or a value that does not fit.
    """
    if name not in PRESETS:
        raise UsageError(f"there is no preset “{name}”", f"Choose one of {', '.join(PRESETS)}")
    options = msgspec.to_builtins(PRESETS[name])
    return parse_recipe(_with_settings(type(PRESETS[name]), options, settings), "--set", type(PRESETS[name]))


def distillation(codec: str, info: CodecInfo, settings: Iterable[str] = ()) -> Recipe:
    """The recipe of a preview for a codec at its own rate, with overrides as in `preset`.

    Raises:
        UsageError: for an unknown key, a value that does not fit, or a codec with frames that no preview can have.
    """
    bins = max((size for size in range(2, _MOST_BINS + 1, 2) if info.hop % size == 0), default=0)
    level_frames = round(_LEVEL_S * info.sample_rate / info.hop) | 1
    options: dict[str, Any] = {
        **_PREVIEW,
        "codec": codec,
        "space": info.latent_space,
        "sample_rate": info.sample_rate,
        "hop": info.hop,
        "dim": info.dim,
        "window_extra": info.window_extra,
        "context": info.context,
        "bins": bins,
        "level_frames": min(max(5, level_frames), 255),
        "kernel": 3 if info.hop >= _LONG_HOP else 7,
        "frames": info.chunk_frames,
    }
    options = _with_settings(DistillRecipe, options, settings, _OF_THE_CODEC)
    return parse_recipe(options, f"a preview of {codec}", DistillRecipe)


def kind_of(name: str) -> type[Recipe]:
    """The kind of recipe that a run with this preset has. Raises `KeyError` for an unknown one."""
    return DistillRecipe if name == DISTILL else type(PRESETS[name])


def command_of(name: str) -> Literal["train", "distill"]:
    """The command that begins and resumes runs with this preset."""
    return "distill" if name == DISTILL else "train"


def _with_settings(
    kind: type[Recipe], options: dict[str, Any], settings: Iterable[str], fixed: Sequence[str] = ()
) -> dict[str, Any]:
    """The options of a recipe with overrides; `fixed` ones cannot be overridden."""
    keys = [key for key in kind.__struct_fields__ if key not in fixed]
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or key not in keys:
            raise UsageError(
                f"--set {setting} is not a key of the recipe and a value",
                f"Write key=value with one of the keys {', '.join(keys)}",
            )
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UsageError(f"the value in --set {setting} is not valid YAML", "Check its syntax") from error
        # YAML 1.1 reads 1e-4 as text.
        options[key] = _number(value) if isinstance(value, str) else value
    return options


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
