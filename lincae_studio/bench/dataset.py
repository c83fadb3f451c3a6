"""Data sets of latents: encoding many files by `datasets`, compared with a plain loop, on one and two workers of Ray.

A plain loop reads a file, encodes it as one batch of windows, and keeps the latents; it hashes nothing, splits nothing
and writes no index. Two such loops in processes of their own, at the same time, show what two workers could gain here
at most. The times of runs on a cluster are without the start of the workers, which takes seconds.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import soundfile as sf
from safetensors.numpy import save_file

from lincae_studio import cores, malloc
from lincae_studio.bench.engine import resolve_codec
from lincae_studio.bench.processes import measured
from lincae_studio.codecs import registry
from lincae_studio.datasets.cluster import installed, local
from lincae_studio.datasets.records import Item, Job, Made, Record, packed
from lincae_studio.datasets.run import run
from lincae_studio.datasets.sources import items_of
from lincae_studio.datasets.target import Target
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.errors import UsageError
from lincae_studio.jobs import CancelToken, no_progress
from lincae_studio.media.file_audio import channels_of, resampled
from lincae_studio.media.reading.reader import AudioFile
from lincae_studio.session.model import DEFAULT_RATE

_MOST_FILES = 10_000
_LONGEST_S = 3600.0

#: Width of the model of `random-lin-cae` here: a quarter of that of the public ones.
_BASE_CHANNELS = 16

#: Bytes that are written to measure how fast shards are.
_WRITTEN_BYTES = 256 << 20


def measure_dataset(files: int, seconds: float, codec: str) -> dict[str, object]:
    """Encode stereo FLAC files of this length, with a codec by its id, or `random-lin-cae`, a narrow one.

    Returns:
        `plain_s`, `here_s`: time of the plain loop, and of a data set made in this process; `share_of_plain`: the speed
        of the second as a share of that of the first. `x_realtime`: of the second. `read_x_realtime`: of reading,
        hashing and conforming alone. `write_mb_per_s`: of records that are taken, put into shards and synced, in MB/s.
        `ceiling`: two plain loops at the same time, as a multiple of one. `workers_1_s`, `workers_2_s`: on a cluster of
        one and two workers; `scaling`: their ratio; `scaling_of_ceiling`: that as a share of the ceiling; these four
        are None where Ray is not installed.

    Raises:
        UsageError: when an argument is out of range.
        CodecError: when there is no such codec.
    """
    if not 10 <= files <= _MOST_FILES or not 0.1 <= seconds <= _LONGEST_S:
        problem = f"Choose 10 to {_MOST_FILES} files of 0.1 to {_LONGEST_S:g} s"
        raise UsageError("these files cannot be measured", problem)
    os.environ["OMP_NUM_THREADS"] = "1"  # of torch, in this process and others: a worker has one core
    cores.use_one_per_product()
    malloc.keep_freed()  # as the command and the workers do
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shown, codec = codec, resolve_codec(codec, folder / "codec", _BASE_CHANNELS)
        job = Job(kind="encode", codec=registry.by_path(codec))
        _write(folder / "in", files, seconds)
        items = [item for item in items_of(str(folder / "in")) if isinstance(item, Item)]
        plain_s = measured("dataset", str(folder / "in"), codec)["seconds"]
        here_s = run(job, items, folder / "here").seconds
        with ThreadPoolExecutor(2) as pool:
            both = list(pool.map(lambda _: measured("dataset", str(folder / "in"), codec)["seconds"], range(2)))
        ceiling = 2 * plain_s / max(both)
        one, two = (_on_cluster(job, items, folder / f"{workers}", workers) for workers in (1, 2))
        scaling = one / two if one is not None and two is not None else None
        return {
            "files": files,
            "seconds": seconds,
            "codec": shown,
            "plain_s": plain_s,
            "here_s": here_s,
            "share_of_plain": plain_s / here_s,
            "x_realtime": files * seconds / here_s,
            "read_x_realtime": files * seconds / _reading(items),
            "write_mb_per_s": _writing(job, folder / "written"),
            "ceiling": ceiling,
            "workers_1_s": one,
            "workers_2_s": two,
            "scaling": scaling,
            "scaling_of_ceiling": None if scaling is None else scaling / ceiling,
        }


def figures(folder: str, source: str, codec: str) -> dict[str, float]:
    """The plain loop in a process of its own, as `processes.measured` runs it."""
    cores.use_one_per_product()
    malloc.keep_freed()
    _plain(Path(source), codec, most=3)
    return {"seconds": _plain(Path(source), codec)}


def _write(folder: Path, files: int, seconds: float) -> None:
    folder.mkdir()
    for number in range(files):
        noise = np.random.default_rng(number).normal(0.0, 0.1, (round(seconds * DEFAULT_RATE), 2))
        sf.write(folder / f"{number:05d}.flac", noise, DEFAULT_RATE, subtype="PCM_16")


def _plain(folder: Path, codec_id: str, most: int | None = None) -> float:
    """Seconds of the plain loop."""
    codec = registry.load(codec_id)
    grid = Grid.of(codec.info)
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        for path in sorted(folder.iterdir())[:most]:
            audio, _ = sf.read(path, dtype="float32", always_2d=True)
            count = grid.count(len(audio))
            before = -grid.window_start(0)
            padded = np.zeros((2, before + (count - 1) * grid.step_samples + grid.window_samples), np.float32)
            padded[:, before : before + len(audio)] = audio.T[:, : padded.shape[1] - before]
            starts = range(0, count * grid.step_samples, grid.step_samples)
            windows = np.stack([side[start : start + grid.window_samples] for start in starts for side in padded])
            latents = [codec.encode(windows[at : at + 16]) for at in range(0, len(windows), 16)]
            save_file({"latents": np.concatenate(latents)}, Path(out) / f"{path.stem}.safetensors")
        return time.perf_counter() - started


def _reading(items: Sequence[Item]) -> float:
    """Seconds of reading, hashing and conforming files, without encoding them."""
    started = time.perf_counter()
    for item in items:
        with AudioFile(Path(item.place)) as file:
            file.digest(CancelToken())
            for _ in resampled(file, channels_of("", file.info), DEFAULT_RATE, no_progress, CancelToken()):
                pass
    return time.perf_counter() - started


def _writing(job: Job, folder: Path) -> float:
    """MB per second of one process that writes records, each a minute of stereo of Lin-CAE."""
    latents = np.random.default_rng(0).normal(size=(29, 2, 64, 22)).astype(np.float32)
    record = Record(key="0" * 40, name="", stamp="", digest="0" * 64)
    message = msgspec.msgpack.encode(Made(item="", record=record, arrays={"latents": packed(latents)}))
    started = time.perf_counter()
    with Target(folder, job) as target:
        for number in range(_WRITTEN_BYTES // latents.nbytes):
            one = msgspec.msgpack.decode(message, type=Made)
            own = msgspec.structs.replace(record, key=f"{number:040x}", name=str(number))
            target.add(msgspec.structs.replace(one, record=own))
    rate = target.nbytes / (time.perf_counter() - started) / 1e6
    shutil.rmtree(folder)
    return rate


def _on_cluster(job: Job, items: Sequence[Item], folder: Path, workers: int) -> float | None:
    """Seconds for all files without the start of the workers, which a run of an eighth of them shows; None without Ray.

    What is made arrives in bursts, so single arrivals tell nothing.
    """
    if not installed():
        return None
    few = items[: len(items) // 8]

    def seconds(chosen: Sequence[Item], name: str) -> float:
        with local(workers):
            return run(job, chosen, folder / name, cluster="auto").seconds

    return (seconds(items, "all") - seconds(few, "few")) * len(items) / (len(items) - len(few))
