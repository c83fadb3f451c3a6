"""The user's installed codecs: folders in the data folder, from downloads or imports. No torch; any thread.

A codec is installed completely or not at all: it is prepared in a hidden folder next to its place, then renamed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from lincae_studio import paths, private
from lincae_studio.errors import CodecError, os_error_reason

#: The file in which every family describes a codec; folders without it are ignored.
CONFIG_NAME = "config.json"

#: Valid codec ids, which are also folder names.
CODEC_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def installed() -> tuple[str, ...]:
    """Ids of the installed codecs, sorted; some may be damaged."""
    try:
        names = sorted(os.listdir(paths.codecs_dir()))
    except OSError:
        return ()
    return tuple(filter(_is_installed, names))


def codec_folder(codec_id: str) -> Path | None:
    """The folder of an installed codec, or None."""
    return place_of(codec_id) if _is_installed(codec_id) else None


def _is_installed(name: str) -> bool:
    return CODEC_ID.fullmatch(name) is not None and os.path.isfile(place_of(name) / CONFIG_NAME)


def remove(codec_id: str) -> None:
    """Delete a codec, even a damaged one, and the remains of an unfinished download of it.

    Raises:
        CodecError: when nothing with this id is installed, it cannot be deleted, or it is being installed.
    """
    existing = []
    if CODEC_ID.fullmatch(codec_id):
        existing = [path for path in (place_of(codec_id), download_folder(codec_id)) if os.path.lexists(path)]
    if not existing:
        raise CodecError(f"“{codec_id}” is not installed", f"Installed codecs: {', '.join(installed()) or 'none'}")
    try:
        with alone(codec_id):
            for path in existing:
                delete(path)
    except OSError as error:
        reason, remedy = os_error_reason(error, existing[0])
        raise CodecError(f"{codec_id} cannot be removed: {reason}", remedy) from error


def place_of(codec_id: str) -> Path:
    return paths.codecs_dir() / codec_id


def download_folder(codec_id: str) -> Path:
    return paths.codecs_dir() / f".{codec_id}.download"


@contextlib.contextmanager
def alone(codec_id: str) -> Iterator[None]:
    """Lock a codec against being installed or removed by another thread or process. A crash releases the lock.

    Raises:
        CodecError: when it is locked already.
        OSError: when the folder of codecs cannot be written.
    """
    import filelock

    private.make(paths.codecs_dir(), tighten=False, checked=False)
    lock = filelock.FileLock(paths.codecs_dir() / f".{codec_id}.lock", mode=0o600)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise CodecError(
            f"{codec_id} is already being installed or removed", "Wait until that has finished, or cancel it"
        ) from None
    try:
        yield
    finally:
        lock.release()


def check_free(place: Path) -> None:
    if os.path.lexists(place):
        remedy = f"Move it, or delete it with lincae-studio codecs remove {place.name}"
        raise CodecError(f"{place} already exists", remedy)


def delete(path: Path) -> None:
    """Delete a folder, or a link or file in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def cannot_install(codec_id: str, error: OSError) -> CodecError:
    reason, remedy = os_error_reason(error, paths.codecs_dir())
    return CodecError(f"{codec_id} cannot be installed: {reason}", remedy)
