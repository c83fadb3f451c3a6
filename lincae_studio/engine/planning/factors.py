"""Mix factors: by what a clip's channel is multiplied on each bus, and what the master multiplies the mix by.

They are constants, or follow envelopes. The plan evaluates them at the centres of latent frames, the dry mix at every
sample.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lincae_studio.session.levels import mono_pan, stereo_balance
from lincae_studio.session.model import Clip, Point, Track

#: One value for each position.
Curve = npt.NDArray[np.float64]

#: A constant factor, or one for each position.
Factor = float | Curve

#: Positions on the timeline, in samples.
Positions = npt.NDArray[np.float64]

#: Envelopes are straight lines in dB; a line to or from silence ends at this level, in dB.
_SILENCE_DB = -60.0


def bus_factors(
    track: Track, clip: Clip, media_channels: int, buses: int, positions: Positions
) -> list[tuple[Factor, ...]]:
    """The factor of each channel of a clip on each bus: clip gain, fader, envelopes, pan and polarity combined.

    `positions` only matter for tracks with envelopes.
    """
    sign = -1.0 if track.subtract else 1.0
    gain: Factor = sign * clip.gain * track.gain
    if track.gain_points:
        gain = gain * gain_envelope(track.gain_points, positions)
    if buses == 1:
        return [(gain,)]
    left: Factor
    right: Factor
    if track.pan_points:
        pans = np.clip(pan_envelope(track.pan_points, positions) + track.pan, -1.0, 1.0)
        left, right = _pan_laws(pans, media_channels)
    else:
        left, right = mono_pan(track.pan) if media_channels == 1 else stereo_balance(track.pan)
    return [(gain * left, gain * right)] if media_channels == 1 else [(gain * left, 0.0), (0.0, gain * right)]


def automated(track: Track) -> bool:
    """Whether the factors of a track depend on the position on the timeline."""
    return bool(track.gain_points or track.pan_points)


def _pan_laws(
    pans: npt.NDArray[np.float64], media_channels: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The pan laws of `session.levels`, for many positions at once."""
    if media_channels == 2:
        return np.minimum(1.0, 1.0 - pans), np.minimum(1.0, 1.0 + pans)
    angle = (pans + 1.0) * np.pi / 4.0
    centre = pans == 0.0
    return (
        np.where(centre, 1.0, np.sqrt(2.0) * np.cos(angle)),
        np.where(centre, 1.0, np.sqrt(2.0) * np.sin(angle)),
    )


def gain_envelope(points: Sequence[Point], positions: Positions) -> Curve:
    """Amplitude factors: linear in dB between points, constant before the first and after the last; 0 is silence."""
    at = [point.at for point in points]
    values = np.array([point.value for point in points])
    levels = np.maximum(20.0 * np.log10(np.maximum(values, 1e-9)), _SILENCE_DB)
    level = np.interp(positions, at, levels)
    return np.where(level > _SILENCE_DB, 10.0 ** (level / 20.0), 0.0)


def pan_envelope(points: Sequence[Point], positions: Positions) -> Curve:
    """The offset added to the pan knob's value: straight lines between points."""
    return np.interp(positions, [point.at for point in points], [point.value for point in points])
