"""Measuring several codecs with the same audio, one after the other; one that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lincae_studio.codecs.base import Array, Codec, CodecInfo
from lincae_studio.errors import CodecError, StudioError, UsageError
from lincae_studio.evaluation.audio import Excerpt
from lincae_studio.evaluation.demonstrations import Demonstration, demonstrate
from lincae_studio.evaluation.figures import SECTIONS, against, finite
from lincae_studio.evaluation.measuring import Evaluation, evaluate
from lincae_studio.jobs import ReportProgress, no_progress


@dataclass(frozen=True)
class Measured:
    """A codec that was measured.

    Attributes:
        name: id or folder, as it was given.
        demonstration: what it does with the excerpt; None without one.
    """

    name: str
    info: CodecInfo
    evaluation: Evaluation
    demonstration: Demonstration | None

    def plain(self) -> dict[str, Any]:
        """For JSON: what is known about the codec, its figures with statistics, and those of each seed and window.

        `comparisons` says what each figure compares with: the true signal, latents, or other decoded audio.
        """
        info, evaluation = self.info, self.evaluation
        about = {
            "sample_rate": info.sample_rate,
            "hop": info.hop,
            "dim": info.dim,
            "compression": info.compression,
            "linearity": info.linearity,
            "stochastic": info.stochastic,
            "arithmetic": info.arithmetic,
            "window_samples": info.window_samples(info.chunk_frames),
        }
        rows = [
            {
                "seed": row.seed,
                "group": row.group,
                "source": row.source,
                **{name: finite(value) for name, value in row.values.items()},
            }
            for row in evaluation.measured.rows()
        ]
        seeds = [
            {
                "seed": seed,
                "statistics": {name: one.plain() for name, one in evaluation.measured.statistics(seed).items()},
            }
            for seed in evaluation.seeds
        ]
        return {
            "codec": evaluation.codec,
            "about": about,
            "comparisons": {kind: against(kind) for kind in SECTIONS},
            **evaluation.plain(),
            "seeds": seeds,
            "rows": rows,
        }


@dataclass(frozen=True)
class Failed:
    """A codec that could not be loaded or measured."""

    name: str
    error: StudioError

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {"codec": self.name, "error": str(self.error)}


Result = Measured | Failed


def compare(
    names: Sequence[str],
    load: Callable[[str], Codec],
    groups: Callable[[CodecInfo], Array],
    excerpt: Excerpt | None = None,
    seeds: Sequence[int] = (0,),
    report: Callable[[str], ReportProgress] | None = None,
) -> list[Result]:
    """Measure codecs; only one of them is in memory at a time.

    Args:
        load: the codec of a name.
        groups: the windows `(groups, sources, N)` to measure a codec with.
        excerpt: what to demonstrate, if anything.
        report: makes a progress bar of a label.

    Raises:
        UsageError: when the device or the precision asked for does not exist.
    """
    results: list[Result] = []
    for name in names:
        try:
            codec = load(name)
            info = codec.info
            progress = report(name) if report is not None else no_progress
            evaluation = evaluate(codec, groups(info), progress, seeds)
            demonstration = None if excerpt is None else demonstrate(codec, excerpt, seeds[0])
        except UsageError:
            raise
        except StudioError as error:
            results.append(Failed(name, error))
        except Exception as error:  # codecs may be anybody's
            results.append(Failed(name, CodecError(f"the codec “{name}” failed: {type(error).__name__}: {error}")))
        else:
            results.append(Measured(name, info, evaluation, demonstration))
    return results
