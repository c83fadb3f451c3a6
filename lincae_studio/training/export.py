"""Exporting a run: the codec in the studio's format and the official one, with a model card of its figures."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lincae_studio import __version__, atomic
from lincae_studio.codecs.base import Array, Codec, CodecInfo
from lincae_studio.errors import ExportError, os_error_reason
from lincae_studio.evaluation.figures import FIGURES
from lincae_studio.evaluation.measuring import Evaluation, evaluate
from lincae_studio.training.data import Source, audible_window
from lincae_studio.training.module import Training
from lincae_studio.training.recipe import Run
from lincae_studio.training.synth import synth_groups

CODEC_FOLDER = "codec"
BEST_FOLDER = "codec-best"
OFFICIAL_FOLDER = "official"
CARD_NAME = "README.md"
METRICS_NAME = "metrics.json"

#: Number of mixtures for the figures of the card.
GROUPS = 16


@dataclass(frozen=True)
class Weights:
    """Weights to export, and the number of steps that they were trained for."""

    module: Training
    steps: int


@dataclass(frozen=True)
class Exported:
    """The state of the codec in a run's folder: the step of its weights, and whether it was measured."""

    steps: int
    measured: bool


def best_exported(folder: Path) -> Path:
    """Where the best exported codec of a run is, as far as it was validated."""
    best = folder / BEST_FOLDER
    return best if best.is_dir() else folder / CODEC_FOLDER


def exported(folder: Path) -> Exported | None:
    """The state of a run's export; None if nothing has been exported."""
    figures = _metrics(folder)
    return None if figures is None else Exported(int(figures["steps"]), figures.get("measured_on") is not None)


def summary(folder: Path) -> str:
    """One line about a run's exported codec."""
    path = folder / CODEC_FOLDER
    figures = _metrics(folder)
    if figures is None:
        return f"{path}: not exported"
    ratio, additivity = (figures.get(name) for name in ("si_sdr_db", "encoder_additivity"))
    if ratio is None or additivity is None:
        return f"{path}: step {figures['steps']:,}, not measured"
    return f"{path}: SI-SDR {ratio:.1f} dB, encoder additivity error {additivity:.2f}"


def export(
    folder: Path,
    run: Run,
    last: Weights,
    *,
    best: Weights | None,
    source: Source | None,
    heard: str,
    measure: bool,
    say: Callable[[str], None],
) -> Evaluation | None:
    """Write `codec/` and `official/` to the run's folder, and measure the written codec; the best one as well, if any.

    Args:
        last: the last weights, for `codec/`.
        best: the best weights on the validation data, for `codec-best/`; None without validation.
        source: source of the audio to measure with; None for songs that are in no training data.
        heard: description of that audio.
        measure: whether to measure the codec.
        say: called with a line about each measurement.

    Returns:
        The evaluation of the last weights; None without `measure`.

    Raises:
        ExportError: when the folders cannot be written.
    """
    weights = {CODEC_FOLDER: last} if best is None else {BEST_FOLDER: best, CODEC_FOLDER: last}
    evaluations: dict[str, Evaluation] = {}
    codecs: dict[str, Codec] = {}

    @functools.cache
    def audio(info: CodecInfo) -> Array:
        return synth_groups(info, GROUPS) if source is None else _groups(source, run, info)

    try:
        (folder / CODEC_FOLDER / METRICS_NAME).unlink(missing_ok=True)  # written last: with it, the export is complete
        for name, one in weights.items():
            codec = _written(folder / name, run, one, audio)
            if measure:
                groups = audio(codec.info)
                count = groups.size // groups.shape[2]
                step = f"step {one.steps:,} of {run.recipe.steps:,}"
                say(f"measuring {folder / name}, {step}, on {count} windows of {heard} (--no-evaluate leaves this out)")
                evaluations[name] = evaluate(codec, groups)
            one.module.save_official(folder / OFFICIAL_FOLDER, codec, "last" if name == CODEC_FOLDER else "best")
            codecs[name] = codec
        for name, codec in codecs.items():
            card = _card(run, codec, weights, name, evaluations, heard).encode()
            figures = {
                "steps": weights[name].steps,
                "measured_on": heard if measure else None,
                **(evaluations[name].plain() if measure else {}),
            }
            atomic.write_bytes(folder / name / CARD_NAME, card)
            if name == CODEC_FOLDER and (folder / OFFICIAL_FOLDER).is_dir():
                atomic.write_bytes(folder / OFFICIAL_FOLDER / CARD_NAME, card)
            atomic.write_bytes(folder / name / METRICS_NAME, json.dumps(figures, indent=2).encode() + b"\n")
    except OSError as error:
        reason, remedy = os_error_reason(error, folder)
        raise ExportError(f"cannot write {folder}: {reason}", remedy) from error
    return evaluations.get(CODEC_FOLDER)


def _metrics(folder: Path) -> dict[str, Any] | None:
    try:
        figures: dict[str, Any] = json.loads((folder / CODEC_FOLDER / METRICS_NAME).read_bytes())
    except (OSError, ValueError):
        return None
    return figures if isinstance(figures, dict) and isinstance(figures.get("steps"), int) else None


def _written(path: Path, run: Run, weights: Weights, audio: Callable[[CodecInfo], Array]) -> Codec:
    """Write the averaged weights in the studio's format, and load the codec from there."""
    path = path.absolute()
    title = path.parent.name if path.name == CODEC_FOLDER else f"{path.parent.name} (best)"
    description = f"Trained with the preset {run.preset}, {weights.steps:,} of {run.recipe.steps:,} steps"
    return weights.module.save(path, title, description, lambda info: audio(info).reshape(-1, audio(info).shape[2]))


def _groups(source: Source, run: Run, info: CodecInfo) -> Array:
    samples = info.window_samples(info.chunk_frames)
    rng = np.random.default_rng((run.recipe.seed, 2**32 - 1, 2**31 + 1))
    windows = [audible_window(source, rng, samples, run.recipe.level_min) for _ in range(2 * GROUPS)]
    return np.stack(windows).reshape(GROUPS, 2, samples)


def _card(
    run: Run,
    codec: Codec,
    weights: dict[str, Weights],
    name: str,
    evaluations: dict[str, Evaluation],
    heard: str,
) -> str:
    recipe, steps = run.recipe, weights[name].steps
    module, info = weights[name].module, codec.info
    parameters = sum(value.numel() for value in module.net.parameters())
    facts = "".join(f"- {fact}\n" for fact in module.facts(codec))
    options = "\n".join(f"    {name}: {value}" for name, value in msgspec.to_builtins(recipe).items())
    chosen = "" if name == CODEC_FOLDER else ", those with the lowest MR-STFT on the validation data"
    validated = "" if run.validate is None else f"- Validation: {run.validate}\n"
    return f"""# {module.heading(run.preset)}

Trained by LinCAE Studio {__version__} with the preset `{run.preset}`: {steps:,} of {recipe.steps:,} steps{chosen}, of
{recipe.batch} windows of {recipe.window_samples / recipe.sample_rate:.3g} s and the same number of mixtures, \
at {recipe.sample_rate} Hz.

- Data: {", ".join(run.data)}
{validated}- Size: {parameters / 1e6:.2f} million parameters; {info.compression:.3g} samples per latent value \
({info.dim} values every {info.hop} samples)
{facts}
## Figures

{_figures(weights, evaluations, heard)}

## Recipe

{options}
"""


def _figures(weights: dict[str, Weights], evaluations: dict[str, Evaluation], heard: str) -> str:
    """The table of figures, with a column for each of the exported weights."""
    if not evaluations:
        return "Not measured."
    columns = {"last" if name == CODEC_FOLDER else "best": name for name in evaluations}
    heads = (
        [f"{kind}: step {weights[name].steps:,}" for kind, name in columns.items()] if len(columns) > 1 else ["value"]
    )
    rows = []
    for figure, about in FIGURES.items():
        values = [evaluations[name].figures.get(figure) for name in columns.values()]
        if any(value is not None for value in values):
            texts = ["" if value is None else f"{value:.4g}" for value in values]
            rows.append(f"| {about.title} | {' | '.join(texts)} | {about.meaning.replace('|', '&#124;')} |")
    windows = next(iter(evaluations.values())).windows
    return "\n".join(
        [
            f"Measured on {windows} windows of {heard}.",
            "",
            f"| figure | {' | '.join(heads)} | meaning |",
            "|" + " --- |" * (len(heads) + 2),
            *rows,
        ]
    )
