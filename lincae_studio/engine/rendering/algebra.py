"""Latent algebra: the weighted sum of latents about an origin.

    z[b] = z0 + m * M * sum_i c[i, b] * M_i * (z_i - z0)

`z0` is the codec's latents of digital silence: 0 for a linear encoder; for an affine or almost linear one, it keeps
sums whose coefficients do not add up to 1, such as (1, -1), from drifting. `m` is the factor of the master, `M` and
`M_i` are the masks `(D, T)` of regions, of the mix and of a term; `sums` applies `m` and `M`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lincae_studio.codecs.base import Array
from lincae_studio.engine.planning.masks import Mask, factors_of


def combine(
    latents: Sequence[Array], coefficients: Sequence[Sequence[float | Sequence[float]]], origin: Array
) -> Array:
    """Sum latents onto buses.

    Args:
        latents: one `(D, T)` per term.
        coefficients: for each term, one factor per bus: a number, or T numbers, one for each frame.
        origin: `(D, T)`, the latents of silence.

    Returns:
        `(buses, D, T)`. Terms are added in the order given, in float32: equal input gives equal bits.
    """
    if not latents:
        return origin[None].copy()
    total = weighted(latents, coefficients, origin)
    total += origin
    return total


def weighted(
    latents: Sequence[Array],
    coefficients: Sequence[Sequence[float | Sequence[float]]],
    origin: Array,
    masks: Sequence[Sequence[Mask]] = (),
) -> Array:
    """`combine` without the added origin: `sum_i c[i, b] * M_i * (z_i - origin)`, of at least one term.

    `masks`: of each term; empty for none at all.
    """
    total = np.zeros((len(coefficients[0]), *origin.shape), np.float32)
    scaled = np.empty(origin.shape, np.float32)
    centred = bool(origin.any())
    for term, factors, edits in zip(latents, coefficients, masks or [()] * len(latents), strict=True):
        deviation = term - origin if centred else term
        if edits:
            deviation = deviation * factors_of(edits, len(origin))
        for bus, factor in enumerate(factors):
            if factor:
                total[bus] += np.multiply(np.asarray(factor, np.float32), deviation, out=scaled)
    return total
