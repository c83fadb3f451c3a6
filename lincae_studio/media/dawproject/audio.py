"""Importing the audio of a DAWproject into a folder and the media store; undone if reading fails."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from lincae_studio import atomic
from lincae_studio.errors import MediaError, ProjectError, os_error_reason
from lincae_studio.jobs import CancelToken, ReportProgress
from lincae_studio.media.dawproject.document import members_of, reading
from lincae_studio.media.dawproject.names import file_name, member_name, names_to_try
from lincae_studio.media.dawproject.timeline import FileRef
from lincae_studio.media.probe import probe
from lincae_studio.media.store import MediaStore, digest_of
from lincae_studio.session.model import Media

_COPY_BYTES = 1 << 20

_DRIVE = re.compile(r"[A-Za-z]:/")


class AudioFiles:
    """Imports the files that clips refer to, each once. A context manager: written files are deleted on an error."""

    def __init__(
        self, archive: zipfile.ZipFile, path: Path, folder: Path, store: MediaStore, cancel: CancelToken
    ) -> None:
        """`path`: path of the archive, for errors and for files relative to it."""
        self._archive = archive
        self._members = members_of(archive)
        self._path = path
        self._folder = folder
        self._store = store
        self._cancel = cancel
        self._written: list[Path] = []
        self._made: list[Path] = []
        #: Names of files in the folder by their digests.
        self._placed: dict[str, str] = {}
        self.notes: dict[str, None] = {}

    def __enter__(self) -> AudioFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            for path in self._written:
                with contextlib.suppress(OSError):
                    path.unlink()
        if kind is not None or not self._written:
            for folder in reversed(self._made):
                with contextlib.suppress(OSError):
                    folder.rmdir()

    def check_room(self, files: list[FileRef]) -> None:
        """Raise `ProjectError` when the disk has not enough space for the audio files of the archive."""
        found = {member_name(file.path) for file in files if not file.external} & self._members.keys()
        size = sum(self._members[name].file_size for name in found)
        parent = next(place for place in (self._folder, *self._folder.absolute().parents) if os.path.exists(place))
        with self._writing():
            room = shutil.disk_usage(parent).free
        if size > room:
            problem = f"its audio needs {size / 1e9:.1f} GB, but the disk of {parent} has {room / 1e9:.1f} GB free"
            raise ProjectError(f"cannot open {self._path}: {problem}", "Free some space, or choose another folder")

    def media_of(self, file: FileRef, progress: ReportProgress) -> Media | None:
        """Import a file; None, with a note, when it is missing or is not readable audio.

        Raises:
            ProjectError: when the archive is damaged or the folder cannot be written.
            MediaError: when the store cannot be written.
            Cancelled: when the token was set.
        """
        name = f"“{file.path}”"
        place = self._outside(file.path) if file.external else self._extracted(file.path)
        if place is None:
            self.notes[f"the audio file {name} is missing; its clips are left out"] = None
            return None
        try:
            wide = probe(place, wide=True).channels > 2
        except MediaError as error:
            self._leave_out(name, place, error)
            return None
        if wide:
            self.notes[f"{name} has more than 2 channels; it is mixed to mono"] = None
        try:
            return self._store.import_file(place, progress, self._cancel, "mix" if wide else "")
        except MediaError as error:
            if isinstance(error.__cause__, OSError):  # a problem of the store's disk, not of the file
                raise
            self._leave_out(name, place, error)
            return None

    def _leave_out(self, name: str, place: Path, error: MediaError) -> None:
        self.notes[f"the audio file {name} cannot be used and its clips are left out: {error.problem}"] = None
        if place in self._written:
            place.unlink(missing_ok=True)
            self._written.remove(place)

    def _outside(self, text: str) -> Path | None:
        """A file relative to the project or at an absolute path; None when it is missing or on another computer."""
        slashed = text.replace("\\", "/")
        if slashed.startswith("//") or "\0" in slashed or (_DRIVE.match(slashed) and os.name != "nt"):
            return None
        place = Path(os.path.normpath(self._path.absolute().parent / slashed))
        try:
            return place if os.path.exists(place) else None
        except OSError:  # a name that is too long
            return None

    def _extracted(self, path: str) -> Path | None:
        """Extract a file of the archive to the folder; None when the archive does not contain it."""
        info = self._members.get(member_name(path))
        if info is None:
            return None
        with self._writing():
            self._make_folder()
            with atomic.temporary(self._folder) as temporary:
                digest = self._copy(info, temporary)
                # The same content under two names is imported once.
                known = next((place for place in self._written if place.name == self._placed.get(digest)), None)
                place = known or self._place(temporary, file_name(path), digest)
                self._placed[digest] = place.name
                return place

    def _copy(self, info: zipfile.ZipInfo, target: Path) -> str:
        digest = hashlib.sha256()
        with reading(self._path):
            source = self._archive.open(info)
        with source, open(target, "wb") as writing:
            while True:
                self._cancel.check()
                with reading(self._path):
                    data = source.read(_COPY_BYTES)
                if not data:
                    return digest.hexdigest()
                digest.update(data)
                writing.write(data)

    def _place(self, temporary: Path, name: str, digest: str) -> Path:
        """Move the file to its name or another free one; an existing file with the same content is used instead."""
        for candidate in names_to_try(name, digest):
            target = self._folder / candidate
            if not os.path.lexists(target):
                temporary.rename(target)
                self._written.append(target)
                return target
            if target.is_file() and digest_of(target, self._cancel) == digest:
                return target
        raise ProjectError(f"cannot write {name} to {self._folder}: all names are taken", "Choose another folder")

    def _make_folder(self) -> None:
        if not os.path.exists(self._folder):
            missing = [place for place in (self._folder, *self._folder.parents) if not os.path.exists(place)]
            for place in reversed(missing):
                place.mkdir()
                self._made.append(place)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason, remedy = os_error_reason(error, self._folder / "file")
            raise ProjectError(f"cannot write audio to {self._folder}: {reason}", remedy) from error
