"""Applying operators: linear maps of latents over channels and a few frames. Any thread."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec
import numpy as np

from lincae_studio.codecs.base import Array
from lincae_studio.engine.planning.inserts import Insert, Kernel
from lincae_studio.engine.planning.masks import factors_of


def weights_of(kernel: Kernel) -> Array:
    """The weights `(channels, width, frames)` of an operator (see `session.model.Operator`); read-only."""
    frames = kernel.past + 1 + kernel.future
    return np.frombuffer(kernel.weights, "<f4").reshape(kernel.channels, -1, frames)


def mapped(weights: Array, deviations: Array, reach: int) -> Array:
    """Apply weights `(D, width, frames)` to deviations `(D, frames - 1 + T)` from silence: `(D, T)`.

    The first weight of each channel belongs to the frame farthest ahead.
    """
    dim, width, frames = weights.shape
    count = deviations.shape[1] - frames + 1
    out = np.zeros((dim, count), np.float32)
    if width == dim:  # of all channels: matrix products
        for place in range(frames):
            at = frames - 1 - place
            out += np.ascontiguousarray(weights[:, :, place]) @ deviations[:, at : at + count]
        return out
    padded = np.pad(deviations, ((reach, reach), (0, 0)))
    for beside in range(width):
        for place in range(frames):
            at = frames - 1 - place
            out += weights[:, beside, place, None] * padded[beside : beside + dim, at : at + count]
    return out


def inserted(insert: Insert, kernel: Kernel, latents: Mapping[str, Array], origin: Array) -> Array:
    """The latents `(D, T)` of a term with an insert.

    Args:
        latents: `(D, T)` of the windows of its parts, by key.
        origin: `(D, T)`, the latents of silence.
    """
    dim, count = origin.shape
    around = np.zeros((dim, kernel.past + count + kernel.future), np.float32)
    for part in insert.parts:
        deviation = latents[part.key] - origin
        if part.masks:
            deviation = deviation * factors_of(part.masks, dim)
        at = part.at + kernel.past
        around[:, at : at + part.last - part.first] = deviation[:, part.first : part.last]
    return mapped(weights_of(kernel), around, kernel.reach) + origin


def key_of(insert: Insert) -> str:
    """The address of the latents of a term with an insert."""
    return "insert " + hashlib.blake2b(msgspec.msgpack.encode(insert), digest_size=20).hexdigest()
