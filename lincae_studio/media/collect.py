"""Collecting the audio of a project in one folder, so that it can be moved, archived or shared. Any thread."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import BinaryIO

import soundfile as sf
from msgspec.structs import replace

from lincae_studio import atomic, bounded
from lincae_studio.errors import MediaError, StudioError, os_error_reason
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress
from lincae_studio.media.formats import WAV_LIMIT_BYTES
from lincae_studio.media.reading.reader import hash_of
from lincae_studio.media.search import name_of
from lincae_studio.media.store import FileState, MediaStore, digest_of, of_selection
from lincae_studio.session.derived import found_again
from lincae_studio.session.digests import rate_of
from lincae_studio.session.model import Media
from lincae_studio.session.times import listed

_BLOCK_FRAMES = 1 << 16


class NotCollectableError(MediaError):
    """Audio files that are missing or have different content, and are not in the store either.

    Attributes:
        media: the media of these files.
    """

    def __init__(self, media: Sequence[tuple[Media, FileState]]) -> None:
        texts = {"missing": "is missing", "changed": "is not the audio that the project expects"}
        problems = dict.fromkeys(f"{item.path} {texts[state]}" for item, state in media)
        super().__init__(
            listed(list(problems), 5), "Locate the files in File > Audio Files, or delete the clips that use them"
        )
        self.media = tuple(item for item, _ in media)


def collect(
    store: MediaStore,
    media_files: Sequence[Media],
    folder: Path,
    progress: ReportProgress = no_progress,
    cancel: CancelToken | None = None,
    bundled: Callable[[Path], Collection[str]] = lambda _: (),
) -> dict[str, Media]:
    """Copy the files of media to a folder. Returns the new media, by the digests of the old ones.

    Only a file with the content that the project expects is copied: a project from another person may refer to any file
    of this computer. Files that are already in the folder are not copied again, and none is replaced: where two files
    have the same name, part of its digest is added to the name of the second. A file that is missing or has changed is
    written from the store as 32-bit float WAV, which is the audio that the session plays; its media gets a new digest.

    Args:
        bundled: the digests of the media in the bundle at a path; raises `StudioError` when it is none.

    Raises:
        NotCollectableError: when a file is neither on the disk, as the project expects it, nor in the store.
        MediaError: when the folder cannot be written. After any error, files copied so far are deleted.
        Cancelled: when `cancel` was set; copied files are deleted too.
    """
    cancel = cancel or CancelToken()
    states = {media.digest: _state(store, media, bundled, cancel) for media in media_files}
    lost = [(media, states[media.digest]) for media in media_files if states[media.digest] != "here"]
    lost = [(media, state) for media, state in lost if not _stored(store, media, cancel)]
    if lost:
        raise NotCollectableError(lost)
    copying = _Copying(folder, cancel, bundled)
    collected: dict[str, Media] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, media in enumerate(media_files):
            progress(Progress(number, len(media_files), name_of(media)))
            cancel.check()
            try:
                copy = copying.copy(media) if states[media.digest] == "here" else None
            except _ChangedError as error:
                if not _stored(store, media, cancel):
                    raise NotCollectableError([(media, "changed")]) from error
                copy = None
            if copy is not None:
                collected[media.digest] = replace(media, path=str(copy))
            else:
                collected[media.digest] = _from_store(store, media, folder, copying.written, cancel)
        progress(Progress(len(media_files), max(1, len(media_files)), "collected"))
    except BaseException as error:
        for path in copying.written:
            with contextlib.suppress(OSError):
                path.unlink()
        with contextlib.suppress(OSError):
            folder.rmdir()  # only if it is empty
        if isinstance(error, OSError):
            reason, remedy = os_error_reason(error, folder / "file")
            raise MediaError(f"cannot collect the audio in {folder}: {reason}", remedy) from error
        raise
    return collected


def _state(
    store: MediaStore, media: Media, bundled: Callable[[Path], Collection[str]], cancel: CancelToken
) -> FileState:
    state = store.file_state(media, cancel)
    if media.original is not None and state == "here":
        try:
            return "here" if media.source.digest in bundled(Path(media.path)) else "changed"
        except StudioError:
            return "changed"
    return state


class _ChangedError(Exception):
    """A file has changed since its state was determined."""


class _Copying:
    """Copies each file once, verifying it while it is copied."""

    def __init__(self, folder: Path, cancel: CancelToken, bundled: Callable[[Path], Collection[str]]) -> None:
        self.written: list[Path] = []
        self._folder = folder
        self._cancel = cancel
        self._bundled = bundled
        #: The copies by the paths of the files: several media may be channels of one file, or in one bundle.
        self._copies: dict[str, Path] = {}
        #: The digests of the copied files.
        self._digests: dict[str, str] = {}

    def copy(self, media: Media) -> Path:
        """The copy of the file. Raises `_ChangedError`, `MediaError`, `OSError`, `Cancelled`."""
        path = media.path
        source = Path(path)
        if path not in self._copies:
            with bounded.open_regular(source) as file:
                self._digests[path] = hash_of(file, source, self._cancel)
                if media.original is None:
                    self._check(media)
                self._copies[path] = self._copied(file, source, media)
        if media.original is None:
            self._check(media)
        elif media.source.digest not in self._bundled(self._copies[path]):
            raise _ChangedError
        return self._copies[path]

    def _check(self, media: Media) -> None:
        digest = of_selection(self._digests[media.path], media.channel_selection, rate_of(media.digest))
        if digest != media.source.digest:
            raise _ChangedError

    def _copied(self, file: BinaryIO, source: Path, media: Media) -> Path:
        if source.parent.resolve() == self._folder.resolve():
            return source
        digest = self._digests[media.path]
        for target in _names(self._folder, source.name, digest):
            if os.path.lexists(target):  # a link that leads nowhere would be written through
                if _has_digest(target, digest, self._cancel):
                    return target
                continue
            with atomic.replacing(target) as temporary:
                self._write(file, temporary, digest)
                if media.original is not None and media.source.digest not in self._bundled(temporary):
                    raise _ChangedError
            self.written.append(target)
            return target
        raise _taken(self._folder, source.name)

    def _write(self, file: BinaryIO, target: Path, digest: str) -> None:
        copied = hashlib.sha256()
        with open(target, "wb") as writing:
            for data in bounded.blocks_of(file):
                self._cancel.check()
                copied.update(data)
                writing.write(data)
        if copied.hexdigest() != digest:
            raise _ChangedError


def _stored(store: MediaStore, media: Media, cancel: CancelToken) -> bool:
    """Whether the audio can be written from the store; audio decoded from latents is not what the bundle contains."""
    return media.original is None and store.is_whole(media.source.digest, cancel)


def _has_digest(path: Path, digest: str, cancel: CancelToken) -> bool:
    try:
        return digest_of(path, cancel) == digest
    except MediaError:  # not a file, or not readable
        return False


def _from_store(store: MediaStore, media: Media, folder: Path, written: list[Path], cancel: CancelToken) -> Media:
    conformed = store.open(media.source.digest)
    name = f"{Path(name_of(media)).stem}.wav"
    for target in _names(folder, name, media.digest):
        if os.path.lexists(target):
            continue
        with atomic.replacing(target) as temporary:
            kind = "RF64" if conformed.samples.nbytes > WAV_LIMIT_BYTES else "WAV"
            rate = rate_of(media.digest)
            with sf.SoundFile(temporary, "w", rate, conformed.channels, subtype="FLOAT", format=kind) as file:
                for start in range(0, conformed.length, _BLOCK_FRAMES):
                    cancel.check()
                    file.write(conformed.frames(start, start + _BLOCK_FRAMES))
        written.append(target)
        return found_again(media, store.import_file(target, cancel=cancel, rate=rate))
    raise _taken(folder, name)


def _taken(folder: Path, name: str) -> MediaError:
    return MediaError(f"cannot collect {name} in {folder}: all names are taken", "Move the files in that folder away")


def _names(folder: Path, name: str, digest: str) -> list[Path]:
    """Names to try, the plain one first."""
    path = Path(name)
    others = [f"{path.stem}-{digest[:length]}{path.suffix}" for length in (8, 16, 64)]
    return [folder / other for other in (name, *others)]
