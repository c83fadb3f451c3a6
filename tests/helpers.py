"""Shared by many tests: audio to test with, sessions of it, renders in this process, and disks that are full."""

from __future__ import annotations

import errno
import hashlib
import io
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile as sf

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array, Codec
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Plan, make_plan
from lincae_studio.engine.planning.sources import AudioReader
from lincae_studio.engine.rendering.cache import LatentCache
from lincae_studio.engine.rendering.renderer import Renderer
from lincae_studio.engine.rendering.streams import mix_blocks
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits
from lincae_studio.session.model import DEFAULT_RATE, Clip, Media, Session, Track

REPOSITORY = Path(__file__).resolve().parent.parent
DEMO = REPOSITORY / "resources" / "demo"


def calls(done: Callable[[], object]) -> int:
    """The number of calls that a function makes in this thread, as a measure of its work."""
    made = 0

    def count(*_: object) -> None:
        nonlocal made
        made += 1

    sys.setprofile(count)
    try:
        done()
    finally:
        sys.setprofile(None)
    return made


def missing_clips(tracks: int, clips: int) -> Session:
    """A session of clips side by side on each track, all of a second, of files that do not exist."""
    media = [
        Media(
            digest=hashlib.sha256(str(number).encode()).hexdigest(),
            path=f"/nowhere/{number}.wav",
            sample_rate=DEFAULT_RATE,
            channels=1,
            length=DEFAULT_RATE,
        )
        for number in range(clips)
    ]
    made = []
    for row in range(tracks):
        own = tuple(
            Clip(
                id=tracks + 1 + number,
                media=media[number].digest,
                name=str(number),
                start=number // tracks * DEFAULT_RATE,
                offset=0,
                length=DEFAULT_RATE,
            )
            for number in range(row, clips, tracks)
        )
        made.append(Track(id=row + 1, name=f"track {row + 1}", color="#4fb3bf", clips=own))
    return Session(media=tuple(media), tracks=tuple(made), next_id=tracks + clips + 1)


def noise(seed: int, samples: int, channels: int = 1, level: float = 0.25) -> Array:
    """Seeded white noise `(samples, channels)`, within ±1."""
    values = np.random.default_rng(seed).normal(0.0, level, (samples, channels))
    return np.clip(values, -0.99, 0.99).astype(np.float32)


def tone(frequency_hz: float, samples: int, rate: int = DEFAULT_RATE, level: float = 0.5) -> Array:
    """A sine `(samples, 1)`."""
    phase = 2.0 * np.pi * frequency_hz * np.arange(samples) / rate
    return (level * np.sin(phase)).astype(np.float32)[:, None]


def write_audio(path: Path, audio: Array, rate: int = DEFAULT_RATE, subtype: str | None = "FLOAT") -> Path:
    """Write `(N,)` or `(N, C)` samples; the suffix chooses the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, audio, rate, subtype=subtype)
    return path


def read_audio(path: Path, rate: int = DEFAULT_RATE) -> Array:
    """A file's samples `(channels, N)`, which must have this rate."""
    samples, found = sf.read(path, dtype="float32", always_2d=True)
    assert found == rate
    return np.ascontiguousarray(samples.T)


def import_audio(store: MediaStore, path: Path, audio: Array) -> Media:
    """Write samples to a file and import it."""
    return store.import_file(write_audio(path, audio))


def damage(path: Path, at: int, count: int = 4) -> None:
    """Invert bits of `count` bytes of a file, as a faulty disk may; its size stays the same."""
    with open(path, "r+b") as file:
        file.seek(at)
        before = file.read(count)
        file.seek(at)
        file.write(bytes(byte ^ 0x7F for byte in before))


def made_up_media(number: int, length: int, channels: int = 1, folder: str = "/music") -> Media:
    """A `Media` without a file."""
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    path = f"{folder}/stem {number}.wav"
    return Media(digest=digest, path=path, sample_rate=DEFAULT_RATE, channels=channels, length=length)


def session_of(*media: Media, codec: str = "mdct-2x", start: int = 0) -> Session:
    """One track for each media, all from `start` on."""
    return edits.set_codec(edits.add_stems(Session(), media, start), codec)


class MemoryAudio:
    """Audio by digest, for sessions of made-up media: many small sessions are rendered without touching the disk."""

    def __init__(self, audio: Mapping[str, Array]) -> None:
        """`audio`: samples `(N, C)` by digest."""
        self.audio = dict(audio)

    @classmethod
    def of(cls, *media: Media) -> MemoryAudio:
        """Seeded noise for each media, different for each."""
        return cls({item.digest: noise(int(item.digest[:8], 16), item.length, item.channels) for item in media})

    def read(self, digest: str, channel: int, start: int, count: int) -> Array:
        samples = self.audio[digest][:, channel]
        out = np.zeros(count, np.float32)
        lo, hi = max(0, start), min(len(samples), start + count)
        if hi > lo:
            out[lo - start : hi - start] = samples[lo:hi]
        return out


def plan_of(session: Session, codec_id: str, grid: Grid | None = None) -> Plan:
    """The plan of a session for a codec of the registry."""
    return make_plan(session, registry.for_session(codec_id, rate=session.rate), grid)


def load_codec(codec: str, rate: int) -> Codec:
    """A codec at a session's rate, on the default device."""
    return registry.load(codec, rate=rate)


def new_renderer(
    reader: AudioReader, cache: LatentCache | None = None, load: Callable[[str, int], Codec] = load_codec
) -> Renderer:
    """A renderer in this process, with an empty cache unless one is given."""
    return Renderer(load, reader, cache or LatentCache())


def render_plan(plan: Plan, renderer: Renderer) -> Array:
    """The whole mix `(channels, N)` of a plan."""
    blocks = [block for _, block in mix_blocks(plan, renderer.render)]
    return np.concatenate(blocks, axis=1) if blocks else np.zeros((plan.channels, 0), np.float32)


def render_all(session: Session, reader: AudioReader, codec_id: str, grid: Grid | None = None) -> Array:
    """The whole mix `(channels, N)` of a session."""
    return render_plan(plan_of(session, codec_id, grid), new_renderer(reader))


def si_sdr_db(estimate: npt.NDArray[Any], reference: npt.NDArray[Any]) -> float:
    """Scale-invariant signal-to-distortion ratio (Le Roux et al. 2019) in dB."""
    e, r = estimate.astype(np.float64).ravel(), reference.astype(np.float64).ravel()
    target = r * (e @ r) / (r @ r)
    return float(10.0 * np.log10((target @ target) / np.sum((e - target) ** 2)))


class FullDisk:
    """A stand-in for `open` on a disk with room for `room` bytes more: writes beyond it raise ENOSPC."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.refused = 0

    def __call__(self, path: Path | str, mode: str = "r", buffering: int = -1, **options: Any) -> Any:
        if "w" not in mode or "b" not in mode:
            return open(path, mode, buffering, **options)
        raw = _LimitedFile(path, mode.replace("b", ""), self)
        if buffering == 0:
            return raw
        return io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)


class _LimitedFile(io.FileIO):
    def __init__(self, path: Path | str, mode: str, disk: FullDisk) -> None:
        super().__init__(path, mode)
        self._disk = disk

    def write(self, data: Any) -> int:
        if memoryview(data).nbytes > self._disk.room:
            self._disk.refused += 1
            raise OSError(errno.ENOSPC, "No space left on device")
        written = super().write(data)
        self._disk.room -= written
        return written


def eventually(condition: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Wait for what another process does, where nothing can be waited on."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        pause.wait(0.02)


def files_below(folder: Path) -> list[Path]:
    """Every file below a folder, hidden ones included."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
