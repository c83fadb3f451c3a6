"""How far the latent mix is from the dry mix, chunk by chunk: the figure behind "can I trust this mix?".

Defined for the samples that a chunk owns (one step of the grid): 20 log10(||latent - dry|| / ||dry||) in dB, over all
channels together. It holds the codec's own loss as well as what its lack of linearity adds.
"""

from __future__ import annotations

import math

import numpy as np

from lincae_studio.engine.drymix import DryMix
from lincae_studio.engine.plan import Plan
from lincae_studio.engine.renderer import Rendered
from lincae_studio.engine.stitch import window_part

#: Of a dry mix that is quieter than this (root mean square) nothing can be said.
_SILENCE = 1e-6

#: What is said of equal mixes.
LEAST_DB = -200.0


def residual_db(plan: Plan, dry: DryMix, rendered: Rendered, index: int) -> float | None:
    """The residual of a rendered chunk in dB; None where the dry mix is silent."""
    start = index * plan.grid.step_samples
    end = min(start + plan.grid.step_samples, plan.length)
    if end <= start:
        return None
    reference = dry.read(start, end - start).astype(np.float64)
    level = float(np.sqrt(np.mean(reference**2)))
    if level < _SILENCE:
        return None
    latent = window_part(plan, rendered.audio, index, start, end)
    difference = float(np.sqrt(np.mean((latent - reference) ** 2)))
    return max(20.0 * math.log10(difference / level), LEAST_DB) if difference > 0.0 else LEAST_DB
