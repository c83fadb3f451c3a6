"""The optional package `lincae-studio-kernels`: compiled code for processors, for what torch computes slowly.

That is tiles of 3x3 convolutions (`tiles.py`), and norms in bfloat16 (`lincae/norms.py`).

Its libraries are built in `packaging/kernels`, never on the user's machine; without them torch computes. They use the
threads of torch's OpenMP, so torch must be loaded before. Calls release the interpreter's lock; addresses are those of
contiguous values, in float32 unless said otherwise. Imports neither torch nor Qt.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

_log = logging.getLogger(__name__)

_PACKAGE = "lincae_studio_kernels"

#: The version of the functions' arguments, which the libraries' `version` must return.
_VERSION = 2

#: The libraries by what torch calls the instruction set that it uses.
_LIBRARIES = {"AVX2": "avx2.so", "AVX512": "avx512.so"}

_POINTERS = ("x", "weights", "bias", "scale", "shift", "added", "out", "sums", "scratch")
_INTEGERS = ("height", "width", "channels", "outputs", "repeated", "threads", "scratch_size", "next")


if TYPE_CHECKING:
    _Function = ctypes._NamedFuncPointer


class Job(ctypes.Structure):
    """What `convolve` takes: see `tiles.c`."""

    _fields_ = (*((name, ctypes.c_void_p) for name in _POINTERS), *((name, ctypes.c_int64) for name in _INTEGERS))


class Library:
    """The functions of a library.

    Args:
        path: of the library.

    Raises:
        OSError: when it cannot be loaded, or is of another version.
        AttributeError: when it has other functions.
    """

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(str(path))
        integer, pointer = ctypes.c_int64, ctypes.c_void_p
        self._scratch_size = self._function(library.scratch_size, integer, *[integer] * 2)
        self._transform = self._function(library.transform_weights, None, pointer, pointer, *[integer] * 3)
        self._convolve = self._function(library.convolve, None, ctypes.POINTER(Job))
        self._row_sums = self._function(library.row_sums, None, pointer, pointer, *[integer] * 4)
        self._narrow_sums = self._function(library.narrow_sums, None, pointer, pointer, *[integer] * 4)
        self._narrow_applied = self._function(library.narrow_applied, None, *[pointer] * 4, *[integer] * 4)
        names = ("version", "channels_multiple", "outputs_multiple")
        version, *multiples = (self._function(getattr(library, name), integer)() for name in names)
        if version != _VERSION:
            raise OSError(f"version {version}, where {_VERSION} is needed")
        self._channels_multiple, self._outputs_multiple = multiples

    @staticmethod
    def _function(function: _Function, result: type | None, *arguments: type) -> _Function:
        function.restype, function.argtypes = result, arguments
        return function

    def has(self, channels: int, outputs: int = 0) -> bool:
        """Whether it has convolutions, or without outputs norms, of this many channels."""
        return channels % self._channels_multiple == 0 and outputs % self._outputs_multiple == 0

    def transform(self, weights: int, points: int, channels: int, outputs: int, threads: int) -> None:
        """Weights `(3, 3, C, O)` to `36 * C * O` values, as `convolve` takes them."""
        self._transform(weights, points, channels, outputs, threads)

    def scratch_size(self, width: int, channels: int) -> int:
        """Values of memory that each thread needs to compute images of a width."""
        size: int = self._scratch_size(width, channels)
        return size

    def convolve(self, job: Job) -> None:
        """Compute one image."""
        self._convolve(ctypes.byref(job))

    def row_sums(self, x: int, sums: int, height: int, width: int, channels: int, threads: int) -> None:
        """As `tiles.row_sums`, for one image."""
        self._row_sums(x, sums, height, width, channels, threads)

    def narrow_sums(self, x: int, sums: int, pixels: int, size: int, channels: int, threads: int) -> None:
        """Sums of bfloat16 values and of their squares `(2, blocks, C)`, of blocks of `size` pixels."""
        self._narrow_sums(x, sums, pixels, size, channels, threads)

    def narrow_applied(
        self, x: int, scale: int, shift: int, out: int, pixels: int, channels: int, activated: bool, threads: int
    ) -> None:
        """`x * scale + shift` of each channel in bfloat16, or the SiLU of that."""
        self._narrow_applied(x, scale, shift, out, pixels, channels, activated, threads)


@cache
def library(instruction_set: str) -> Library | None:
    """The library for an instruction set, as torch calls it; None if the package is missing or cannot be loaded."""
    name, found = _LIBRARIES.get(instruction_set), importlib.util.find_spec(_PACKAGE)
    if name is None or found is None or found.origin is None:
        return None
    try:
        return Library(Path(found.origin).parent / name)
    except (OSError, AttributeError) as error:
        _log.warning("the package %s is not used: %s", _PACKAGE, error)
        return None
