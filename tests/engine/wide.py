"""A codec whose frames depend on their neighbours, as those of convolutional codecs do, and which is exact inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest
from msgspec.structs import replace

from lincae_studio.codecs import mdct, registry
from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.family import CodecFamily, Entry, ModelFolder

#: Frames on each side that a frame depends on.
CONTEXT = 2

INFO = replace(
    mdct.MDCT_1X, id="wide", identity="wide/1", title="Wide", context=CONTEXT, chunk_frames=40, overlap_frames=7
)

_KERNEL = np.array([0.3, -0.5, 1.0, 0.4, -0.2])


class WideCodec(mdct.MdctCodec):
    """MDCT 1x whose frames are filtered along time; beyond the window there are zeros, as of padding."""

    def __init__(self, info: CodecInfo = INFO) -> None:
        super().__init__(info, exact=256)

    def encode(self, audio: Array) -> Array:
        return filtered(super().encode(audio))


class WideFamily(CodecFamily[ModelFolder]):
    name = "wide"

    def codecs(self, computation: Computation) -> Sequence[Entry]:
        return [Entry(INFO, WideCodec)]


def filtered(latents: Array) -> Array:
    """Latents `(B, D, T)` filtered along T."""
    padded = np.pad(latents, ((0, 0), (0, 0), (CONTEXT, CONTEXT)))
    frames = latents.shape[2]
    taps = [tap * padded[:, :, at : at + frames] for at, tap in enumerate(_KERNEL)]
    return np.sum(taps, axis=0, dtype=np.float32)


@contextmanager
def added() -> Iterator[None]:
    """The codec is one of the registry's."""
    families = (*registry.families(packages=False), WideFamily())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_ours", lambda: families)
        yield
