"""Collecting the audio of a project in one folder, so that it can be moved, archived or shared. Any thread."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path

import soundfile as sf
from msgspec.structs import replace

from lincae_studio import atomic
from lincae_studio.errors import MediaError, os_error_reason
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress
from lincae_studio.media.formats import WAV_LIMIT_BYTES
from lincae_studio.media.search import name_of
from lincae_studio.media.store import MediaStore, digest_of
from lincae_studio.session.model import SESSION_RATE, Media

_COPY_BYTES = 1 << 20
_BLOCK_FRAMES = 1 << 16


def collect(
    store: MediaStore,
    media_files: Sequence[Media],
    folder: Path,
    progress: ReportProgress = no_progress,
    cancel: CancelToken | None = None,
) -> dict[str, Media]:
    """Copy the files of media to a folder. Returns the new media, by the digests of the old ones.

    Files that are already in the folder are not copied again, and none is replaced: where two files have the same name,
    part of its digest is added to the name of the second. A file that is missing or has changed is written from the
    store as 32-bit float WAV, which is the audio that the session plays; its media gets a new digest.

    Raises:
        MediaError: when a file is neither on the disk nor in the store, or the folder cannot be written. Files copied
            so far are deleted.
        Cancelled: when `cancel` was set; copied files are deleted too.
    """
    cancel = cancel or CancelToken()
    written: list[Path] = []
    collected: dict[str, Media] = {}
    copies: dict[str, Path] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, media in enumerate(media_files):
            progress(Progress(number, len(media_files), name_of(media)))
            cancel.check()
            source = Path(media.path)
            state = store.file_state(media, cancel)
            if state != "here" and media.original is None:
                collected[media.digest] = _from_store(store, media, folder, written, cancel)
            elif state != "here":
                raise MediaError(
                    f"the bundle {media.path} is missing", "Restore it, or locate the audio it was made from"
                )
            else:
                if media.path not in copies:  # several channels of one file, or several media of one bundle
                    copies[media.path] = _copied(source, folder, written, cancel)
                collected[media.digest] = replace(media, path=str(copies[media.path]))
        progress(Progress(len(media_files), max(1, len(media_files)), "collected"))
    except BaseException as error:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink()
        with contextlib.suppress(OSError):
            folder.rmdir()  # only if it is empty
        if isinstance(error, OSError):
            reason, remedy = os_error_reason(error, folder / "file")
            raise MediaError(f"cannot collect the audio in {folder}: {reason}", remedy) from error
        raise
    return collected


def _copied(source: Path, folder: Path, written: list[Path], cancel: CancelToken) -> Path:
    if source.parent.resolve() == folder.resolve():
        return source
    digest = digest_of(source, cancel)
    for target in _names(folder, source.name, digest):
        if target.exists():
            if digest_of(target, cancel) == digest:
                return target
            continue
        with atomic.replacing(target) as temporary, open(source, "rb") as reading, open(temporary, "wb") as writing:
            copied = hashlib.sha256()
            while data := reading.read(_COPY_BYTES):
                cancel.check()
                copied.update(data)
                writing.write(data)
            if copied.hexdigest() != digest:
                raise MediaError(f"{source} was changed while it was being copied", "Try again")
        written.append(target)
        return target
    raise AssertionError("a name is always left")


def _from_store(store: MediaStore, media: Media, folder: Path, written: list[Path], cancel: CancelToken) -> Media:
    conformed = store.get(media.digest)
    if conformed is None:
        raise MediaError(f"{media.path} is missing", "Locate it with Search Folder, or delete its clips")
    name = f"{Path(name_of(media)).stem}.wav"
    for target in _names(folder, name, media.digest):
        if target.exists():
            continue
        with atomic.replacing(target) as temporary:
            kind = "RF64" if conformed.samples.nbytes > WAV_LIMIT_BYTES else "WAV"
            with sf.SoundFile(temporary, "w", SESSION_RATE, conformed.channels, subtype="FLOAT", format=kind) as file:
                for start in range(0, conformed.length, _BLOCK_FRAMES):
                    cancel.check()
                    file.write(conformed.samples[start : start + _BLOCK_FRAMES])
        written.append(target)
        return store.import_file(target, cancel=cancel)
    raise AssertionError("a name is always left")


def _names(folder: Path, name: str, digest: str) -> list[Path]:
    """Names to try, the plain one first."""
    path = Path(name)
    others = [f"{path.stem}-{digest[:length]}{path.suffix}" for length in (8, 16, 64)]
    return [folder / other for other in (name, *others)]
