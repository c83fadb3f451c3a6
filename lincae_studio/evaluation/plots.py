"""Plots of the latents of a codec: statistics per channel, singular values, histogram and correlation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lincae_studio.errors import ExportError, os_error_reason
from lincae_studio.evaluation.measuring import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_latents(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write the PNG files and return their paths.

    Raises:
        ExportError: when the folder cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    written = []
    for name, draw in _PICTURES.items():
        figure = Figure(figsize=(7.0, 4.0), layout="constrained")
        canvas = FigureCanvasAgg(figure)
        draw(figure.add_subplot(), evaluation)
        path = folder / f"{name}.png"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            canvas.print_figure(path)
        except OSError as error:
            reason, remedy = os_error_reason(error, path)
            raise ExportError(f"cannot write {path}: {reason}", remedy) from error
        written.append(path)
    return written


def _channels(axes: Axes, evaluation: Evaluation) -> None:
    latents = evaluation.latents
    channel = np.arange(latents.shape[1])
    axes.bar(channel, latents.std(axis=0), color="0.7", label="standard deviation")
    axes.plot(channel, latents.mean(axis=0), ".", label="mean")
    axes.plot(channel, evaluation.silence.mean(axis=1), "x", label="silence")
    axes.set(title=f"{evaluation.codec}: channels", xlabel="channel", ylabel="value")
    axes.legend()


def _spectrum(axes: Axes, evaluation: Evaluation) -> None:
    values = np.linalg.svd(evaluation.latents.astype(np.float64), compute_uv=False)
    axes.semilogy(np.arange(1, len(values) + 1), np.maximum(values / values[0], 1e-12), ".-")
    rank = evaluation.figures["effective_rank"]
    axes.axvline(rank, color="0.5", linestyle="--", label=f"effective rank {rank:.1f}")
    axes.set(title=f"{evaluation.codec}: singular values", xlabel="index", ylabel="relative to the first")
    axes.legend()


def _values(axes: Axes, evaluation: Evaluation) -> None:
    axes.hist(evaluation.latents.ravel(), bins=200, density=True)
    axes.set(title=f"{evaluation.codec}: values", xlabel="latent value", ylabel="density", yscale="log")


def _correlation(axes: Axes, evaluation: Evaluation) -> None:
    with np.errstate(invalid="ignore", divide="ignore"):  # a constant channel has no correlation
        matrix = np.corrcoef(evaluation.latents, rowvar=False)
    image = axes.imshow(matrix, cmap="RdBu_r", vmin=-1.0, vmax=1.0)
    axes.figure.colorbar(image, ax=axes)
    axes.set(title=f"{evaluation.codec}: correlation of channels", xlabel="channel", ylabel="channel")


_PICTURES: dict[str, Callable[[Axes, Evaluation], None]] = {
    "channels": _channels,
    "singular_values": _spectrum,
    "values": _values,
    "correlation": _correlation,
}
