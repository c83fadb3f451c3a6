"""Import of many stems, compared with only decoding and hashing the same files. No window, no torch.

Both run on all cores, and alternate, so that noise of the machine affects both.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import soundfile as sf

from lincae_studio import cores
from lincae_studio.bench.spread import spread
from lincae_studio.errors import StudioError, UsageError
from lincae_studio.jobs import CancelToken, no_progress
from lincae_studio.media.importing import import_all
from lincae_studio.media.reading.reader import AudioFile
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import DEFAULT_RATE

_MOST_FILES = 1000
_LONGEST_S = 3600.0


def measure_import(files: int, seconds: float, repeats: int) -> dict[str, object]:
    """Import `files` stereo stems of this length, 24-bit WAV at the session's rate, into an empty store.

    Returns:
        medians of `import_s`, `bare_s` (decoding and hashing alone), their processor times `import_cpu_s` and
        `bare_cpu_s`; `share_of_bare`: the speed of the import as a share of that of the bare work, and
        `share_of_bare_cpu`, the same of processor time, which a busy machine disturbs less; `x_realtime`.

    Raises:
        UsageError: when an argument is out of range.
    """
    if not 1 <= files <= _MOST_FILES or not 0.1 <= seconds <= _LONGEST_S:
        raise UsageError(
            "these stems cannot be measured", f"Choose 1 to {_MOST_FILES} files of 0.1 to {_LONGEST_S:g} s"
        )
    times: dict[str, list[float]] = {name: [] for name in ("import", "import_cpu", "bare", "bare_cpu")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stems = [_stem(folder / f"stem {number + 1}.wav", seconds, number) for number in range(files)]
        for repeat in range(repeats + 1):  # the first round reads the files into memory
            store = folder / "store"
            for kind, work in (("bare", partial(_bare, stems)), ("import", partial(_import, stems, store))):
                took, used = _timed(work)
                if repeat:
                    times[kind].append(took)
                    times[f"{kind}_cpu"].append(used)
            shutil.rmtree(store)
    median = {name: statistics.median(found) for name, found in times.items()}
    shares = [bare / whole for bare, whole in zip(times["bare"], times["import"], strict=True)]
    cpu_shares = [bare / whole for bare, whole in zip(times["bare_cpu"], times["import_cpu"], strict=True)]
    return {
        "files": files,
        "seconds": seconds,
        **{f"{name}_s": value for name, value in median.items()},
        "share_of_bare": statistics.median(shares),
        "share_of_bare_cpu": statistics.median(cpu_shares),
        "x_realtime": files * seconds / median["import"],
        "spread": {
            **{f"{name}_s": spread(found) for name, found in times.items()},
            "share_of_bare": spread(shares),
            "share_of_bare_cpu": spread(cpu_shares),
        },
    }


def _stem(path: Path, seconds: float, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    with sf.SoundFile(path, "w", DEFAULT_RATE, 2, subtype="PCM_24") as file:
        left = round(seconds * DEFAULT_RATE)
        while left > 0:
            count = min(left, DEFAULT_RATE)
            file.write(rng.normal(0.0, 0.1, (count, 2)))
            left -= count
    return path


def _import(stems: Sequence[Path], folder: Path) -> None:
    imported = import_all(MediaStore(folder), stems, no_progress, CancelToken(), DEFAULT_RATE)
    if imported.problems:
        raise StudioError(imported.problems[0])


def _bare(stems: Sequence[Path]) -> None:
    def read(path: Path) -> None:
        with AudioFile(path) as file:
            file.digest(CancelToken())
            for _ in file.blocks():
                pass

    with ThreadPoolExecutor(cores.count()) as pool:
        list(pool.map(read, stems))


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds that the work took, and seconds of processor time of all threads."""
    started, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - used
