"""Reading a data set: its index, and the arrays of its records, with a few shards open at a time. Any one thread."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from lincae_studio import bounded
from lincae_studio.codecs.base import Array
from lincae_studio.datasets.records import FORMAT, VERSION, Job, Record
from lincae_studio.datasets.shards import OpenShard
from lincae_studio.engine.bundles.latent_files import Latents, mismatch
from lincae_studio.errors import MediaError, os_error_reason

#: Names of the files of a data set, besides its shards.
DESCRIPTION, INDEX, REPORT = "dataset.json", "index.jsonl", "report.csv"

_OPEN_SHARDS = 8
_DESCRIPTION_BYTES = 1 << 20
_LINE_BYTES = 1 << 20

_REMEDY = "Make the data set again, or choose another one"


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """The content of `dataset.json`: the job that the data set was made by."""

    job: Job
    format: str = FORMAT
    version: int = VERSION


def read_description(folder: Path) -> Job:
    """The job that a data set was made by.

    Raises:
        MediaError: when there is no data set in the folder, or it is damaged or of a later version.
    """
    path = folder / DESCRIPTION
    try:
        found = msgspec.json.decode(bounded.read(path, _DESCRIPTION_BYTES), type=Description)
    except OSError as error:
        raise MediaError(f"{folder} is not a data set: {os_error_reason(error, path)[0]}", _REMEDY) from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise MediaError(f"{path} is damaged ({error})", _REMEDY) from error
    if found.format != FORMAT or found.version > VERSION:
        raise MediaError(f"{folder} is a data set that this version does not support", "Update LinCAE Studio")
    return found.job


def read_index(folder: Path) -> Iterator[tuple[Record, int]]:
    """The records of a data set in the order of its index, each with the position in bytes at which its line ends.

    An incomplete last line, of a run that was killed while it wrote, is left out.

    Raises:
        MediaError: when the index cannot be read, or another line is not a record.
    """
    path = folder / INDEX
    decoder = msgspec.json.Decoder(Record)
    at = 0
    try:
        with bounded.open_regular(path) as file:
            while line := file.readline(_LINE_BYTES):
                at += len(line)
                if not line.endswith(b"\n"):
                    if len(line) == _LINE_BYTES:
                        raise ValueError("a line is too long")
                    return
                yield decoder.decode(line), at
    except FileNotFoundError:
        return
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise MediaError(f"cannot read {path}: {reason}", remedy) from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise MediaError(f"{path} is damaged at byte {at:,} ({error})", _REMEDY) from error


class Shards:
    """Reads the arrays of records of one data set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: OrderedDict[str, OpenShard] = OrderedDict()

    def latents(self, record: Record) -> Latents:
        """The latents of a record, as in a file of latents: always float32.

        Raises:
            MediaError: when it has none, or its shard is missing or damaged.
        """
        header = record.header
        if header is None:
            raise MediaError(f"{record.name} has no latents in {self.folder}", "Choose a data set of latents")
        latents, audible = self._array(record, "latents"), self._array(record, "audible")
        if latents.dtype not in (np.float32, np.float16):
            raise self._damaged(record, "its latents are not floating-point numbers")
        problem = mismatch(header, latents, audible)
        if problem:
            raise self._damaged(record, problem)
        return Latents(header, latents.astype(np.float32, copy=False), audible)

    def audio(self, record: Record) -> Array:
        """The audio of a record: float32 `(channels, N)`.

        Raises:
            MediaError: when it has none, or its shard is missing or damaged.
        """
        if not record.channels:
            raise MediaError(f"{record.name} has no audio in {self.folder}", "Choose a data set of decoded audio")
        audio = self._array(record, "audio")
        if audio.dtype != np.float32 or audio.shape != (record.channels, record.length):
            raise self._damaged(record, "its audio does not match the index")
        if not np.isfinite(audio).all():
            raise self._damaged(record, "it contains NaN or infinite samples")
        return audio

    def close(self) -> None:
        """Close the files. They are opened again when they are needed."""
        while self._open:
            self._open.popitem()[1].close()

    def _array(self, record: Record, name: str) -> npt.NDArray[Any]:
        try:
            if record.shard not in self._open:
                self._open[record.shard] = OpenShard(self.folder / record.shard)
                if len(self._open) > _OPEN_SHARDS:
                    self._open.popitem(last=False)[1].close()
            self._open.move_to_end(record.shard)
            return self._open[record.shard].array(record.key, name)
        except OSError as error:
            reason, remedy = os_error_reason(error, self.folder / record.shard)
            raise MediaError(f"cannot read {self.folder / record.shard}: {reason}", remedy) from error
        except Exception as error:  # a damaged file can make the readers of tar, npy and safetensors raise anything
            raise self._damaged(record, f"{type(error).__name__}: {error}") from error

    def _damaged(self, record: Record, problem: str) -> MediaError:
        return MediaError(f"{self.folder / record.shard} is damaged at {record.name}: {problem}", _REMEDY)


class Reader(Shards):
    """A data set: `job`, `records` (those of equal content once), and their arrays."""

    def __init__(self, folder: Path) -> None:
        """Open a data set. Raises `MediaError`."""
        super().__init__(folder)
        self.job = read_description(folder)

    @cached_property
    def records(self) -> Sequence[Record]:
        """All records, sorted by name and start, not in the order in which they were made. Raises `MediaError`."""
        found = {record.key: record for record, _ in read_index(self.folder) if not record.same}
        return sorted(found.values(), key=lambda record: (record.name, record.start, record.key))
