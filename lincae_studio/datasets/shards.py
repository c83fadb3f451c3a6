"""Shards: files with the arrays of many records, as safetensors or as tar files of WebDataset. Any thread.

A shard describes itself: the metadata of safetensors has the record of each key, in JSON; a tar file has a member
`KEY.json` before the arrays `KEY.latents.npy` and `KEY.audible.npy`, or `KEY.audio.npy`. Reading runs no code from a
file, and uses no name in it as a path.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from safetensors import safe_open
from safetensors.numpy import save

from lincae_studio import bounded
from lincae_studio.datasets.records import Container, Made, Record
from lincae_studio.engine.bundles.latent_files import read_npy

_ENDINGS: dict[Container, str] = {"safetensors": "safetensors", "webdataset": "tar"}

#: Members of a tar file that are looked at, and the largest that is read.
_MOST_MEMBERS = 1_000_000
_LARGEST_BYTES = 4 << 30


def shard_of(kind: str, made: Sequence[Made], container: Container) -> tuple[str, bytes, list[Record]]:
    """A shard with the arrays of records: its name, its bytes, and the records, which name it then.

    The name is a hash of the keys: equal records have equal shards.
    """
    records = [one.record for one in made if one.record is not None]
    digest = hashlib.blake2b("".join(record.key for record in records).encode(), digest_size=16).hexdigest()
    name = f"{kind}-{digest}.{_ENDINGS[container]}"
    named = [msgspec.structs.replace(record, shard=name) for record in records]
    return name, (_safetensors if container == "safetensors" else _tar)(made, named), named


class OpenShard:
    """A shard that is being read: a map of safetensors, or the list of a tar file, which is opened for each read."""

    def __init__(self, path: Path) -> None:
        """Open a file, or read what it contains.

        Raises:
            OSError, ValueError or what the reader of the container raises: when it is missing or damaged.
        """
        self._path = path
        self._tensors: Any = None
        self._members: dict[str, tuple[int, int]] = {}
        with bounded.open_regular(path) as file:
            if path.suffix == ".safetensors":
                opened: Any = safe_open  # its methods have no types
                self._tensors = opened(path, framework="numpy").__enter__()
            else:
                self._members = dict(_places(file))

    def array(self, key: str, name: str) -> npt.NDArray[Any]:
        """An array of a record. Raises what a damaged file makes the reader of its container raise."""
        if self._tensors is not None:
            found: npt.NDArray[Any] = self._tensors.get_tensor(f"{key}.{name}")
            return found
        offset, size = self._members[f"{key}.{name}.npy"]
        if size > _LARGEST_BYTES:
            raise ValueError("an array is too large")
        with bounded.open_regular(self._path) as file:
            file.seek(offset)
            array: npt.NDArray[Any] = read_npy(file.read(size))
        return array

    def close(self) -> None:
        if self._tensors is not None:
            self._tensors.__exit__(None, None, None)


def members_of(file: Any) -> Iterator[tarfile.TarInfo]:
    """The members of a tar file that is not compressed, of which none is remembered. Raises what `tarfile` raises."""
    with tarfile.open(fileobj=file, mode="r:") as archive:
        listing: Any = archive
        while (member := archive.next()) is not None:
            listing.members = []
            yield member


def _places(file: Any) -> Iterator[tuple[str, tuple[int, int]]]:
    for number, member in enumerate(members_of(file)):
        if number == _MOST_MEMBERS:
            raise ValueError("it has too many members")
        if member.isreg():
            yield member.name, (member.offset_data, member.size)


def _safetensors(made: Sequence[Made], records: Sequence[Record]) -> bytes:
    arrays = {
        f"{record.key}.{name}": array for one, record in zip(made, records, strict=True) for name, array in _arrays(one)
    }
    return save(arrays, {record.key: msgspec.json.encode(record).decode() for record in records})


def _tar(made: Sequence[Made], records: Sequence[Record]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:

        def add(name: str, data: bytes) -> None:
            info = tarfile.TarInfo(name)  # of no user, and from 1970: equal records make equal shards
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))

        for one, record in zip(made, records, strict=True):
            add(f"{record.key}.json", msgspec.json.encode(record))
            for name, array in _arrays(one):
                file = io.BytesIO()
                np.lib.format.write_array(file, array, version=(1, 0), allow_pickle=False)
                add(f"{record.key}.{name}.npy", file.getvalue())
    return out.getvalue()


def _arrays(made: Made) -> list[tuple[str, npt.NDArray[Any]]]:
    return [(name, np.frombuffer(data, kind).reshape(shape)) for name, (kind, shape, data) in made.arrays.items()]
