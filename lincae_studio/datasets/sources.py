"""Sources of data sets: the files of a folder, a list, tar files of WebDataset, or object storage by fsspec.

Files and their names come from others: names are shown and kept, never used as paths on this disk. Nothing is unpacked
from tar files but the bytes of audio. Any thread or process.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from lincae_studio import bounded, paths, private
from lincae_studio.datasets.records import Failure, Item
from lincae_studio.datasets.shards import members_of
from lincae_studio.errors import MediaError, UsageError, os_error_reason
from lincae_studio.media.importing import with_folders
from lincae_studio.media.probe import EXTENSIONS
from lincae_studio.session.times import listed

_TAR = "tar"

#: Bytes read at a time; also the most that a tar file may have in one of its own headers.
_BLOCK_BYTES = 1 << 20

#: Largest list of files: ten million names.
_LIST_BYTES = 1 << 30

#: Largest file inside a tar file, or of object storage: a day of stereo in 32 bits.
_FILE_BYTES = 32 << 30


def items_of(source: str) -> Iterator[Item | Failure]:
    """The audio files of a source, sorted by name within a folder.

    It is a folder with those below, a list (a text file with one path or URL per line), a tar file, one audio file, or
    the URL of any of these but a list.

    A place in a list, or a tar file, that cannot be read is a failure; the rest is still found.

    Raises:
        UsageError: when the source itself cannot be read.
    """
    if "://" in source:
        yield from _remote(source)
        return
    path = Path(source)
    if os.path.isdir(path):
        found = sorted(with_folders([path])) + sorted(path.rglob(f"*.{_TAR}"))
        if not found:
            raise UsageError(f"there is no audio in {source}", "Give a folder with audio files, or with tar files")
        for one in found:
            yield from _local(one, str(one.relative_to(path)))
    elif _ending(source) in (*EXTENSIONS, _TAR):
        if not os.path.exists(path):
            raise UsageError(f"there is no file {source}", "Check the path")
        yield from _local(path, path.name)
    else:
        yield from _list(path)


@contextlib.contextmanager
def fetched(item: Item) -> Iterator[Path]:
    """The file of an item on this disk, for as long as the block lasts: itself, or a copy without its name.

    Raises:
        MediaError: when it cannot be read.
    """
    if item.offset < 0 and "://" not in item.place:
        yield Path(item.place)
        return
    folder = private.make(paths.cache_dir())
    with tempfile.NamedTemporaryFile(dir=folder) as copy:
        try:
            with _opened(item.place) as file:
                file.seek(max(0, item.offset))
                left = item.size
                while left and (block := file.read(min(_BLOCK_BYTES, left))):
                    copy.write(block)
                    left -= len(block)
            copy.flush()
        except OSError as error:
            reason, remedy = os_error_reason(error, item.place)
            raise MediaError(f"cannot read {item.name}: {reason}", remedy) from error
        except Exception as error:  # the boundary of other storage, whose errors are its own
            raise MediaError(f"cannot read {item.name}: {type(error).__name__}: {error}", "Try again") from error
        if left:
            raise MediaError(f"cannot read {item.name}: it has {left:,} bytes less than listed", "Try again")
        yield Path(copy.name)


def _local(path: Path, name: str) -> Iterator[Item | Failure]:
    """An audio or tar file."""
    try:
        status = os.stat(path)
    except OSError as error:
        yield Failure(_text(name), os_error_reason(error, path)[0])
        return
    stamp = f"{status.st_size}-{status.st_mtime_ns}"
    if _ending(name) == _TAR:
        yield from _members(str(path), name, stamp)
    else:
        yield Item(name=_text(name), place=str(path.absolute()), size=status.st_size, stamp=stamp)


def _list(path: Path) -> Iterator[Item | Failure]:
    try:
        text = bounded.read(path, _LIST_BYTES).decode(errors="surrogateescape")
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise UsageError(f"cannot read {path}: {reason}", remedy) from error
    if "\0" in text:
        endings = listed(EXTENSIONS, len(EXTENSIONS))
        raise UsageError(f"{path} is neither a list nor audio", f"Give a text file, or one ending in {endings} or tar")
    for line in text.splitlines():
        place = line.strip()
        if not place or place.startswith("#"):
            continue
        try:
            if "://" in place:
                yield from _remote(place)
            else:
                there = path.parent / place
                if os.path.isdir(there):
                    yield Failure(_text(place), "it is a folder")
                else:
                    yield from _local(there, place)
        except UsageError as error:
            yield Failure(_text(place), error.problem)


def _remote(url: str) -> Iterator[Item | Failure]:
    """Files of object storage, or of any other file system that fsspec supports."""
    try:
        system, path = _fsspec().core.url_to_fs(url)
        info = system.info(path)
        folder = info["type"] == "directory"
        found = system.find(path, detail=True) if folder else {info["name"]: info}
    except FileNotFoundError as error:
        raise UsageError(f"there is nothing at {url}", "Check the address") from error
    except ImportError as error:
        raise UsageError(f"{url} needs a package that is missing: {error}", "Install it with pip") from error
    except Exception as error:  # the boundary of other storage
        raise UsageError(f"cannot read {url}: {type(error).__name__}: {error}", "Check the address") from error
    root = str(info["name"]).rstrip("/") + "/"
    for name in sorted(found):
        one, ending = found[name], _ending(name)
        if folder and ending not in (*EXTENSIONS, _TAR):
            continue
        short = name.removeprefix(root) if folder else name.rpartition("/")[2]
        place = str(system.unstrip_protocol(name))
        size = int(one.get("size") or 0)
        marks = (one.get(mark) for mark in ("ETag", "etag", "md5Hash", "mtime", "LastModified", "created"))
        stamp = f"{size}-{next((mark for mark in marks if mark is not None), '')}"
        if ending == _TAR:
            yield from _members(place, short, stamp)
        else:
            yield Item(name=_text(short), place=place, size=min(size, _FILE_BYTES), stamp=stamp)


def _members(place: str, name: str, stamp: str) -> Iterator[Item | Failure]:
    """The audio in a tar file that is not compressed."""
    try:
        with _opened(place) as file:
            for member in members_of(_Limited(file)):
                if not member.isreg() or member.issparse() or _ending(member.name) not in EXTENSIONS:
                    continue
                if member.size > _FILE_BYTES:
                    yield Failure(_text(f"{name}/{member.name}"), "it is too large")
                    continue
                yield Item(
                    name=_text(f"{name}/{member.name}"),
                    place=place,
                    size=member.size,
                    stamp=f"{stamp}-{member.offset_data}-{member.size}",
                    offset=member.offset_data,
                )
    except OSError as error:
        yield Failure(_text(name), os_error_reason(error, place)[0])
    except Exception as error:  # an untrusted file, or storage with errors of its own
        yield Failure(_text(name), f"it is not a tar file, or damaged ({type(error).__name__}: {error})")


@contextlib.contextmanager
def _opened(place: str) -> Iterator[BinaryIO]:
    if "://" not in place:
        with bounded.open_regular(Path(place)) as file:
            yield file
        return
    system, path = _fsspec().core.url_to_fs(place)
    with system.open(path, "rb") as file:
        yield file


def _fsspec() -> Any:
    try:
        return importlib.import_module("fsspec")
    except ImportError as error:
        problem = "addresses of object storage need fsspec, which is not installed"
        raise UsageError(problem, 'Install it with pip install "lincae-studio[cluster]"') from error


class _Limited:
    """A file from which only a little is read at once: headers of tar files may claim any length."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _BLOCK_BYTES:
            raise tarfile.ReadError("a header is too long")
        return self._file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def _text(name: str) -> str:
    """A name as text: invalid Unicode is escaped, and very long names are shortened and get a hash."""
    text = name.encode(errors="backslashreplace").decode()
    if len(text) > 1024:
        return f"{text[:960]}~{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"
    return text
