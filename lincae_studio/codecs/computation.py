"""The device and precision of neural codecs: a value passed to all code that plans with a codec or loads one.

Only the command line and the start of the window read the environment, which overrides the preferences.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from msgspec import Struct

from lincae_studio.errors import UsageError
from lincae_studio.preferences import Precision

DEVICE_VARIABLE = "LINCAE_STUDIO_DEVICE"
PRECISION_VARIABLE = "LINCAE_STUDIO_PRECISION"

PRECISIONS: tuple[Precision, ...] = get_args(Precision)

#: The arithmetic of a decoder on a device. `tf32`: 32-bit, but convolutions round factors to 10 bits.
Arithmetic = Literal["fp32", "tf32", "bf16", "fp16"]


class Computation(Struct, frozen=True):
    """The device and precision that codecs compute with.

    Attributes:
        device: auto, cpu, cuda or mps, or another name that torch knows.
        precision: what was asked for.
        resolved: the arithmetic that this comes to; None until a process with torch has found out, in
            `registry.resolve`.
        kind: the kind of device that `device` came to; None until then.
        tiles: channels from which on Lin-CAE's convolutions in 32 bits are computed by tiles, which is faster and
            differs by rounding; 0 if none are. Only with `auto`.
        kernels: whether Lin-CAE is computed by kernels of our own, which is faster and differs by rounding: norms on
            CUDA, tiles on the CPU where the package `lincae-studio-kernels` is installed. Only with `auto`.
    """

    device: str = "auto"
    precision: Precision = "auto"
    resolved: Arithmetic | None = None
    kind: str | None = None
    tiles: int = 0
    kernels: bool = False

    @property
    def device_kind(self) -> str | None:
        """The kind of device, such as cpu or cuda; None if it is not known yet."""
        return self.kind or (None if self.device == "auto" else self.device.partition(":")[0])

    @property
    def arithmetic(self) -> Arithmetic | None:
        """The arithmetic of decoders; None if it or the kind of device is not known yet.

        Both are part of the identities of codecs: on another kind of device, the last bits of results differ.
        """
        if self.device_kind is None:
            return None
        if self.precision in ("bf16", "fp16"):
            return self.precision
        if (self.device_kind, self.precision) == ("cpu", "fp32"):
            return "fp32"
        return self.resolved

    @property
    def summary(self) -> str:
        """The arithmetic of decoders and the kind of device; empty if they are not known yet."""
        return f"{self.arithmetic} on {self.device_kind}" if self.arithmetic else ""

    @property
    def requested(self) -> Computation:
        """The requested device and precision, unresolved."""
        return Computation(self.device, self.precision)

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
