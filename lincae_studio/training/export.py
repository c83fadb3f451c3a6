"""Exporting a run: the codec in the studio's format and the official one, with a model card of its figures."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np

from lincae_studio import __version__, atomic
from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.codecs.computation import AUTO
from lincae_studio.codecs.lincae.codec import LinCaeCodec, load_codec
from lincae_studio.codecs.lincae.folder import open_folder
from lincae_studio.codecs.lincae.model import ConsistencyAutoencoder
from lincae_studio.codecs.lincae.pretrained import save_official, save_own
from lincae_studio.errors import ExportError, os_error_reason
from lincae_studio.training.data import Source, audible_window
from lincae_studio.training.evaluation import Evaluation, evaluate
from lincae_studio.training.evaluation_audio import synth_groups
from lincae_studio.training.figures import FIGURES
from lincae_studio.training.module import LinCaeTraining
from lincae_studio.training.recipe import Run

CODEC_FOLDER = "codec"
OFFICIAL_FOLDER = "official"
CARD_NAME = "README.md"
METRICS_NAME = "metrics.json"

#: Number of mixtures for the figures of the card.
GROUPS = 16


def export(folder: Path, run: Run, module: LinCaeTraining, steps: int, source: Source | None) -> Evaluation:
    """Write `codec/` and `official/` to the run's folder, and measure the written codec.

    The scale factor is chosen so that the latents have unit variance.

    Args:
        steps: number of trained steps.
        source: source of the audio to measure with; None for songs that are in no training data.

    Raises:
        ExportError: when the folders cannot be written.
    """
    heard = "procedural songs that are not in the training data" if source is None else "windows of the training data"
    try:
        codec = _written(folder, run, module, steps, 1.0)
        info = codec.info
        groups = synth_groups(info, GROUPS) if source is None else _groups(source, run, info)
        latents = codec.encode(groups.reshape(-1, groups.shape[2]))
        codec = _written(folder, run, module, steps, float(f"{1.0 / latents.std():.4g}"))
        evaluation = evaluate(codec, groups)
        save_official(codec.model, folder / OFFICIAL_FOLDER)
        card = _card(run, codec.model, steps, evaluation, heard).encode()
        for name in (CODEC_FOLDER, OFFICIAL_FOLDER):
            atomic.write_bytes(folder / name / CARD_NAME, card)
        figures = {"steps": steps, "measured_on": heard, **evaluation.plain()}
        atomic.write_bytes(folder / CODEC_FOLDER / METRICS_NAME, json.dumps(figures, indent=2).encode() + b"\n")
    except OSError as error:
        reason, remedy = os_error_reason(error, folder)
        raise ExportError(f"cannot write {folder}: {reason}", remedy) from error
    return evaluation


def _written(folder: Path, run: Run, module: LinCaeTraining, steps: int, scale_factor: float) -> LinCaeCodec:
    """Write the averaged weights in the studio's format, and load the codec from there."""
    path = (folder / CODEC_FOLDER).absolute()
    title = path.parent.name
    description = f"Trained with the preset {run.preset}, {steps:,} of {run.recipe.steps:,} steps"
    linear = run.recipe.linearity == "implicit"
    save_own(module.autoencoder(scale_factor), path, title=title, linear=linear, description=description)
    return load_codec(open_folder(path), str(path), AUTO)


def _groups(source: Source, run: Run, info: CodecInfo) -> Array:
    samples = info.window_samples(info.chunk_frames)
    rng = np.random.default_rng((run.recipe.seed, 2**32 - 1, 2**31 + 1))
    windows = [audible_window(source, rng, samples, run.recipe.level_min) for _ in range(2 * GROUPS)]
    return np.stack(windows).reshape(GROUPS, 2, samples)


def _card(run: Run, model: ConsistencyAutoencoder, steps: int, evaluation: Evaluation, heard: str) -> str:
    recipe = run.recipe
    parameters = sum(value.numel() for value in model.generator.parameters())
    figures = "\n".join(
        f"| {FIGURES[name].title} | {value:.4g} | {FIGURES[name].meaning.replace('|', '&#124;')} |"
        for name, value in evaluation.figures.items()
    )
    options = "\n".join(f"    {name}: {value}" for name, value in msgspec.to_builtins(recipe).items())
    return f"""# A {run.preset} codec

Trained by LinCAE Studio {__version__} with the preset `{run.preset}`: {steps:,} of {recipe.steps:,} steps of
{recipe.batch} windows of {recipe.window_samples / recipe.sample_rate:.3g} s, and as many mixtures, \
at {recipe.sample_rate} Hz.

- Data: {", ".join(run.data)}
- Size: {parameters / 1e6:.2f} million parameters; {model.hop / model.dim:g} samples per latent value \
({model.dim} values every {model.hop} samples)
- Scale factor of the latents: {model.scale_factor:g} (the official format has no place for it: pass it on)

## Figures

Measured on {evaluation.windows} windows of {heard}.

| figure | value | meaning |
| --- | --- | --- |
{figures}

## Recipe

{options}
"""
