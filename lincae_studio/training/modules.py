"""Which training belongs to a recipe."""

from __future__ import annotations

from lincae_studio.training.distill import DistillTraining
from lincae_studio.training.lincae import LinCaeTraining
from lincae_studio.training.linear import LinearTraining
from lincae_studio.training.module import Training
from lincae_studio.training.recipe import DistillRecipe, LinCaeRecipe, LinearRecipe, Recipe


def training_of(recipe: Recipe) -> Training:
    """A module with weights as they are before the first step."""
    if isinstance(recipe, LinearRecipe):
        return LinearTraining(recipe)
    if isinstance(recipe, DistillRecipe):
        return DistillTraining(recipe)
    assert isinstance(recipe, LinCaeRecipe)
    return LinCaeTraining(recipe)
