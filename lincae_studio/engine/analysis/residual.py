"""How far the latent mix is from the dry mix, chunk by chunk: the figure that tells how far to trust a mix.

Defined for the samples that a chunk owns (one step of the grid): 20 log10(||latent - dry|| / ||dry||) in dB, over all
channels together. It includes both the codec's own loss and the error due to its lack of linearity.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from lincae_studio.engine.planning.plan import Plan
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.engine.rendering.stitch import window_slice

#: References quieter than this (root mean square) count as silent, and ratios to them are undefined.
_SILENCE = 1e-6

#: The figure for equal signals.
LEAST_DB = -200.0


def own_samples(plan: Plan, index: int) -> tuple[int, int]:
    """The timeline samples `[start, end)` that a chunk owns; each sample is owned by exactly one chunk.

    The last chunk owns none if the mix ends in the lead-in of its window.
    """
    start = index * plan.grid.step_samples
    return start, max(start, min(start + plan.grid.step_samples, plan.length))


def ratio_db(difference: npt.NDArray[Any], reference: npt.NDArray[Any]) -> float | None:
    """20 log10 of the ratio of two norms, at least `LEAST_DB`; None where the reference is silent or empty."""
    level = float(np.sqrt(np.mean(np.square(reference, dtype=np.float64)))) if reference.size else 0.0
    if level < _SILENCE:
        return None
    other = float(np.sqrt(np.mean(np.square(difference, dtype=np.float64))))
    return max(20.0 * math.log10(other / level), LEAST_DB) if other > 0.0 else LEAST_DB


def residual_db(plan: Plan, dry: DryMix, rendered: Rendered, index: int) -> float | None:
    """The residual of a rendered chunk in dB.

    None where the dry mix is silent, and where regions change the chunk: the dry mix does not have them.
    """
    start, end = own_samples(plan, index)
    chunk = plan.chunks.get(index)
    if end <= start or (chunk is not None and chunk.edited):
        return None
    reference = dry.read(start, end - start)
    return ratio_db(window_slice(plan, rendered.audio, index, start, end) - reference.astype(np.float64), reference)
