"""The user's codecs: folders in the data folder, installed by download or import. No torch; any thread.

A codec is there entirely or not at all: it is made ready beside its place, under a hidden name, and renamed into it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from lincae_studio import paths
from lincae_studio.errors import CodecError, os_error_reason

#: The file that every family describes a codec in; a folder without it is no codec of the library.
CONFIG_NAME = "config.json"

#: Ids of codecs, which are names of folders.
CODEC_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def installed() -> tuple[str, ...]:
    """Ids of the codecs that are installed, sorted; their folders may be broken."""
    try:
        names = sorted(os.listdir(paths.codecs_dir()))
    except OSError:
        return ()
    return tuple(name for name in names if CODEC_ID.fullmatch(name) and os.path.isfile(place_of(name) / CONFIG_NAME))


def codec_folder(codec_id: str) -> Path | None:
    """The folder of an installed codec, or None."""
    return place_of(codec_id) if codec_id in installed() else None


def remove(codec_id: str) -> None:
    """Delete a codec, broken ones too, and what an unfinished download of it left.

    Raises:
        CodecError: when there is nothing of that id, it cannot be deleted, or it is being installed.
    """
    there = []
    if CODEC_ID.fullmatch(codec_id):
        there = [path for path in (place_of(codec_id), download_folder(codec_id)) if os.path.lexists(path)]
    if not there:
        raise CodecError(f"{codec_id!r} is not installed", f"Installed are {', '.join(installed()) or 'none'}")
    try:
        with alone(codec_id):
            for path in there:
                delete(path)
    except OSError as error:
        reason, remedy = os_error_reason(error, there[0])
        raise CodecError(f"{codec_id} cannot be removed: {reason}", remedy) from error


def place_of(codec_id: str) -> Path:
    return paths.codecs_dir() / codec_id


def download_folder(codec_id: str) -> Path:
    return paths.codecs_dir() / f".{codec_id}.download"


@contextlib.contextmanager
def alone(codec_id: str) -> Iterator[None]:
    """Keep others, in this process or another, from installing or removing the same codec. Frees itself on a crash.

    Raises:
        CodecError: when another one is at it.
        OSError: when the folder of codecs cannot be written.
    """
    import filelock

    paths.codecs_dir().mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(paths.codecs_dir() / f".{codec_id}.lock")
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise CodecError(
            f"{codec_id} is being installed or removed already", "Wait for that to end, or cancel it"
        ) from None
    try:
        yield
    finally:
        lock.release()


def check_free(place: Path) -> None:
    if os.path.lexists(place):
        raise CodecError(f"{place} is in the way", f"Move it, or delete it: lincae-studio codecs remove {place.name}")


def delete(path: Path) -> None:
    """A folder, or a link or file in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def cannot_install(codec_id: str, error: OSError) -> CodecError:
    reason, remedy = os_error_reason(error, paths.codecs_dir())
    return CodecError(f"{codec_id} cannot be installed: {reason}", remedy)
