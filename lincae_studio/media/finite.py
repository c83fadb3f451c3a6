"""Finding samples and latents that are NaN or infinite, so that they are never written. No state.

Finite input can give them: loud samples add up to more than a 32-bit float can hold.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lincae_studio.errors import ExportError
from lincae_studio.session.times import format_time

#: What to do about it.
REMEDY = "Turn down or remove the audio that plays there: 32-bit floats cannot hold levels as high"


def first_not_finite(values: npt.NDArray[Any]) -> int | None:
    """The first place on the last axis with a value that is NaN or infinite; None if all are finite."""
    if np.isfinite(values.min(initial=0.0)) and np.isfinite(values.max(initial=0.0)):  # NaN is both; twice as fast
        return None
    finite = np.isfinite(values)
    return int(np.argmin(finite.reshape(-1, finite.shape[-1]).all(axis=0)))


def check_finite(audio: npt.NDArray[Any], start: int, what: str, rate: int) -> None:
    """Refuse samples `(channels, n)` that are NaN or infinite.

    Args:
        start: position of the first sample at `rate`, for the message.
        what: what has them, at the start of a sentence.

    Raises:
        ExportError: with the time of the first one.
    """
    place = first_not_finite(audio)
    if place is not None:
        raise ExportError(f"{what} is NaN or infinite at {format_time((start + place) / rate)}", REMEDY)
