"""The media store: audio files conformed once to the session rate, memory-mapped, with their waveform peaks.

Conforming streams through the file: an hour-long file takes no more memory than a second. Entries are addressed by the
SHA-256 of the file's bytes, written to a temporary folder and renamed when complete, so that several processes can
share one store and a crash leaves no incomplete entry. An entry that turns out to be damaged is discarded by whichever
process notices; it is recreated from its file. Any thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from lincae_studio import bounded, private
from lincae_studio.atomic import check_ordinary, held, sweep, write_bytes
from lincae_studio.errors import MediaError, os_error_reason
from lincae_studio.jobs import CancelToken, ReportProgress, no_progress, share_of
from lincae_studio.media import deriving
from lincae_studio.media.conformed import (
    AUDIO,
    INFO,
    ConformedMedia,
    DamagedMediaError,
    FolderWriter,
    open_folder,
)
from lincae_studio.media.file_audio import channels_of, resampled
from lincae_studio.media.peaks import BLOCK, Audio
from lincae_studio.media.probe import check_width
from lincae_studio.media.reading.reader import BLOCK_FRAMES, AudioFile, hash_of
from lincae_studio.session.digests import digest_at, rate_of
from lincae_studio.session.model import DEFAULT_RATE, LONGEST, MAX_LENGTH, Media, Rate
from lincae_studio.session.rates import in_khz

_log = logging.getLogger(__name__)

#: Increase when the stored format changes: older folders are then ignored.
_STORE_VERSION = 1

#: Processes that repair the same damaged folder at the same time may remove each other's; then it is tried again.
_ATTEMPTS = 5

#: How many verified files of an entry are remembered besides the last one.
_MARKS_KEPT = 15

#: Size limit of a record: more than that of the longest paths.
_MARKS_BYTES = 1 << 20

_RESTORE = "Restore the file, or import the new one"

#: State of an audio file: unchanged, with other content, or missing (or unreadable).
FileState = Literal["here", "changed", "missing"]


class MediaStore:
    """Conformed media in one folder; each is opened at most once."""

    def __init__(self, root: Path) -> None:
        self._root = root / f"media-v{_STORE_VERSION}"
        #: Records of the files that were verified to have the content of an entry.
        self._seen = root / "media-files-v1"
        self._open: dict[str, ConformedMedia] = {}
        #: Which files of conformed audio were found to be damaged, and the digests of their entries.
        self._damaged: dict[tuple[int, ...], str] = {}
        #: Why derived media could not be made, by digest, as the window notes it.
        self.failures: dict[str, str] = {}
        self._lock = threading.RLock()
        #: Called in any thread, with the digest of an entry that is damaged and was discarded.
        self.on_damage: Callable[[str], None] = lambda _: None

    def import_file(
        self,
        path: Path,
        progress: ReportProgress = no_progress,
        cancel: CancelToken | None = None,
        channel_selection: str = "",
        warn: Callable[[str], None] = _log.info,
        expected: str = "",
        rate: Rate = DEFAULT_RATE,
    ) -> Media:
        """Conform a file, unless a file with the same content was conformed before and is undamaged.

        Args:
            channel_selection: which channels, as in `Media`; required for files with more than two.
            warn: receives a message about a file that may be incomplete.
            expected: the digest that the media must have, if any; otherwise nothing is stored.
            rate: the session's, in Hz.

        Raises:
            MediaError: when the file is not complete, finite audio with one or two channels (or with the selected
                ones), its digest is not the expected one, or the store cannot be written.
            Cancelled: when `cancel` was set; nothing is left behind.
        """
        cancel = cancel or CancelToken()
        path = path.absolute()
        with AudioFile(path) as file:
            info = file.info
            if not channel_selection:
                check_width(info)
            if info.warning:
                warn(f"{path.name}: {info.warning}")
            channels = channels_of(channel_selection, info)
            digest = of_selection(file.digest(cancel), channel_selection, rate)
            if expected and digest != expected:
                raise MediaError(f"{path} has changed since the project was saved", _RESTORE)
            self._forget_if_gone(digest)
            stored = self.is_whole(digest, cancel)
            for _ in range(_ATTEMPTS):
                if stored:
                    break
                try:
                    self._keep(digest, resampled(file, channels, rate, progress, cancel), path.name)
                except OSError as error:
                    reason, remedy = os_error_reason(error, self._root)
                    raise MediaError(f"cannot import {path.name} into {self._root}: {reason}", remedy) from error
                stored = self.get(digest) is not None
            file.check_unchanged()
            size, changed_ns = file.status.st_size, file.status.st_mtime_ns
        conformed = self.open(digest)
        mark: list[object] = [str(path), size, changed_ns]
        if mark not in self._marks(digest):
            self._add_mark(digest, mark)
        return Media(
            digest=digest,
            path=str(path),
            sample_rate=info.sample_rate,
            channels=conformed.channels,
            length=conformed.length,
            channel_selection=channel_selection,
            size=size,
        )

    def _forget_if_gone(self, digest: str) -> None:
        """Close an entry whose files were deleted: its map outlives them, but the engine process needs the files."""
        with self._lock:
            if self._open_folder(digest) is None:
                self._open.pop(digest, None)

    def is_whole(self, digest: str, cancel: CancelToken) -> bool:
        """Whether an entry is in the store, and all of it is undamaged. Raises `Cancelled`."""
        conformed = self.get(digest)
        if conformed is None:
            return False
        try:
            conformed.verify(cancel)
        except DamagedMediaError:
            return False
        return True

    def _open_folder(self, digest: str) -> ConformedMedia | None:
        found = open_folder(digest, self._folder(digest), self._discard)
        return None if found is None or found.file in self._damaged else found

    def _discard(self, conformed: ConformedMedia) -> None:
        """Remove a damaged entry from the store, unless another process has replaced it already."""
        digest = conformed.digest
        _log.info("the cached audio %s is damaged", digest)
        with self._lock:
            self._damaged[conformed.file] = digest
            if self._open.get(digest) is conformed:
                del self._open[digest]
            found = self._open_folder(digest)
            if found is None:
                # Its other files may be mapped, and are removed when the entry is recreated.
                with contextlib.suppress(OSError):
                    (self._folder(digest) / INFO).unlink()
        if found is None:
            self.on_damage(digest)

    def close_discarded(self) -> None:
        """Close entries that another process has found to be damaged; `on_damage` is called for each.

        Entries that were deleted as a whole stay open: mapped data can still be read.
        """
        with self._lock:
            folders = [self._folder(digest) for digest in self._open]
            gone = [one.name for one in folders if os.path.exists(one / AUDIO) and not os.path.exists(one / INFO)]
            for digest in gone:
                self._damaged[self._open.pop(digest).file] = digest
        for digest in gone:
            self.on_damage(digest)

    def get(self, digest: str) -> ConformedMedia | None:
        """The media entry if it is in the store and undamaged, else None."""
        with self._lock:
            if digest not in self._open:
                conformed = self._open_folder(digest)
                if conformed is None:
                    return None
                self._open[digest] = conformed
            return self._open[digest]

    def fits(self, media: Media) -> bool:
        """Whether the store has a session's media with the channels and length that the session expects."""
        found = self.get(media.digest)
        return found is not None and (found.channels, found.length) == (media.channels, media.length)

    def open(self, digest: str) -> ConformedMedia:
        """Like `get`, but raises `MediaError` when there is no such entry."""
        conformed = self.get(digest)
        if conformed is None and digest in self._damaged.values():
            raise DamagedMediaError(f"the cached audio {digest[:12]} was damaged on the disk", "Import the file again")
        if conformed is None:
            raise MediaError(f"media file {digest[:12]} is not in the cache", "Import the file again")
        return conformed

    def ensure(self, media: Media, progress: ReportProgress = no_progress, cancel: CancelToken | None = None) -> None:
        """Make sure that a session's media can be opened; conform its file again if it is not in the cache.

        Derived media are made again, from the media that they are derived from.

        Raises:
            MediaError: when the file is missing, is no longer the one the session refers to, or has a different length
                or number of channels, or the audio cannot be processed.
        """
        if media.derived is not None:
            self._derive(media, progress, cancel or CancelToken())
        elif self.get(media.digest) is None:
            try:
                selection, rate = media.channel_selection, rate_of(media.digest)
                self.import_file(Path(media.path), progress, cancel, selection, expected=media.digest, rate=rate)
            except MediaError as error:
                if media.digest not in self._damaged.values():
                    raise
                problem = f"the cached audio of {Path(media.path).name} is damaged and could not be recreated"
                raise MediaError(f"{problem}: {error.problem}", error.remedy) from error
        conformed = self.open(media.digest)
        if (conformed.channels, conformed.length) != (media.channels, media.length):
            raise MediaError(
                f"{media.path} does not fit the project: it has {conformed.channels} × {conformed.length} "
                f"(channels × samples), but the project expects {media.channels} × {media.length}",
                "Restore the project from a backup, or import the file again",
            )

    def _derive(self, media: Media, progress: ReportProgress, cancel: CancelToken) -> None:
        """Make derived media, unless they are stored already. Raises like `ensure`."""
        if self.get(media.digest) is not None:
            return
        before = deriving.made_from(media)
        for attempt in range(_ATTEMPTS):
            if before.derived is not None or media.original is None:
                self.ensure(before, share_of(progress, 0.0, 0.5), cancel)
            made = deriving.samples_of(media, self.open(before.digest), share_of(progress, 0.5, 1.0), cancel)
            try:
                self.put(media.digest, made, media.path)
                return
            except DamagedMediaError:  # and was discarded
                if attempt + 1 == _ATTEMPTS:
                    raise

    def put(self, digest: str, blocks: Iterator[Audio], name: str) -> ConformedMedia:
        """Store blocks of audio `(n, C)` at the session rate under a digest. `name`: for errors.

        Raises:
            MediaError: when the audio is empty or longer than a session, or the store cannot be written; so do errors
                raised by the blocks. Nothing is left behind then.
        """
        if self.get(digest) is None:
            try:
                self._keep(digest, blocks, Path(name).name)
            except OSError as error:
                reason, remedy = os_error_reason(error, self._root)
                raise MediaError(f"cannot store {name} in {self._root}: {reason}", remedy) from error
        return self.open(digest)

    def file_state(self, media: Media, cancel: CancelToken | None = None) -> FileState:
        """Whether the file of an entry still exists, unchanged; for a bundle, whether it exists.

        A file is read in full only where its size is right and its modification time was not recorded before.

        Raises:
            Cancelled: when `cancel` was set.
        """
        media, path = media.source, Path(media.path)
        try:
            status = check_ordinary(path)
            if media.original is not None:
                return "here"
            if media.size and status.st_size != media.size:
                return "changed"
            if [media.path, status.st_size, status.st_mtime_ns] in self._marks(media.digest):
                return "here"
            with bounded.open_regular(path) as file:
                status = os.fstat(file.fileno())
                digest = hash_of(file, path, cancel or CancelToken())
        except (OSError, ValueError, MediaError):
            return "missing"
        if of_selection(digest, media.channel_selection, rate_of(media.digest)) != media.digest:
            return "changed"
        self._add_mark(media.digest, [media.path, status.st_size, status.st_mtime_ns])
        return "here"

    def has_verified(self, media: Media) -> bool:
        """Whether the file of these media was ever verified on this computer, at its path."""
        return any(mark[:1] == [media.path] for mark in self._marks(media.source.digest))

    def _marks(self, digest: str) -> list[list[object]]:
        """The verified files of an entry: paths with their sizes and modification times."""
        try:
            marks = json.loads(bounded.read(self._seen / f"{digest}.json", _MARKS_BYTES))
        except (OSError, ValueError, RecursionError):
            return []
        return [mark for mark in marks if isinstance(mark, list)] if isinstance(marks, list) else []

    def _add_mark(self, digest: str, mark: list[object]) -> None:
        marks = [other for other in self._marks(digest) if other[:1] != mark[:1]]
        with contextlib.suppress(OSError):  # without a record the file is read again the next time
            private.make(self._seen, checked=False)
            write_bytes(self._seen / f"{digest}.json", json.dumps([*marks[-_MARKS_KEPT:], mark]).encode(), private=True)

    def usage(self) -> tuple[int, int]:
        """The number of stored media, and their size in bytes."""
        folders = [folder for folder in self._root.glob("??/*") if not folder.name.startswith(".")]
        return len(folders), sum(file.stat().st_size for folder in folders for file in folder.rglob("*"))

    def clear(self) -> None:
        """Delete all entries; sessions conform their files again when they are opened. Raises `OSError`."""
        with self._lock:
            self._open.clear()
        for folder in (self._root, self._seen):
            if folder.exists():
                shutil.rmtree(folder)

    def _folder(self, digest: str) -> Path:
        return self._root / digest[:2] / digest

    def _keep(self, digest: str, audio: Iterator[Audio], name: str) -> None:
        folder = self._folder(digest)
        private.make(self._root, checked=False)
        private.make(folder.parent, checked=False)
        for place in self._root.iterdir():  # imports that were killed
            sweep(place)
        temporary = folder.with_name(f".{digest[:16]}.{uuid.uuid4().hex[:8]}.part")
        temporary.mkdir(0o700)
        try:
            with held(temporary), FolderWriter(temporary) as writer:
                for block in _whole_blocks(audio):
                    writer.write(block)
                    if writer.length > MAX_LENGTH:
                        problem = f"cannot import {name}: it is longer than {LONGEST}"
                        raise MediaError(problem, "Split it into shorter files")
                if writer.length == 0:
                    problem = f"it is shorter than one sample at {in_khz(rate_of(digest))}"
                    raise MediaError(f"cannot import {name}: {problem}", "Choose a longer file")
                writer.finish()
            self._publish(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _publish(self, temporary: Path, folder: Path, attempts: int = _ATTEMPTS) -> None:
        """Rename the finished folder into place; an existing folder is kept if intact, removed if damaged.

        Other processes may publish or repair the same entry between any two steps, so nothing is removed in place.
        """
        try:
            os.rename(temporary, folder)
        except OSError:
            if self._open_folder(folder.name) is not None:
                return
            if not attempts:
                raise
            bad = folder.with_name(f".{uuid.uuid4().hex}.part")
            try:
                with contextlib.suppress(FileNotFoundError):  # another process removed it
                    os.rename(folder, bad)
                self._publish(temporary, folder, attempts - 1)
            finally:
                shutil.rmtree(bad, ignore_errors=True)


def of_selection(digest: str, selection: str, rate: Rate) -> str:
    """The digest of media at a rate that use a selection of a file's channels, or all of them, by the file's digest."""
    if selection:
        digest = hashlib.sha256(f"{digest}:{selection}".encode()).hexdigest()
    return digest_at(digest, rate)


def digest_of(path: Path, cancel: CancelToken) -> str:
    """SHA-256 of a file's bytes, in hexadecimal. Raises `MediaError`, `Cancelled`."""
    try:
        with bounded.open_regular(path) as file:
            return hash_of(file, path, cancel)
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise MediaError(f"cannot import {path.name}: {reason}", remedy) from error


def _whole_blocks(parts: Iterator[Audio]) -> Iterator[Audio]:
    """Regroup into multiples of the peaks block (the last may be shorter), so that peaks can be computed per block."""
    rest: list[Audio] = []
    waiting = 0
    for part in parts:
        if not rest and len(part) % BLOCK == 0:
            yield part
            continue
        rest.append(part.copy())  # it may be valid until the next one only
        waiting += len(part)
        if waiting >= BLOCK_FRAMES:
            joined = np.concatenate(rest) if len(rest) > 1 else rest[0]
            whole = len(joined) // BLOCK * BLOCK
            yield joined[:whole]
            rest, waiting = ([joined[whole:]] if whole < len(joined) else []), len(joined) - whole
    if waiting:
        yield np.concatenate(rest)
