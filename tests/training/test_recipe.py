"""Presets, and what `--set` makes of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from lincae_studio.codecs.lincae.unet import UNet
from lincae_studio.errors import UsageError
from lincae_studio.training.presets import PRESETS, preset
from lincae_studio.training.recipe import LinCaeRecipe, parse_recipe


def of_lin_cae(name: str, settings: Sequence[str] = ()) -> LinCaeRecipe:
    recipe = preset(name, settings)
    assert isinstance(recipe, LinCaeRecipe)
    return recipe


def test_the_papers_recipe() -> None:
    recipe = of_lin_cae("lin-cae")
    assert (recipe.lr, recipe.final_lr, recipe.warmup, recipe.steps, recipe.batch) == (1e-4, 1e-6, 10_000, 800_000, 20)
    assert (recipe.ema_decay, recipe.frames, recipe.start_exp, recipe.end_exp) == (0.9999, 64, 1.0, 2.0)
    assert (recipe.gain_probability, recipe.gain_min, recipe.gain_max, recipe.gain_zero_below) == (0.8, 0.0, 3.0, 0.05)
    assert (recipe.gain_hold, recipe.gain_rest, recipe.gain_anneal) == (0.2, 0.1, True)
    assert not of_lin_cae("lin-cae-2").gain_anneal
    assert PRESETS["augmentation"] == msgspec.structs.replace(recipe, linearity="augmentation")
    assert (recipe.sampling, recipe.short_files) == ("file", "skip")
    generator = recipe.generator
    assert generator == msgspec.structs.replace(type(generator)(), hop=512)  # the public layout
    assert recipe.frontend.alpha_rescale == 0.65
    assert recipe.frontend.beta_rescale == 0.34
    assert recipe.window_samples == 63 * 512 + 2048


def test_the_baseline_is_what_the_authors_code_runs() -> None:
    """Its scaled representation is never used, so there are no gains; batches are premixed."""
    recipe = of_lin_cae("m2l")
    assert (recipe.linearity, recipe.premix, recipe.gain_probability) == ("augmentation", 0.5, 0.0)


def test_every_preset_builds_a_network() -> None:
    for name in ("mini", "mini-44k"):
        UNet(of_lin_cae(name).generator)
    # The whole export comes back from a machine that returns files of 16 MiB.
    small = sum(parameter.numel() for parameter in UNet(of_lin_cae("mini-44k").generator).parameters())
    assert 4 * small < 15.5 * 2**20


def test_fields_are_set_by_yaml_values() -> None:
    recipe = of_lin_cae(
        "mini", ["batch=8", "lr=1e-4", "compile=true", "multipliers=[1, 2, 2, 2]", "linearity=augmentation"]
    )
    assert (recipe.batch, recipe.lr, recipe.compile, recipe.linearity) == (8, 1e-4, True, "augmentation")
    assert recipe.multipliers == (1, 2, 2, 2)
    assert recipe.hop == of_lin_cae("mini").hop


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["exact=0", "sketched=0"], "exact and sketched"),
        (["kernel=4"], "kernel"),
        (["frames=2"], "shorter than the longest STFT"),
        (["base_channels=8"], "base_channels"),
        (["additivity_weight=-1"], "additivity_weight"),
    ],
)
def test_invalid_values_of_linear_codecs_are_reported(settings: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        preset("linear-15x", settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["batches=3"], "batches"),
        (["batch"], "batch"),
        (["batch=1"], "at least 2"),
        (["batch=many"], "batch"),
        (["linearity=explicit"], "linearity"),
        (["attention=[1, 0]"], "attention"),
        (["frames=33", "freq_downsample=[1, 1, 0]"], "frames"),
        (["gain_hold=0.5", "gain_rest=0.5"], "gain_hold"),
        (["batch={"], "YAML"),
        (["lr=-1"], "lr must be a positive number, but is -1"),
        (["lr=.nan"], "lr"),
        (["final_lr=-1e-5"], "final_lr"),
        (["seed=-1"], "seed must be between 0 and"),
        (["hop=0"], "hop"),
        (["hop=7"], "hop"),
        (["sample_rate=0"], "sample_rate"),
        (["gain_probability=2"], "gain_probability must be between 0 and 1"),
        (["premix=-0.1"], "premix"),
        (["ema_decay=1.5"], "ema_decay"),
        (["synth_minutes=-1"], "synth_minutes"),
        (["synth_minutes=.inf"], "synth_minutes"),
        (["alpha=7"], "alpha"),
        (["p_std=0"], "p_std"),
        (["blocks=0"], "layers_list"),
        (["sampling=song"], "sampling"),
    ],
)
def test_invalid_values_are_reported(settings: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        preset("mini", settings)


def test_an_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="mini-44k"):
        preset("large")


def test_older_recipes_keep_their_meaning() -> None:
    old = msgspec.to_builtins(PRESETS["mini"])
    for name in ("premix", "sampling", "short_files", "validations"):
        del old[name]
    recipe = parse_recipe(old, "recipe.json", LinCaeRecipe)
    assert isinstance(recipe, LinCaeRecipe)
    assert (recipe.premix, recipe.sampling, recipe.short_files) == (0.0, "length", "pad")


def test_a_recipe_survives_its_file() -> None:
    for recipe in PRESETS.values():
        assert msgspec.json.decode(msgspec.json.encode(recipe), type=type(recipe)) == recipe
