"""Measures what codecs sound like, by measures that follow hearing: ViSQOL (audio mode) and Zimtohrli.

    pip install visqol-python zimtohrli
    python packaging/codecs/hearing.py 'linear-15x linear-8x mdct-4x' FILE...

Of each file the 8 seconds in its middle are encoded and decoded at 44.1 kHz in mono, and compared with themselves at 48
kHz, which both measures need. Prints the means: MOS-LQO of ViSQOL (1 to 4.7, higher is better), and the distance of
Zimtohrli (0 to 1, lower is better). Folders count as songs: their files are summed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
import zimtohrli
from visqol import VisqolApi

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Codec

Array = npt.NDArray[np.float32]

_SECONDS = 8
_RATE, _MEASURED_RATE = 44_100, 48_000


def main() -> None:
    codecs = {name: registry.load(name, rate=_RATE) for name in sys.argv[1].split()}
    visqol, distance = VisqolApi(), zimtohrli.Pyohrli()
    visqol.create(mode="audio")
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in codecs}
    for audio in map(_excerpt, map(Path, sys.argv[2:])):
        reference = _resampled(audio)
        for name, codec in codecs.items():
            decoded = _resampled(_decoded(codec, audio))
            quality = visqol.measure_from_arrays(reference.astype(float), decoded.astype(float), _MEASURED_RATE).moslqo
            found[name].append((quality, distance.distance(reference, decoded)))
    print(f"{'codec':12} ViSQOL  Zimtohrli   ({len(sys.argv) - 2} songs)")
    for name, values in found.items():
        quality, apart = np.mean(values, axis=0)
        print(f"{name:12} {quality:6.2f} {apart:10.4f}")


def _excerpt(path: Path) -> Array:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    whole = [soundfile.read(file, dtype="float32", always_2d=True)[0].mean(axis=1) for file in files]
    mix = np.sum(whole, axis=0)
    start = max(0, len(mix) // 2 - _SECONDS * _RATE // 2)
    part: Array = mix[start : start + _SECONDS * _RATE]
    return part * np.float32(0.5 / max(float(np.abs(part).max()), 1e-6))


def _decoded(codec: Codec, audio: Array) -> Array:
    """The audio as one window, with silence around it."""
    info = codec.info
    margin = info.window_samples(2 * info.context + 2)
    frames = -(-(len(audio) + 2 * margin) // info.hop)
    window = np.zeros((1, info.window_samples(frames)), np.float32)
    window[0, margin : margin + len(audio)] = audio
    return codec.decode(codec.encode(window), first_frames=[0], seed=0)[0, margin : margin + len(audio)]


def _resampled(audio: Array) -> Array:
    resampled: Array = soxr.resample(audio, _RATE, _MEASURED_RATE)
    return resampled


if __name__ == "__main__":
    main()
