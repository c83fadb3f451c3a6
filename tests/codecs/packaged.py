"""Packages with codecs, as `pip` leaves them in an environment: a module, and metadata with an entry point."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lincae_studio.codecs import third_party

#: A codec that works: blocks of samples as they are. `{marks}` in it are where tests break it.
SOURCE = """
import numpy as np
from msgspec.structs import replace
from lincae_studio.codecs.base import CodecInfo
from lincae_studio.codecs.family import CodecFamily, Entry

{at_import}

INFO = CodecInfo(
    id="{codec_id}", title="Raw", description="Blocks as they are", identity="raw/1", sample_rate=44_100, hop=128,
    dim=128, window_extra=0, chunk_frames=690, overlap_frames=2, linearity="exact", stochastic=False
)

class Raw:
    info, batch = INFO, 1

    def __init__(self):
        {at_load}

    def encode(self, audio):
        latents = audio.reshape(len(audio), -1, 128).transpose(0, 2, 1)
        {at_encode}
        return latents

    def decode(self, latents, *, first_frames, seed):
        audio = latents.transpose(0, 2, 1).reshape(len(latents), -1)
        {at_decode}
        return audio

    def silence(self, frames):
        return np.zeros((128, frames), np.float32)

class RawFamily(CodecFamily):
    name = "raw"

    def codecs(self, computation):
        {at_codecs}
        return [Entry(INFO, Raw)]

    def recognises(self, names, config):
        {at_folder}
        return "raw.model" in names

    def open(self, path):
        raise ValueError("no idea")

FAMILY = RawFamily()
"""

MARKS = ("at_import", "at_load", "at_encode", "at_decode", "at_codecs", "at_folder")


def install(folder: Path, name: str = "raw-codec", codec_id: str = "raw", **broken: str) -> None:
    """Write a package into a folder; `broken` gives lines for marks of its source."""
    module = name.replace("-", "_")
    lines = {mark: broken.get(mark, "pass") for mark in MARKS}
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(SOURCE.format(codec_id=codec_id, **lines))
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{third_party.GROUP}]\nraw = {module}:FAMILY\n")


@contextmanager
def on_path(folder: Path) -> Iterator[None]:
    """The packages in a folder are installed, also in processes that are started."""
    before = {*sys.modules}
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    third_party.found.cache_clear()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        third_party.found.cache_clear()
        for name in {*sys.modules} - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                del sys.modules[name]
