"""The device and precision of neural codecs: a value passed to all code that plans with a codec or loads one.

Only the command line and the start of the window read the environment, which overrides the preferences.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from msgspec import Struct

from lincae_studio.errors import UsageError
from lincae_studio.preferences import Precision

DEVICE_VARIABLE = "LINCAE_STUDIO_DEVICE"
PRECISION_VARIABLE = "LINCAE_STUDIO_PRECISION"

PRECISIONS: tuple[Precision, ...] = get_args(Precision)


class Computation(Struct, frozen=True):
    """The device and precision that codecs compute with.

    Attributes:
        device: auto, cpu, cuda or mps, or another name that torch knows.
        precision: part of a codec's identity, as it changes the codec's output.
    """

    device: str = "auto"
    precision: Precision = "auto"

    def overridden(self, environment: Mapping[str, str]) -> Computation:
        """A copy with the device and precision that environment variables set instead, if any.

        Raises:
            UsageError: when the precision does not exist.
        """
        name = environment.get(PRECISION_VARIABLE, self.precision)
        for precision in PRECISIONS:
            if precision == name:
                return Computation(environment.get(DEVICE_VARIABLE, self.device), precision)
        raise UsageError(f"{PRECISION_VARIABLE} is “{name}”", f"It must be one of {', '.join(PRECISIONS)}")


#: Lets codecs choose device and precision.
AUTO = Computation()
